/** pg_restore: the list of a dump, SQL for entries of that list, and what it needs for that. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { ManifestDatabase } from '../../../shared/manifest';
import type { RunContext } from '../../context';
import { SafekeepError } from '../../errors';
import { openTool, type ToolCall, writeToTool } from '../../process';
import type { DatabaseConnection, OpenPart } from '../driver';
import { drained } from './command';
import type { ToolEnvironment } from './connection';
import { DUMP_PART } from './dump';
import type { PrivilegesHere } from './privileges';
import type { Renaming } from './rename';
import { type Statement, statementsIn } from './script';
import { listFile, type TocEntry } from './toc';
import type { PostgresTools } from './tools';

/** What is loaded, with which tools. */
export interface LoadRequest {
  tools: PostgresTools;
  backup: ManifestDatabase;
  openPart: OpenPart;
  run: RunContext;
}

export interface Load extends LoadRequest {
  connection: DatabaseConnection;
  environment: ToolEnvironment;
  /**
   * Where each of the app's schemas is loaded to, by its name in the dump. They are there already, with the owner, grants and comment
   * that they keep.
   */
  targets: ReadonlyMap<string, string>;
  privileges: PrivilegesHere;
  versionNumber: number;
  /** Where functions find what they name without a schema, as they do in the app: with the schemas that are loaded into. */
  path: string[];
  /** Given where the dump goes into a database of its own. */
  database?: string;
  /** Given where the dump goes into other schemas than its own. */
  renaming?: Renaming;
}

export const schemasInDump = ({ targets }: Load): string[] => [...targets.keys()];
export const targetSchemas = ({ targets }: Load): string[] => [...targets.values()];

/** The comment that pg_restore ends a script with; a key for psql may follow it. */
const SCRIPT_END = '-- PostgreSQL database dump complete';
const SCRIPT_TAIL_BYTES = 512;

/** Passes a script on and refuses the end of one that is not whole. */
export async function* wholeScript(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let tail = Buffer.alloc(0);
  for await (const chunk of source) {
    tail = Buffer.concat([tail, chunk.subarray(-SCRIPT_TAIL_BYTES)]).subarray(-SCRIPT_TAIL_BYTES);
    yield chunk;
  }
  if (!tail.includes(SCRIPT_END))
    throw new SafekeepError('TOOL_FAILED', { tool: 'pg_restore', detail: 'what it wrote ends early' });
}

/** Statements for entries that hold no rows. They are as the dump has them: nothing is renamed or allowed yet. */
export async function statementsFor(load: Load, entries: TocEntry[], more: string[] = []): Promise<Statement[]> {
  if (entries.length === 0) return [];
  const list = await writeList(load, 'some', entries);
  const call = toolCall(load, ['-f', '-', ...more, `--use-list=${list}`]);
  return throughRestore(load, call, { isBeginningEnough: true }, (script) => statementsIn(wholeScript(script)));
}

/** The list of the dump. */
export async function listOf(load: Load): Promise<string> {
  const dump = await load.openPart(load.backup.parts[0] ?? DUMP_PART);
  let text = '';
  await writeToTool(toolCall(load, ['--list']), dump, (part) => (text += part));
  return text;
}

export interface Feeding {
  /** pg_restore needs no rows: the dump is not read further than it reads itself. */
  isBeginningEnough?: boolean;
  onChunk?: (chunk: Buffer) => void;
}

/**
 * Feeds the dump to pg_restore and lets `read` read what it writes. Unless its beginning is enough, the dump is read to its end even
 * when pg_restore has had enough: only there is known whether its bytes are those that were backed up.
 * @throws what the dump's stream throws, TOOL_FAILED, TOOL_TIMED_OUT, CANCELLED, and what `read` throws
 */
export async function throughRestore<T>(
  load: Load,
  call: ToolCall,
  { isBeginningEnough = false, onChunk }: Feeding,
  read: (script: AsyncIterable<Buffer>) => Promise<T>,
): Promise<T> {
  const dump = await load.openPart(load.backup.parts[0] ?? DUMP_PART);
  const restore = openTool(call);
  let dumpError: unknown;
  const fed = feed(dump, restore.stdin, !isBeginningEnough, onChunk).catch((error: unknown) => {
    dumpError = error;
    restore.stdout.destroy();
  });
  try {
    const result = await read(restore.stdout as AsyncIterable<Buffer>);
    await restore.exited;
    if (isBeginningEnough) return result;
    await fed;
    if (dumpError) throw dumpError;
    return result;
  } catch (error) {
    // The first cause: when one of them ends, the others end with errors of their own.
    const ofDump = dumpError;
    throw ofDump ?? error;
  } finally {
    restore.stdout.destroy();
    dump.destroy();
    await fed;
  }
}

async function feed(
  source: Readable,
  target: Writable,
  toEnd: boolean,
  onChunk?: (chunk: Buffer) => void,
): Promise<void> {
  for await (const chunk of source as AsyncIterable<Buffer>) {
    onChunk?.(chunk);
    if (!target.writable) {
      if (toEnd) continue;
      break;
    }
    if (!target.write(chunk)) await drained(target);
  }
  target.end();
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

/** Reports progress while the dump is read: a row is a line of it; the few lines around rows are counted along. */
export function rowCounter({ backup, run }: LoadRequest): (chunk: Buffer) => void {
  const total = backup.tables.reduce((sum, table) => sum + (table.rows ?? 0), 0);
  let lines = 0;
  return (chunk) => {
    lines += countLines(chunk);
    run.progress({ done: Math.min(lines, total), total, unit: 'rows' });
  };
}

const NEWLINE = 10;

function countLines(chunk: Buffer): number {
  let lines = 0;
  for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) lines += 1;
  return lines;
}
