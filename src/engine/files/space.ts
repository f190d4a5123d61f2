/** Disk space: used by folders and free. */
import { lstat, opendir, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Space } from '../room';

/** Needed and free space per file system; folders of one file system are added up under the first of them. */
export async function spaceOf(needs: readonly { folder: string; needed: number }[]): Promise<Space[]> {
  const byDevice = new Map<number, Space>();
  for (const { folder, needed } of needs) {
    const existing = await nearestFolder(folder);
    const { dev } = await stat(existing);
    const { bavail, bsize } = await statfs(existing);
    const found = byDevice.get(dev) ?? { folder, needed: 0, free: bavail * bsize };
    byDevice.set(dev, { ...found, needed: found.needed + needed });
  }
  return [...byDevice.values()];
}

/** The folder itself, or the nearest existing one above it. */
export async function nearestFolder(folder: string): Promise<string> {
  return await statfs(folder).then(
    () => folder,
    () => nearestFolder(path.dirname(folder)),
  );
}

/** Bytes of all files below a folder; 0 when there is none. Deleting a file with other names elsewhere frees nothing, so it does not count. */
export async function bytesBelow(folder: string): Promise<number> {
  const directory = await opendir(folder).catch(() => null);
  let bytes = 0;
  for await (const entry of directory ?? []) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) bytes += await bytesBelow(file);
    else
      bytes += await lstat(file).then(
        ({ size, nlink }) => (nlink > 1 ? 0 : size),
        () => 0,
      );
  }
  return bytes;
}
