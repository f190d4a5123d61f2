/** Mode 'files': moves the files of a slot to their places. */
import { link, lstat, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../atomic-file';
import { exists } from './children';
import { inParallel } from './parallel';
import { sameContent } from './same-content';
import { type FolderPlan, occupiedOf } from './slot-names';
import { FolderTree, NEVER, pathsIn } from './slot-tree';

/** Error codes of file systems without hard links, or without one for this file. */
const NO_LINK = new Set(['EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV']);

/**
 * Makes all files of a slot live and removes it. A file whose place is taken moves to `occupied`; the other file stays.
 * @returns paths of the files that wait and differ from the file in their place
 */
export async function putLive(plan: FolderPlan, slot: string): Promise<string[]> {
  if (!(await exists(slot))) return [];
  const [live, waiting] = [new FolderTree(plan.folder, slot), new FolderTree(occupiedOf(plan), slot)];
  const refused: string[] = [];
  await inParallel(pathsIn(slot), NEVER, async (file) => {
    const [from, to] = [path.join(slot, file), path.join(plan.folder, file)];
    if ((await live.hasRoomFor(file)) && (await takePlace(from, to))) return;
    if (!(await isCopy(from, to))) refused.push(file);
    await waiting.hasRoomFor(file);
    await rename(from, path.join(occupiedOf(plan), file));
  });
  // A file should rather have two names than none: names in the slot are removed after the others are on the disk.
  await live.sync();
  await waiting.sync();
  await rm(slot, { recursive: true });
  await syncFolder(plan.folder);
  return refused.sort();
}

/** False when another file has the place. Nothing is ever replaced. */
async function takePlace(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return await isSameFile(from, to);
    if (!NO_LINK.has(code)) throw error;
    if (await exists(to)) return false;
    await rename(from, to);
    return true;
  }
}

/** Whether two names refer to one file. */
export async function isSameFile(one: string | Buffer, other: string | Buffer): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((file) => lstat(file, { bigint: true }).catch(() => null)));
  return Boolean(a && b && a.ino === b.ino && a.dev === b.dev);
}

async function isCopy(file: string, other: string): Promise<boolean> {
  const stats = await lstat(other).catch(() => null);
  return Boolean(stats?.isFile()) && (await sameContent(file, other));
}
