import { type FileHandle, open } from 'node:fs/promises';

const CHUNK_BYTES = 1 << 20;

/** Whether two regular files contain the same bytes. */
export async function sameContent(one: string, other: string): Promise<boolean> {
  const handles: FileHandle[] = [];
  try {
    for (const file of [one, other]) handles.push(await open(file));
    const [a, b] = handles as [FileHandle, FileHandle];
    if ((await a.stat()).size !== (await b.stat()).size) return false;
    const [left, right] = [Buffer.alloc(CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)];
    for (;;) {
      const [read, alsoRead] = [await fill(a, left), await fill(b, right)];
      if (read !== alsoRead || !left.subarray(0, read).equals(right.subarray(0, read))) return false;
      if (read < CHUNK_BYTES) return true;
    }
  } finally {
    for (const handle of handles) await handle.close();
  }
}

/** Reads until the buffer is full or the file ends. */
async function fill(handle: FileHandle, buffer: Buffer): Promise<number> {
  let filled = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled);
    filled += bytesRead;
    if (bytesRead === 0 || filled === buffer.length) return filled;
  }
}
