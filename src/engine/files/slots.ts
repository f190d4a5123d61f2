/**
 * The switchover of a folder: swaps its contents with those of an inactive slot. After every step, `switchOver` and `switchBack`
 * can continue from the names of the slots alone, in any process.
 *
 * 'rename': `<folder>` itself is renamed; the slots are its siblings. 'children' (mount points): the slots are inside
 * `<folder>` and its children move. In both, with S = staged, P = previous, M = moving:
 *   S         before the switchover
 *   S and M   (children only) live contains only old children
 *   S and P   rename: live is missing; children: live contains only new children
 *   P         after the switchover
 * Anything added to a halfway folder stays live, on whichever side it ends; if its name is taken, it gets another one. 'files',
 * where other apps have files too, is described in file-by-file.ts.
 */
import { chmod, chown, mkdir, readFile, rename, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { syncFile, syncFolder } from '../atomic-file';
import type { SlotPosition } from '../databases/driver';
import { SafekeepError } from '../errors';
import { childrenOf, exists, moveIntoSlot, moveLive, moveRestIntoSlot, putInPlace } from './children';
import { type Ownership, switchBackByFiles, switchOverByFiles } from './file-by-file';
import { makeRemovable } from './removable';
import { droppedOf, type FolderPlan, folderPlanSchema, namesFile, occupiedOf, SLOT_NAME, slotsOf } from './slot-names';

export { type FolderPlan, folderPlanSchema, type Ownership, SLOT_NAME, slotsOf };

/**
 * Creates the empty staged folder, and the live one if it does not exist; returns the path of the staged one, which gets the
 * owner of the live one.
 */
export async function createStaged(plan: FolderPlan): Promise<string> {
  const { staged } = slotsOf(plan);
  await mkdir(plan.folder, { recursive: true });
  await mkdir(staged, { mode: 0o700 });
  const { uid, gid, mode } = await stat(plan.folder);
  await giveTo(staged, uid, gid);
  // With this bit, new files in a folder belong to its group.
  if (mode & 0o2000) await chmod(staged, 0o2700);
  return staged;
}

/** Only root can give folders away; for any other user the owner is usually the same. */
async function giveTo(folder: string, uid: number, gid: number): Promise<void> {
  await chown(folder, uid, gid).catch(() => undefined);
}

export async function positionOf(plan: FolderPlan): Promise<SlotPosition> {
  const [staged, previous, moving] = await Promise.all(Object.values(slotsOf(plan)).map(exists));
  if (moving || (staged && previous)) return 'unclear';
  if (staged) return 'before switchover';
  return previous ? 'after switchover' : 'unclear';
}

/**
 * Makes the staged content live, from 'before switchover' or from anywhere halfway. Does nothing after the switchover.
 * @param owned for mode 'files': owners of the live files, according to the current records; without it only the note counts
 * @returns mode 'files': paths, relative to the folder, whose places other apps have taken, and which are not live
 * @throws SWITCHOVER_FAILED
 */
export async function switchOver(plan: FolderPlan, owned?: Ownership): Promise<string[]> {
  const { staged } = slotsOf(plan);
  if (!(await exists(staged))) return [];
  return await asRefusal(async () => {
    if (plan.mode === 'files') return await switchOverByFiles(plan, owned);
    await (plan.mode === 'rename' ? switchOverByRename(plan) : switchOverByChildren(plan));
    return [];
  });
}

async function switchOverByRename(plan: FolderPlan): Promise<void> {
  const { staged, previous } = slotsOf(plan);
  if (!(await exists(previous))) {
    // The live folder was removed: treat it as empty.
    if (!(await exists(plan.folder))) await mkdir(plan.folder, { recursive: true });
    const { uid, gid, mode, atime, mtime } = await stat(plan.folder);
    await giveTo(staged, uid, gid);
    await chmod(staged, mode & 0o7777);
    await utimes(staged, atime, mtime);
    await syncFolder(staged);
    await rename(plan.folder, previous);
    await syncFolder(path.dirname(staged));
  }
  await putInPlace(staged, plan.folder, plan.folder);
  await syncFolder(path.dirname(staged));
}

async function switchOverByChildren(plan: FolderPlan): Promise<void> {
  const { staged, previous, moving } = slotsOf(plan);
  const { atime, mtime } = await stat(plan.folder);
  if (!(await exists(previous))) {
    if (!(await exists(moving))) {
      await noteNames(plan, { old: await childrenOf(plan.folder), new: await childrenOf(staged) });
      await mkdir(moving, { mode: 0o700 });
      await syncFolder(plan.folder);
      await moveIntoSlot(plan.folder, moving);
    } else await moveRestIntoSlot(plan.folder, moving, await notedAs('old', plan));
    await syncBoth(moving, plan.folder);
    await rename(moving, previous);
    await syncFolder(plan.folder);
  }
  await moveLive(staged, plan.folder);
  await syncBoth(plan.folder, staged);
  await rmdir(staged);
  await conclude(plan, atime, mtime);
}

/**
 * Makes the previous content live again, from 'after switchover' or from anywhere halfway. Does nothing before the
 * switchover. Parameters, result and errors are those of `switchOver`.
 */
export async function switchBack(plan: FolderPlan, owned?: Ownership): Promise<string[]> {
  return await asRefusal(async () => {
    if (plan.mode === 'files') return await switchBackByFiles(plan, owned);
    await (plan.mode === 'rename' ? switchBackByRename(plan) : switchBackByChildren(plan));
    return [];
  });
}

async function switchBackByRename(plan: FolderPlan): Promise<void> {
  const { staged, previous } = slotsOf(plan);
  if (!(await exists(previous))) return;
  if (!(await exists(staged))) {
    if (!(await exists(plan.folder))) await mkdir(plan.folder, { recursive: true });
    await rename(plan.folder, staged);
    await syncFolder(path.dirname(staged));
  }
  await putInPlace(previous, plan.folder, plan.folder);
  await syncFolder(path.dirname(staged));
}

async function switchBackByChildren(plan: FolderPlan): Promise<void> {
  const { staged, previous, moving } = slotsOf(plan);
  const begun = await exists(moving);
  if (!begun && !(await exists(previous))) return;
  const { atime, mtime } = await stat(plan.folder);
  if (!begun) {
    if (!(await exists(staged))) {
      await noteNames(plan, { old: await childrenOf(previous), new: await childrenOf(plan.folder) });
      await mkdir(staged, { mode: 0o700 });
      await syncFolder(plan.folder);
      await moveIntoSlot(plan.folder, staged);
    } else await moveRestIntoSlot(plan.folder, staged, await notedAs('new', plan));
    await syncBoth(staged, plan.folder);
    await rename(previous, moving);
    await syncFolder(plan.folder);
  }
  await moveLive(moving, plan.folder);
  await syncBoth(plan.folder, moving);
  await rmdir(moving);
  await conclude(plan, atime, mtime);
}

/** The folder that loses a name comes last: after a power cut a child should rather have two names than none. */
async function syncBoth(to: string, from: string): Promise<void> {
  await syncFolder(to);
  await syncFolder(from);
}

async function conclude(plan: FolderPlan, atime: Date, mtime: Date): Promise<void> {
  await rm(namesFile(plan), { force: true });
  // A user with write permission for a folder need not own it.
  await utimes(plan.folder, atime, mtime).catch(() => undefined);
  await syncFolder(plan.folder);
}

/**
 * Mode 'children': the names on both sides, noted before anything moves. From it, a halfway switchover knows what was added
 * since.
 */
async function noteNames(plan: FolderPlan, names: { old: Buffer[]; new: Buffer[] }): Promise<void> {
  const text = (side: Buffer[]) => side.map((name) => name.toString('latin1'));
  await writeFile(namesFile(plan), JSON.stringify({ old: text(names.old), new: text(names.new) }), { mode: 0o600 });
  await syncFile(namesFile(plan));
}

const notedSchema = z.object({ old: z.array(z.string()), new: z.array(z.string()) });

/** Without a note, every name belongs to the side. */
async function notedAs(side: 'old' | 'new', plan: FolderPlan): Promise<(name: Buffer) => boolean> {
  const text = await readFile(namesFile(plan), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return () => true;
  const names = new Set(notedSchema.parse(JSON.parse(text))[side]);
  return (name) => names.has(name.toString('latin1'));
}

/** @throws SWITCHOVER_FAILED for an error of the file system; the switchover can then be completed or rolled back */
async function asRefusal<T>(work: () => Promise<T>): Promise<T> {
  return await work().catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOSPC') throw cause;
    throw new SafekeepError('SWITCHOVER_FAILED', { detail: cause.message }, { cause });
  });
}

/** Removes the inactive slot, staged or previous: all of it, or none of it as far as `positionOf` shows. @throws INTERNAL while the folder is halfway */
export async function discard(plan: FolderPlan): Promise<void> {
  const { staged, previous, moving } = slotsOf(plan);
  const both = (await exists(staged)) && (await exists(previous));
  if (both || (await exists(moving))) {
    throw new SafekeepError('INTERNAL', {
      detail: { text: 'the switchover of {{folder}} is incomplete', params: { folder: plan.folder } },
    });
  }
  const dropped = droppedOf(plan);
  await remove(dropped);
  for (const slot of [staged, previous, occupiedOf(plan)]) {
    if (!(await exists(slot))) continue;
    await rename(slot, dropped);
    await remove(dropped);
  }
  for (const note of [`${namesFile(plan)}-next`, namesFile(plan)]) await rm(note, { force: true });
}

async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EACCES' && error.code !== 'EPERM') throw error;
    await makeRemovable(folder);
    await rm(folder, { recursive: true, force: true });
  });
}
