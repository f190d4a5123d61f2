import { createReadStream, read } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { notFound } from '../errors';

/** Random access to the bytes of an archive at any location. */
export interface ArchiveSource {
  readonly size: number;
  /** Bytes from `start` (inclusive) to `end` (exclusive). Several reads can run at once. */
  read(start: number, end: number): Readable;
  close(): Promise<void>;
}

/** @throws NOT_FOUND */
export async function openLocalArchive(file: string): Promise<ArchiveSource> {
  const handle = await open(file, 'r').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') throw notFound('file', file, { cause });
    throw cause;
  });
  const { size } = await handle.stat();
  // A stream that is destroyed closes its descriptor regardless of `autoClose`; this one belongs to the handle.
  const fs = { read, close: (_fd: number, done: (error: null) => void) => done(null) };
  return {
    size,
    read: (start, end) => createReadStream('', { fd: handle.fd, fs, start, end: end - 1, highWaterMark: 1 << 20 }),
    close: () => handle.close(),
  };
}

/** Reads a small range whole. */
export async function readRange(source: ArchiveSource, start: number, end: number): Promise<Buffer> {
  if (end <= start) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  for await (const chunk of source.read(start, end)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
