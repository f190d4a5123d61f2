import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

/** By path below the folder, with `/`; the bytes of a name count, so NFC and NFD are two names. */
export type FolderFingerprint = Record<string, { bytes: number; sha256: string }>;

/** Reads every file below a folder. A name that is no UTF-8 is shown in hex; empty folders count as `name/`. */
export async function fingerprintFolder(folder: string): Promise<FolderFingerprint> {
  const result: FolderFingerprint = {};
  await read(Buffer.from(folder), '', result);
  return result;
}

async function read(folder: Buffer, prefix: string, result: FolderFingerprint): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
  if (entries.length === 0 && prefix) result[prefix] = { bytes: 0, sha256: '' };
  for (const entry of entries) {
    const bytes = entry.name as unknown as Buffer;
    const full = Buffer.concat([folder, Buffer.from(path.sep), bytes]);
    const name = prefix + printable(bytes);
    if (entry.isDirectory()) await read(full, `${name}/`, result);
    else if (entry.isSymbolicLink()) result[name] = { bytes: 0, sha256: `link to ${await readlink(full, 'utf8')}` };
    else result[name] = await hashFile(full);
  }
}

function printable(name: Buffer): string {
  const text = name.toString('utf8');
  return Buffer.from(text).equals(name) ? text : `hex:${name.toString('hex')}`;
}

async function hashFile(file: Buffer): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(createReadStream(file), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      hash.update(chunk);
    }
  });
  return { bytes, sha256: hash.digest('hex') };
}
