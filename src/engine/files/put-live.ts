/** Mode 'files': files of a slot take their places. */
import { link, lstat, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../atomic-file';
import { exists } from './children';
import { inParallel } from './parallel';
import { sameContent } from './same-content';
import { type FolderPlan, occupiedOf } from './slot-names';
import { FolderTree, NEVER, pathsIn } from './slot-tree';

/** What file systems answer that have no hard links, or not for this file. */
const NO_LINK = new Set(['EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV']);

/**
 * Puts all files of a slot live and removes it. A place that is taken stays as it is, and the file waits in `occupied`.
 * @returns paths of the files that wait although what has their place differs from them
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
  // A file rather has two names than none: those in the slot go when the others are on the disk.
  await live.sync();
  await waiting.sync();
  await rm(slot, { recursive: true });
  await syncFolder(plan.folder);
  return refused.sort();
}

/** False where something else has the place. Nothing is ever replaced. */
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

/** Whether two names are of one file. */
export async function isSameFile(one: string | Buffer, other: string | Buffer): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((file) => lstat(file, { bigint: true }).catch(() => null)));
  return Boolean(a && b && a.ino === b.ino && a.dev === b.dev);
}

async function isCopy(file: string, other: string): Promise<boolean> {
  const stats = await lstat(other).catch(() => null);
  return Boolean(stats?.isFile()) && (await sameContent(file, other));
}
