/** pg_restore: the list of a dump, SQL for entries of that list, and the input for both. */
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

/** The source of a load and its tools. */
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
   * Target schema of each of the app's schemas, by its name in the dump. The targets exist and keep their owner, grants and comment.
   */
  targets: ReadonlyMap<string, string>;
  privileges: PrivilegesHere;
  versionNumber: number;
  /** The search path in which functions find unqualified names, as in the app, with the target schemas. */
  path: string[];
  /** Set where the dump goes into a separate database. */
  database?: string;
  /** Set where the dump goes into other schemas than its own. */
  renaming?: Renaming;
}

export const schemasInDump = ({ targets }: Load): string[] => [...targets.keys()];
export const targetSchemas = ({ targets }: Load): string[] => [...targets.values()];

/** The comment that ends a script of pg_restore; a psql command can follow it. */
const SCRIPT_END = '-- PostgreSQL database dump complete';
const SCRIPT_TAIL_BYTES = 512;

/** Passes a script on and fails if its end is missing. */
export async function* wholeScript(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let tail = Buffer.alloc(0);
  for await (const chunk of source) {
    tail = Buffer.concat([tail, chunk.subarray(-SCRIPT_TAIL_BYTES)]).subarray(-SCRIPT_TAIL_BYTES);
    yield chunk;
  }
  if (!tail.includes(SCRIPT_END)) {
    throw new SafekeepError('TOOL_FAILED', { tool: 'pg_restore', detail: { text: 'its output is incomplete' } });
  }
}

/** Statements for entries without rows, as in the dump: neither renamed nor checked yet. */
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
  /** pg_restore needs no rows: only as much of the dump is read as it requests. */
  isBeginningEnough?: boolean;
  onChunk?: (chunk: Buffer) => void;
}

/**
 * Feeds the dump to pg_restore and lets `read` consume its output. Unless the beginning is enough, the dump is read to its end even
 * when pg_restore needs no more: its checksum is known only there.
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
    // Keep the first cause: when one of them ends, the others end with errors of their own.
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

/** Reports progress while the dump is read: each line counts as a row, including the few lines around rows. */
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
