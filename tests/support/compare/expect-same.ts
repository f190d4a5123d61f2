import type { Fingerprint } from './fingerprint';
import type { FolderFingerprint } from './folder';

const MOST_LINES = 20;

/** What differs, one readable line each; empty when nothing does. */
export function differences(before: Fingerprint, after: Fingerprint): string[] {
  return [...tableDifferences(before, after), ...schemaDifferences(before.schema, after.schema)];
}

/** @throws Error that names tables, row counts and the definitions that differ */
export function expectSame(before: Fingerprint, after: Fingerprint): void {
  report(differences(before, after), 'The databases differ');
}

/** @throws Error that names the files that differ */
export function expectSameFiles(before: FolderFingerprint, after: FolderFingerprint): void {
  report(fileDifferences(before, after), 'The folders differ');
}

function report(found: string[], title: string): void {
  if (found.length === 0) return;
  const more = found.length > MOST_LINES ? [`… and ${found.length - MOST_LINES} more`] : [];
  throw new Error([`${title}:`, ...found.slice(0, MOST_LINES), ...more].join('\n  '));
}

function tableDifferences({ tables: before }: Fingerprint, { tables: after }: Fingerprint): string[] {
  return allKeys(before, after).flatMap((name) => {
    const [old, now] = [before[name], after[name]];
    if (!old) return [`table ${name} is new (${now?.rows} rows)`];
    if (!now) return [`table ${name} is gone (had ${old.rows} rows)`];
    if (old.rows !== now.rows) return [`table ${name} has ${now.rows} rows instead of ${old.rows}`];
    return old.sha256 === now.sha256 ? [] : [`table ${name} has ${now.rows} rows with other content`];
  });
}

/** Paragraphs that only one side has; where both have one of the same title, the first line in which they differ. */
function schemaDifferences(before: string, after: string): string[] {
  const [old, now] = [byTitle(before), byTitle(after)];
  return allKeys(old, now).flatMap((title) => {
    const [was, is] = [old[title], now[title]];
    if (was === is) return [];
    if (was === undefined) return [`new in the schema: ${title}`];
    if (is === undefined) return [`gone from the schema: ${title}`];
    const [wasLines, isLines] = [was.split('\n'), is.split('\n')];
    const at = wasLines.findIndex((line, index) => line !== isLines[index]);
    const index = at === -1 ? wasLines.length : at;
    return [`${title}: «${wasLines[index] ?? ''}» became «${isLines[index] ?? ''}»`];
  });
}

function byTitle(schema: string): Record<string, string> {
  const result: Record<string, string> = {};
  let title = '';
  for (const line of schema.split('\n')) {
    if (line.startsWith('-- ')) title = line;
    if (line) result[title] = title in result ? `${result[title]}\n${line}` : line;
  }
  return result;
}

function fileDifferences(before: FolderFingerprint, after: FolderFingerprint): string[] {
  return allKeys(before, after).flatMap((name) => {
    const [old, now] = [before[name], after[name]];
    const shown = JSON.stringify(name);
    if (!old) return [`${shown} is new`];
    if (!now) return [`${shown} is gone`];
    if (old.bytes !== now.bytes) return [`${shown} has ${now.bytes} bytes instead of ${old.bytes}`];
    return old.sha256 === now.sha256 ? [] : [`${shown} has other content`];
  });
}

function allKeys(a: Record<string, unknown>, b: Record<string, unknown>): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
}
