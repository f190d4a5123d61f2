import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ArchiveEntry } from '../../shared/manifest';
import { syncFile, syncFolder } from '../atomic-file';
import type { RunContext } from '../context';
import { SafekeepError, toSafekeepError } from '../errors';
import { inParallel } from './parallel';
import { isInside } from './roots';
import { SLOT_NAME } from './slot-names';

/** Larger files are streamed, smaller ones written in one piece. */
const ONE_PIECE_BYTES = 1 << 20;

export interface StagedFile {
  /** Relative to the root, decoded and safe. */
  path: string;
  entry: ArchiveEntry;
}

/**
 * Writes files into an empty staged folder; all of them are on the disk when it returns. They get the owner of the folder. A
 * stream that fails its checks fails the stage.
 */
export async function stageFiles(
  staged: string,
  files: readonly StagedFile[],
  openEntry: (entry: ArchiveEntry) => Promise<Readable>,
  run: RunContext,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const owner = await ownerToGive(staged);
  const folders = await makeFolders(staged, files, owner);
  await inParallel(files, run.signal, async (file, signal) => {
    await writeOne(targetOf(staged, file), file.entry, owner, await openEntry(file.entry), signal, onBytes);
  });
  // Not one by one while writing: the first sync writes all files together, which makes the others cheap.
  await inParallel(files, run.signal, async (file) => {
    if (isReadable(file.entry)) await syncFile(targetOf(staged, file));
  });
  await inParallel(folders, run.signal, syncFolder);
}

function targetOf(staged: string, { path: relative, entry }: StagedFile): string {
  const target = path.join(staged, relative);
  const isOurs = relative.split('/').some((part) => SLOT_NAME.test(part));
  if (isOurs || !isInside(staged, target)) throw new SafekeepError('UNSAFE_ENTRY', { entry: entry.name });
  return target;
}

interface Owner {
  uid: number;
  gid: number;
}

/** null where new files have the right owner anyway, or the process cannot change owners. */
async function ownerToGive(staged: string): Promise<Owner | null> {
  const { uid, gid } = await stat(staged);
  return process.getuid?.() === 0 && (uid !== 0 || gid !== 0) ? { uid, gid } : null;
}

/** Returns all folders, including the staged one. */
async function makeFolders(staged: string, files: readonly StagedFile[], owner: Owner | null): Promise<Set<string>> {
  const folders = new Set([staged]);
  const make = async (folder: string) => {
    if (folders.has(folder)) return;
    await make(path.dirname(folder));
    await mkdir(folder);
    if (owner) await withFile(folder, 'r', (handle) => handle.chown(owner.uid, owner.gid));
    folders.add(folder);
  };
  for (const file of files) await make(path.dirname(targetOf(staged, file)));
  return folders;
}

async function writeOne(
  target: string,
  { bytes, mode, mtimeMs }: ArchiveEntry,
  owner: Owner | null,
  source: Readable,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const write = async (handle: FileHandle, chunks: AsyncIterable<Buffer>) => {
    const waiting: Buffer[] = [];
    for await (const chunk of chunks) {
      onBytes(chunk.length);
      if (bytes > ONE_PIECE_BYTES) await handle.writeFile(chunk);
      else waiting.push(chunk);
    }
    if (waiting.length > 0) await handle.writeFile(Buffer.concat(waiting));
    if (owner) await handle.chown(owner.uid, owner.gid);
    if (mode !== undefined) await handle.chmod(mode & 0o777);
    if (mtimeMs !== undefined) await handle.utimes(new Date(), new Date(mtimeMs));
    if (!isReadable({ mode })) await handle.sync();
  };
  const sink = (chunks: AsyncIterable<Buffer>) => withFile(target, 'wx', (handle) => write(handle, chunks));
  await pipeline(source, sink, { signal }).catch((error: unknown) => {
    throw toSafekeepError(error, path.dirname(target));
  });
}

/** Whether the owner can open the file again. */
function isReadable({ mode }: Pick<ArchiveEntry, 'mode'>): boolean {
  return mode === undefined || (mode & 0o400) !== 0;
}

async function withFile(file: string, flags: string, work: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(file, flags);
  try {
    await work(handle);
  } finally {
    await handle.close();
  }
}
