/**
 * Mode 'files': the switchover of a folder in which other apps have files too. Only files of this app move; each takes its place
 * by a link that never replaces anything, so that all other files stay.
 *
 * The slots are inside the folder and contain files by their paths. The states are those of mode 'children':
 *   S         before the switchover
 *   S and M   old files are leaving; no new file is live
 *   S and P   all old files have left; new files take their places
 *   P         after the switchover
 * A file whose place is taken waits in `occupied`, belongs to the live side, and leaves with it.
 */
import { lstat, mkdir, rename, rm, rmdir, unlink } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../atomic-file';
import { exists } from './children';
import { type AddLine, madeFolders, type NotedFile, notedFiles, writeNote } from './names-note';
import { uploadAt } from './own-file';
import { inParallel } from './parallel';
import { isSameFile, putLive } from './put-live';
import { type FolderPlan, occupiedOf, slotsOf } from './slot-names';
import { FolderTree, NEVER, pathsIn } from './slot-tree';

/** Owners of the files of a folder, according to the current records. Paths are relative to the folder, '/' between folders. */
export interface Ownership {
  ours: Iterable<string>;
  /** Files of other apps, even if this app's records name them. */
  theirs: ReadonlySet<string>;
}

type Side = NotedFile['side'];

/** Contract: `switchOver` in slots.ts. */
export async function switchOverByFiles(plan: FolderPlan, owned?: Ownership): Promise<string[]> {
  const { staged, previous, moving } = slotsOf(plan);
  if (!(await exists(previous))) {
    if (!(await exists(moving))) {
      await writeNote(plan, async (add) => {
        await noteLive(plan, 'old', owned, add);
        await noteSlot(staged, 'new', add);
        await noteMissingFolders(plan, staged, add);
      });
      await makeSlot(moving, plan);
    }
    await moveOut(plan, 'old', moving);
    await rename(moving, previous);
    await syncFolder(plan.folder);
  }
  return await putLive(plan, staged);
}

/** Contract: `switchBack` in slots.ts. */
export async function switchBackByFiles(plan: FolderPlan, owned?: Ownership): Promise<string[]> {
  const { staged, previous, moving } = slotsOf(plan);
  if (!(await exists(moving))) {
    if (!(await exists(previous))) return [];
    if (!(await exists(staged))) {
      await writeNote(plan, async (add) => {
        await noteLive(plan, 'new', owned, add);
        await noteSlot(previous, 'old', add);
        for (const folder of await madeFolders(plan)) await add(folder);
      });
      await makeSlot(staged, plan);
    }
    await moveOut(plan, 'new', staged);
    await removeMade(plan);
    await rename(previous, moving);
    await syncFolder(plan.folder);
  }
  return await putLive(plan, moving);
}

async function makeSlot(slot: string, { folder }: FolderPlan): Promise<void> {
  await mkdir(slot, { mode: 0o700 });
  await syncFolder(folder);
}

/** Notes the live files of one side: the unchanged files of the last note, and the files that records name. */
async function noteLive(plan: FolderPlan, side: Side, owned: Ownership | undefined, add: AddLine): Promise<void> {
  const passedOver = await pathsWaiting(plan);
  const isNew = (file: string) => {
    if (passedOver.has(file) || owned?.theirs.has(file)) return false;
    passedOver.add(file);
    return true;
  };
  await inParallel(owned?.ours ?? [], NEVER, async (file) => {
    const stats = isNew(file) && (await uploadAt(plan.folder, file));
    if (stats) await add({ side, path: file, bytes: stats.size, mtimeMs: stats.mtimeMs });
  });
  await inParallel(notedFiles(plan, side), NEVER, async (noted) => {
    if (isNew(noted.path) && (await isStillThere(plan, noted))) await add(noted);
  });
}

async function noteSlot(slot: string, side: Side, add: AddLine): Promise<void> {
  await inParallel(pathsIn(slot), NEVER, async (file) => {
    const { size, mtimeMs } = await lstat(path.join(slot, file));
    await add({ side, path: file, bytes: size, mtimeMs });
  });
}

async function noteMissingFolders(plan: FolderPlan, staged: string, add: AddLine): Promise<void> {
  const seen = new Set(['.']);
  const note = async (folder: string) => {
    if (seen.has(folder)) return;
    seen.add(folder);
    await note(path.posix.dirname(folder));
    // One of the app's own files may have the name now, and leave.
    const stats = await lstat(path.join(plan.folder, folder)).catch(() => null);
    if (!stats?.isDirectory()) await add({ side: 'made', path: folder });
  };
  for await (const file of pathsIn(staged)) await note(path.posix.dirname(file));
}

/** Moves the live side's files from the note into a slot, along with those that wait for their places. Repeatable. */
async function moveOut(plan: FolderPlan, side: Side, slot: string): Promise<void> {
  const into = new FolderTree(slot, plan.folder);
  const left = new Set<string>();
  const waiting = await pathsWaiting(plan);
  await inParallel(notedFiles(plan, side), NEVER, async (noted) => {
    const [from, to] = [path.join(plan.folder, noted.path), path.join(slot, noted.path)];
    const hasLeft = waiting.has(noted.path) || (await exists(to));
    // Killed between taking its place and leaving the slot.
    if (hasLeft && !(await isSameFile(from, to))) return;
    if (!hasLeft && !(await isStillThere(plan, noted))) return;
    left.add(path.dirname(from));
    if (hasLeft) return await unlink(from);
    await into.hasRoomFor(noted.path);
    await rename(from, to);
  });
  const fromWaiting = new FolderTree(slot, occupiedOf(plan));
  await inParallel(waiting, NEVER, async (file) => {
    await fromWaiting.hasRoomFor(file);
    await rename(path.join(occupiedOf(plan), file), path.join(slot, file));
  });
  await into.sync();
  await fromWaiting.sync();
  await inParallel(left, NEVER, syncFolder);
  await rm(occupiedOf(plan), { recursive: true, force: true });
}

async function pathsWaiting(plan: FolderPlan): Promise<Set<string>> {
  const waiting = new Set<string>();
  for await (const file of pathsIn(occupiedOf(plan))) waiting.add(file);
  return waiting;
}

/** Removes the folders that the switchover has created, if they are empty. */
async function removeMade(plan: FolderPlan): Promise<void> {
  for (const { path: folder } of (await madeFolders(plan)).reverse()) {
    const place = path.join(plan.folder, folder);
    const isGone = await rmdir(place).then(
      () => true,
      () => false,
    );
    if (isGone) await syncFolder(path.dirname(place));
  }
}

/** Whether the file of a note is unchanged and in its place. */
async function isStillThere({ folder }: FolderPlan, { path: file, bytes, mtimeMs }: NotedFile): Promise<boolean> {
  const stats = await uploadAt(folder, file);
  return stats?.size === bytes && stats.mtimeMs === mtimeMs;
}
