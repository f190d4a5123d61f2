/** The losses of a restore: rows and files that are live and not in the backup. Changes nothing. */
import type { PreviewAnswer } from '../shared/api';
import type { Content } from '../shared/runs';
import { decodeEntryPath, FILES_PREFIX } from './archive/format';
import type { ArchiveReader } from './archive/reader';
import { requireContents } from './compatibility';
import type { DatabaseDriver } from './databases/driver';
import { planFolders } from './files/plan';
import { walk } from './files/walk';
import type { Site } from './site';
import type { SwitchoverParts } from './switchover';

/** How many tables are compared: those with the most rows. */
const TABLES = 20;
/** Limit for counting; a table that is not counted by then is shown without a number. */
const COUNT_LIMIT_MS = 5_000;

/** @throws NOT_IN_BACKUP, ARCHIVE_DAMAGED, DATABASE_UNREACHABLE */
export async function losses(
  reader: ArchiveReader,
  { contents, filesMode }: { contents: readonly Content[]; filesMode: 'mirror' | 'merge' },
  parts: { site: Site; driver: DatabaseDriver } & Pick<SwitchoverParts, 'ownership'>,
): Promise<PreviewAnswer> {
  const { manifest } = reader;
  requireContents(manifest, contents);
  const isPartial = contents.length < 2;
  return {
    backupAt: manifest.createdAt,
    tables: contents.includes('database') ? await changedTables(reader, parts.driver) : [],
    removedFiles:
      contents.includes('files') && filesMode === 'mirror' ? await removedFiles(reader, contents, parts) : null,
    isPartial,
  };
}

/** Tables whose number of rows would change, those with the most rows first. */
async function changedTables({ manifest }: ArchiveReader, driver: DatabaseDriver): Promise<PreviewAnswer['tables']> {
  const { database } = manifest;
  if (!database || database.dialect !== driver.dialect) return [];
  const counted = database.tables.filter(({ rows, dataExcluded }) => rows !== null && !dataExcluded);
  const largest = counted.sort((a, b) => (b.rows ?? 0) - (a.rows ?? 0)).slice(0, TABLES);
  const now = await driver.countRows(
    largest.map(({ name }) => name),
    COUNT_LIMIT_MS,
  );
  return largest
    .map(({ name, rows }) => ({ name, now: now.get(name) ?? null, then: rows ?? 0 }))
    .filter((table) => table.now !== table.then);
}

async function removedFiles(
  reader: ArchiveReader,
  contents: readonly Content[],
  { site, ownership }: { site: Site } & Pick<SwitchoverParts, 'ownership'>,
): Promise<PreviewAnswer['removedFiles']> {
  const { targets } = await planFolders(reader.manifest, 'preview', contents, site);
  const owned = await ownership?.(targets.map(({ plan }) => plan));
  const entries = await reader.entries();
  const removed = { count: 0, bytes: 0, newestMs: 0 };
  for (const { rootId, recordedOnly, plan } of targets) {
    const prefix = `${FILES_PREFIX}${rootId}/`;
    const kept = new Set(
      entries
        .filter(({ name, recorded }) => name.startsWith(prefix) && (!recordedOnly || recorded))
        .map(({ name }) => decodeEntryPath(name.slice(prefix.length))),
    );
    const ours = recordedOnly ? new Set(owned?.get(plan.folder)?.ours) : null;
    for await (const file of walk(plan.folder, new AbortController().signal, () => undefined, [site.ownFolder])) {
      if (kept.has(file.path) || (ours && !ours.has(file.path))) continue;
      removed.count += 1;
      removed.bytes += file.bytes;
      removed.newestMs = Math.max(removed.newestMs, file.mtimeMs);
    }
  }
  const { count, bytes, newestMs } = removed;
  return { count, bytes, newestAt: newestMs > 0 ? new Date(newestMs).toISOString() : null };
}
