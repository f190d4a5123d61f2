import { createWriteStream } from 'node:fs';
import { chmod, copyFile, link, lstat, mkdir, utimes } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ArchiveEntry } from '../../shared/manifest';
import { syncFolder } from '../atomic-file';
import type { RunContext } from '../context';
import { SafekeepError, toSafekeepError } from '../errors';
import { isInside } from './roots';
import { walk } from './walk';

/** How many files are written at once; hides the latency of small ones. */
const PARALLEL = 8;

export interface StagedFile {
  /** Relative to the root, decoded and safe. */
  path: string;
  entry: ArchiveEntry;
}

/** Writes files into an empty staged folder and syncs them. Streams that fail their checks fail the stage. */
export async function stageFiles(
  staged: string,
  files: readonly StagedFile[],
  openEntry: (entry: ArchiveEntry) => Promise<Readable>,
  run: RunContext,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const folders = new Set<string>();
  const waiting = files[Symbol.iterator]();
  const stop = new AbortController();
  const signal = AbortSignal.any([run.signal, stop.signal]);
  const worker = async () => {
    for (const file of waiting) {
      signal.throwIfAborted();
      const target = path.join(staged, file.path);
      if (!isInside(staged, target)) throw new SafekeepError('UNSAFE_ENTRY', { entry: file.entry.name });
      const folder = path.dirname(target);
      if (!folders.has(folder)) {
        await mkdir(folder, { recursive: true });
        folders.add(folder);
      }
      await writeOne(target, file.entry, await openEntry(file.entry), signal, onBytes);
    }
  };
  // The first failure stops the others, and all have stopped when it is thrown: the caller removes the folder then.
  let failure: unknown;
  const stopping = async () => {
    await worker().catch((error: unknown) => {
      failure ??= error;
      stop.abort();
    });
  };
  await Promise.all(Array.from({ length: PARALLEL }, stopping));
  if (failure !== undefined) throw failure;
  for (const folder of [staged, ...folders]) await syncFolder(folder);
}

async function writeOne(
  target: string,
  entry: ArchiveEntry,
  source: Readable,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  source.on('data', (chunk: Buffer) => onBytes(chunk.length));
  source.pause();
  await pipeline(source, createWriteStream(target, { flags: 'wx', flush: true }), { signal }).catch(
    (error: unknown) => {
      throw toSafekeepError(error, path.dirname(target));
    },
  );
  if (entry.mode !== undefined) await chmod(target, entry.mode & 0o777);
  if (entry.mtimeMs !== undefined) await utimes(target, new Date(), new Date(entry.mtimeMs));
}

/**
 * Merge: gives the staged folder every live file it does not have itself, as a hard link where the file system can,
 * else as a copy. Called right before the switch, so that the latest uploads are kept.
 */
export async function carryOver(live: string, staged: string, run: RunContext): Promise<number> {
  let carried = 0;
  for await (const file of walk(live, run)) {
    const target = path.join(staged, file.path);
    const there = await lstat(target).catch(() => null);
    if (there) continue;
    await mkdir(path.dirname(target), { recursive: true });
    const source = path.join(live, file.path);
    await link(source, target).catch(() => copyFile(source, target));
    carried += 1;
  }
  return carried;
}
