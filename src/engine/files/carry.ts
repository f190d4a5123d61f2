import { constants } from 'node:fs';
import { chown, copyFile, link, lstat, readlink, stat, symlink, utimes } from 'node:fs/promises';
import { syncFile } from '../atomic-file';
import { toSafekeepError } from '../errors';
import { isSameFile } from './put-live';

/** A name in the live folder, and the same in the staged one. Names are bytes: an upload's name need not be UTF-8. */
export interface Pair {
  live: Buffer;
  staged: Buffer;
}

/**
 * Adds a live file to the staged folder, as a hard link if the file system supports it, else as a synced copy; a symbolic link as
 * such. False when it has vanished in the meantime.
 */
export async function carry({ live, staged }: Pair, isLink: boolean): Promise<'linked' | 'copied' | false> {
  try {
    if (isLink) await symlink(await readlink(live, { encoding: 'buffer' }), staged);
    else if (!(await isLinked(live, staged))) return await copy({ live, staged });
    return 'linked';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !(await lstat(live).catch(() => null))) return false;
    throw toSafekeepError(error, staged.toString());
  }
}

async function isLinked(live: Buffer, staged: Buffer): Promise<boolean> {
  return await link(live, staged).then(
    () => true,
    () => false,
  );
}

async function copy({ live, staged }: Pair): Promise<'copied'> {
  await copyFile(live, staged, constants.COPYFILE_EXCL);
  const { uid, gid, atime, mtime } = await stat(live);
  await chown(staged, uid, gid).catch(() => undefined);
  await utimes(staged, atime, mtime);
  await syncFile(staged);
  return 'copied';
}

/** 'linked': one file, or links to one target; 'copied': a file of the same size and time; false: anything else. */
export async function isCarried({ live, staged }: Pair): Promise<'linked' | 'copied' | false> {
  if (await isSameFile(live, staged)) return 'linked';
  const [a, b] = await Promise.all([live, staged].map((file) => lstat(file).catch(() => null)));
  if (!a || !b || a.isSymbolicLink() !== b.isSymbolicLink()) return false;
  if (a.isSymbolicLink()) {
    const [one, other] = await Promise.all([live, staged].map((file) => readlink(file, { encoding: 'buffer' })));
    return one?.equals(other ?? Buffer.alloc(0)) ? 'linked' : false;
  }
  // Copies preserve times to the millisecond.
  return a.size === b.size && Math.abs(a.mtimeMs - b.mtimeMs) < 2 ? 'copied' : false;
}
