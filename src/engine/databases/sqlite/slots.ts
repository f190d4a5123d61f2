/**
 * The two slots of a SQLite restore: the live file, and beside it `<db>.safekeep-<id>.staged` (what a switch makes live)
 * or `<db>.safekeep-<id>.previous` (what a switch replaced). With L, S, P for the three files:
 *
 *   L and S              before the switch
 *   L and P              after the switch
 *   all three            a switch, or an undo, was killed after its link: P, or S, is another name of L, which has to go
 *   S and P, L missing   half way, where the folder knows no hard links; an empty L is what an app made that started then
 *   anything else        unclear
 */
import type { BigIntStats } from 'node:fs';
import { link, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../../atomic-file';
import { SafekeepError } from '../../errors';
import type { SlotPosition } from '../driver';

export interface SqliteSlots {
  /** Absolute paths, all in one folder. */
  live: string;
  staged: string;
  previous: string;
}

export function slotNames(live: string, id: string): { staged: string; previous: string } {
  const base = path.basename(live);
  return { staged: `${base}.safekeep-${id}.staged`, previous: `${base}.safekeep-${id}.previous` };
}

/** Paths of a plan's slots. @throws INTERNAL for names that `slotNames` never gives */
export function slotsOf(live: string, names: Record<string, string>): SqliteSlots {
  const inFolder = (name: string | undefined) => {
    if (!name || !/^[^/\\]+\.safekeep-[a-z0-9]+\.(staged|previous)$/.test(name)) {
      throw new SafekeepError('INTERNAL', { detail: `the plan names a file that is not Safekeep’s: ${name}` });
    }
    return path.join(path.dirname(live), name);
  };
  return { live, staged: inFolder(names.staged), previous: inFolder(names.previous) };
}

/** See above. Changes nothing. */
export async function positionOf(slots: SqliteSlots): Promise<SlotPosition> {
  const [live, staged, previous] = await look(slots);
  if (!live || (previous && live.size === 0n)) return 'unclear';
  if ([staged, previous].some((inactive) => inactive && isSame(live, inactive))) return 'unclear';
  if (staged) return previous ? 'unclear' : 'before switchover';
  return previous ? 'after switchover' : 'unclear';
}

/** The file that is not live. @throws NOTHING_TO_UNDO when there is none, or when it cannot be told which one it is */
export async function inactiveFile(slots: SqliteSlots): Promise<string> {
  const position = await positionOf(slots);
  if (position === 'unclear') throw new SafekeepError('NOTHING_TO_UNDO');
  return position === 'before switchover' ? slots.staged : slots.previous;
}

/** Bytes on disk that removing the inactive files gives back. */
export async function inactiveBytes(slots: SqliteSlots): Promise<number> {
  const files = [slots.staged, slots.previous].flatMap((file) => [file, ...SIDECARS.map((ending) => file + ending)]);
  const found = await Promise.all(files.map(statOrNull));
  return found.reduce((sum, stats) => sum + Number((stats?.blocks ?? 0n) * 512n), 0);
}

/**
 * Ends an exchange that was killed, so that each file has one name; from half way, the previous file is live again then.
 * Never touches what no exchange leaves behind.
 */
export async function settle(slots: SqliteSlots): Promise<void> {
  const [live, staged, previous] = await look(slots);
  if (staged && previous && (!live || live.size === 0n)) {
    await removeSidecars(slots.live);
    await rename(slots.previous, slots.live);
  } else if (live && previous && isSame(live, previous)) {
    await rm(slots.previous);
  } else if (live && staged && isSame(live, staged)) {
    await rm(slots.staged);
  } else return;
  await syncFolder(path.dirname(slots.live));
}

/**
 * Gives the live file the journals that go with it, should an exchange have been killed before it could: those that lie at a
 * slot that is not there.
 */
export async function rejoinSidecars(slots: SqliteSlots): Promise<void> {
  const position = await positionOf(slots);
  if (position === 'before switchover') await moveSidecars(slots.previous, slots.live);
  if (position === 'after switchover') await moveSidecars(slots.staged, slots.live);
}

/** True when neither slot is there. */
export async function hasNoInactiveFile(slots: SqliteSlots): Promise<boolean> {
  const [, staged, previous] = await look(slots);
  return !staged && !previous;
}

/**
 * Gives the live file the name `aside` and the file at `incoming` the live name, durably. With hard links there is no instant
 * without a live file. Whoever calls holds the live database locked and has emptied its WAL.
 */
export async function switchOver(live: string, incoming: string, inactive: string): Promise<void> {
  const folder = path.dirname(live);
  await linkOrRename(live, inactive);
  await syncFolder(folder);
  try {
    await rename(incoming, live);
  } catch (error) {
    // Also right after a link: renaming a file onto another name of itself changes nothing, so the name is removed then.
    await rename(inactive, live);
    await rm(inactive, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** Removes both slots aside and their sidecars. @throws INTERNAL when it can not be told which file is the live one */
export async function removeInactiveFiles(slots: SqliteSlots): Promise<void> {
  await settle(slots);
  await rejoinSidecars(slots);
  if (!(await hasNoInactiveFile(slots)) && (await positionOf(slots)) === 'unclear') {
    const files = Object.values(slots).join(', ');
    throw new SafekeepError('INTERNAL', {
      detail: `it can not be told which of these files is the live one: ${files}`,
    });
  }
  await removeWithSidecars(slots.staged);
  await removeWithSidecars(slots.previous);
  await syncFolder(path.dirname(slots.live));
}

const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'EMLINK', 'EXDEV']);

async function linkOrRename(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!NO_HARD_LINKS.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await rename(from, to);
  }
}

async function look(slots: SqliteSlots): Promise<(BigIntStats | null)[]> {
  return Promise.all([slots.live, slots.staged, slots.previous].map(statOrNull));
}

async function statOrNull(file: string): Promise<BigIntStats | null> {
  try {
    return await stat(file, { bigint: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

const SIDECARS = ['-journal', '-wal', '-shm'];

/** Removes a database file with its journal, WAL and shared-memory file. */
export async function removeWithSidecars(file: string): Promise<void> {
  await rm(file, { force: true });
  await removeSidecars(file);
}

export async function removeSidecars(file: string): Promise<void> {
  for (const ending of SIDECARS) await rm(file + ending, { force: true });
}

/** Renames the sidecars of a file so that they go with its other name. */
export async function moveSidecars(from: string, to: string): Promise<void> {
  for (const ending of SIDECARS) if (await statOrNull(from + ending)) await rename(from + ending, to + ending);
}
