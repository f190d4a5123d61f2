/**
 * The exchange of a folder's content with the content of a slot aside. Every step is a rename that leaves a state from
 * which `finish` and `takeBack` know by the names alone how to go on, whoever was killed in between.
 *
 * 'rename': `<folder>` itself is renamed; the slots are its siblings. 'children' (mount points): the slots lie inside
 * `<folder>` and its children move. In both, with S = staged, P = previous, M = moving:
 *   S         before the switch
 *   S and M   (children only) live still holds only old children
 *   S and P   rename: live is missing; children: live holds only new children
 *   P         after the switch
 */
import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../atomic-file';
import type { SlotPosition } from '../databases/driver';
import { SafekeepError } from '../errors';
import type { ExchangeMode } from './roots';

/** Plain JSON, written to the journal. */
export interface FolderPlan {
  /** Absolute, links resolved. */
  folder: string;
  mode: ExchangeMode;
  /** Lower-case letters and digits. */
  id: string;
}

/** File systems allow 255 bytes for a name; the rest is for what a slot appends. */
const MAX_BASE_BYTES = 200;

/** Names of slots; such entries are never backed up and never moved as content. */
export const SLOT_NAME = /^\.(?:.+\.)?safekeep-[a-z0-9]+\.(?:staged|previous|moving)$/;

export function slotsOf(plan: FolderPlan): { staged: string; previous: string; moving: string } {
  const base =
    plan.mode === 'rename'
      ? path.join(path.dirname(plan.folder), `.${shortened(path.basename(plan.folder))}.safekeep-${plan.id}`)
      : path.join(plan.folder, `.safekeep-${plan.id}`);
  return { staged: `${base}.staged`, previous: `${base}.previous`, moving: `${base}.moving` };
}

/** A name short enough to have something appended; long ones stay apart by their hash. */
function shortened(name: string): string {
  if (Buffer.byteLength(name) <= MAX_BASE_BYTES) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 12);
  return `${name.replace(/[^\w.-]/g, '').slice(0, 100)}-${hash}`;
}

/** Makes the empty staged folder, and the live one should it not exist yet; returns the staged one's path. */
export async function createStaged(plan: FolderPlan): Promise<string> {
  const { staged } = slotsOf(plan);
  await mkdir(plan.folder, { recursive: true });
  await mkdir(staged, { mode: 0o700 });
  return staged;
}

export async function positionOf(plan: FolderPlan): Promise<SlotPosition> {
  const [staged, previous, moving] = await Promise.all(Object.values(slotsOf(plan)).map(exists));
  if (moving || (staged && previous)) return 'unclear';
  if (staged) return 'before switch';
  return previous ? 'after switch' : 'unclear';
}

/** Brings the staged content live, from 'before switch' or from anywhere half way. Does nothing after the switch. */
export async function finish(plan: FolderPlan): Promise<void> {
  const { staged, previous, moving } = slotsOf(plan);
  if (!(await exists(staged))) return;
  if (plan.mode === 'rename') {
    if (!(await exists(previous))) {
      await chmod(staged, (await stat(plan.folder)).mode & 0o7777);
      await rename(plan.folder, previous);
    }
    await rename(staged, plan.folder);
  } else {
    if (!(await exists(previous))) {
      await mkdir(moving, { recursive: true, mode: 0o700 });
      await moveChildren(plan.folder, moving);
      await rename(moving, previous);
    }
    await moveChildren(staged, plan.folder);
    await rmdir(staged);
  }
  await syncFolder(path.dirname(staged));
}

/** Brings the previous content back live, from 'after switch' or from anywhere half way. Does nothing before the switch. */
export async function takeBack(plan: FolderPlan): Promise<void> {
  const { staged, previous, moving } = slotsOf(plan);
  if (plan.mode === 'rename') {
    if (!(await exists(previous))) return;
    if (!(await exists(staged))) await rename(plan.folder, staged);
    await rename(previous, plan.folder);
  } else {
    if (await exists(previous)) {
      await mkdir(staged, { recursive: true, mode: 0o700 });
      await moveChildren(plan.folder, staged);
      await rename(previous, moving);
    }
    if (!(await exists(moving))) return;
    await moveChildren(moving, plan.folder);
    await rmdir(moving);
  }
  await syncFolder(path.dirname(staged));
}

/** Removes the slot aside, staged or previous; refuses while an exchange is half way. */
export async function discard(plan: FolderPlan): Promise<void> {
  const { staged, previous, moving } = slotsOf(plan);
  const both = (await exists(staged)) && (await exists(previous));
  if (both || (await exists(moving))) {
    throw new SafekeepError('INTERNAL', { detail: `the exchange of ${plan.folder} is half way` });
  }
  await rm(staged, { recursive: true, force: true });
  await rm(previous, { recursive: true, force: true });
}

async function moveChildren(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) {
    if (SLOT_NAME.test(name)) continue;
    await rename(path.join(from, name), path.join(to, name));
  }
  await syncFolder(to);
}

async function exists(file: string): Promise<boolean> {
  return await lstat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
