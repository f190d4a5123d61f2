/** Mode 'files': the contents of both sides of a switchover, noted before anything moves. A line of JSON each. */
import { open, rename } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { syncFolder } from '../atomic-file';
import { type FolderPlan, namesFile } from './slot-names';

/** A file of one side. If its path has another size or time now, it is another file. */
export interface NotedFile {
  side: 'old' | 'new';
  /** Relative to the folder, '/' between folders. */
  path: string;
  bytes: number;
  mtimeMs: number;
}

/** A folder that the switchover creates. */
export interface MadeFolder {
  side: 'made';
  path: string;
}

const lineSchema: z.ZodType<NotedFile | MadeFolder> = z.discriminatedUnion('side', [
  z.object({ side: z.enum(['old', 'new']), path: z.string(), bytes: z.number(), mtimeMs: z.number() }),
  z.object({ side: z.literal('made'), path: z.string() }),
]);

const CHUNK_LINES = 1000;

export type AddLine = (line: NotedFile | MadeFolder) => Promise<void>;

/** Replaces the whole note with what `fill` adds, which can read the note being replaced. */
export async function writeNote(plan: FolderPlan, fill: (add: AddLine) => Promise<void>): Promise<void> {
  const file = namesFile(plan);
  const next = `${file}-next`;
  const handle = await open(next, 'w', 0o600);
  try {
    const chunk: string[] = [];
    let written = Promise.resolve();
    const flush = () => {
      const text = chunk.splice(0).join('');
      written = written.then(() => handle.writeFile(text));
      return written;
    };
    await fill(async (line) => {
      if (chunk.push(`${JSON.stringify(line)}\n`) >= CHUNK_LINES) await flush();
    });
    await flush();
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(next, file);
  await syncFolder(path.dirname(file));
}

/** The files that the note lists for one side; none without a note. */
export async function* notedFiles(plan: FolderPlan, side: NotedFile['side']): AsyncGenerator<NotedFile> {
  for await (const line of linesOf(plan)) if (line.side !== 'made' && line.side === side) yield line;
}

/** The folders that the note lists, outer ones first. */
export async function madeFolders(plan: FolderPlan): Promise<MadeFolder[]> {
  const made: MadeFolder[] = [];
  for await (const line of linesOf(plan)) if (line.side === 'made') made.push(line);
  return made;
}

async function* linesOf(plan: FolderPlan): AsyncGenerator<NotedFile | MadeFolder> {
  const handle = await open(namesFile(plan)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (!handle) return;
  try {
    for await (const line of handle.readLines()) yield lineSchema.parse(JSON.parse(line));
  } finally {
    await handle.close();
  }
}
