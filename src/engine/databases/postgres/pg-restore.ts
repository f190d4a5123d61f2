/** What pg_restore makes of a dump: SQL for the entries of a list. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import type { ManifestDatabase } from '../../../shared/manifest';
import type { RunContext } from '../../context';
import { SafekeepError } from '../../errors';
import { type ToolCall, writeToTool } from '../../process';
import type { OpenPart } from '../driver';
import type { ToolEnvironment } from './connection';
import { DUMP_PART } from './dump';
import type { PostgresTools } from './tools';
import { type Renaming, renameInScript } from './rename';
import type { PrivilegesHere } from './privileges';
import { listFile, type TocEntry } from './toc';

/** What is loaded, with which programs. */
export interface LoadRequest {
  tools: PostgresTools;
  backup: ManifestDatabase;
  openPart: OpenPart;
  run: RunContext;
}

export interface Load extends LoadRequest {
  environment: ToolEnvironment;
  /** The app's schemas; they are there already, with the owner, rights and comment that they keep. */
  schemas: string[];
  privileges: PrivilegesHere;
  versionNumber: number;
  /** Given where the dump goes into other schemas than its own. */
  renaming?: Renaming;
}

/** pg_restore 17 and newer begin with a parameter that older servers do not know. */
export function withoutUnknownSettings(load: Load): Transform {
  let head: Buffer | null = Buffer.alloc(0);
  const end = Buffer.from('SET row_security = off;');
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (head === null) return done(null, chunk);
      head = Buffer.concat([head, chunk]);
      if (!head.includes(end) && head.length < 64 * 1024) return done();
      const text = withoutUnknownSettingsIn(head, load.versionNumber);
      head = null;
      done(null, text);
    },
    flush(done) {
      done(null, head === null ? undefined : withoutUnknownSettingsIn(head, load.versionNumber));
    },
  });
}

function withoutUnknownSettingsIn(sql: Buffer, versionNumber: number): Buffer {
  const unknown = Buffer.from('SET transaction_timeout = 0;\n');
  const at = versionNumber >= 170_000 ? -1 : sql.indexOf(unknown);
  return at < 0 ? sql : Buffer.concat([sql.subarray(0, at), sql.subarray(at + unknown.length)]);
}

/** The comment that pg_restore ends a script with; a key for psql may follow it. */
export const SCRIPT_END = '-- PostgreSQL database dump complete';
export const SCRIPT_TAIL_BYTES = 512;

export function scriptCut(): SafekeepError {
  return new SafekeepError('TOOL_FAILED', { tool: 'pg_restore', detail: 'what it wrote ends early' });
}

/** A whole script for these entries, to be run by psql. They hold no rows. */
export async function scriptOf(load: Load, entries: TocEntry[], more: string[] = []): Promise<string> {
  const list = await writeList(load, 'some', entries);
  const text = await restoreText(load, ['-f', '-', ...more, `--use-list=${list}`]);
  if (!text.slice(-SCRIPT_TAIL_BYTES).includes(SCRIPT_END)) throw scriptCut();
  const known = withoutUnknownSettingsIn(Buffer.from(text), load.versionNumber).toString();
  return load.renaming ? renameInScript(known, load.renaming) : known;
}

/** What pg_restore prints when it is given the dump. It ends the input early when the beginning is enough for it. */
export async function restoreText(load: Load, args: string[]): Promise<string> {
  const dump = await load.openPart(load.backup.parts[0] ?? DUMP_PART);
  let text = '';
  await writeToTool(toolCall(load, args), dump, (part) => (text += part));
  return text;
}

export function toolCall({ tools, environment, run }: Load, args: string[]): ToolCall {
  return {
    path: tools.pg_restore,
    args,
    env: environment.env,
    signal: run.signal,
    onStderrLine: (line) => run.log('warn', { text: '{{tool}}: {{line}}', params: { tool: 'pg_restore', line } }),
  };
}

export async function writeList({ environment }: Load, name: string, entries: TocEntry[]): Promise<string> {
  const file = path.join(environment.folder, `${name}.list`);
  await writeFile(file, listFile(entries), { mode: 0o600 });
  return file;
}
