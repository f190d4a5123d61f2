/**
 * The two slots of a SQLite restore: the live file, and next to it `<db>.safekeep-<id>.staged` (which a switchover makes live)
 * or `<db>.safekeep-<id>.previous` (which a switchover replaced). With L, S, P for the three files:
 *
 *   L and S              before the switchover
 *   L and P              after the switchover
 *   all three            killed after the link: P, or S, is another name of L, which has to be removed
 *   S and P, L missing   halfway, where the folder has no hard links; an app that started then has created an empty L
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

/** Paths of a plan's slots. @throws INTERNAL for names that do not come from `slotNames` */
export function slotsOf(live: string, names: Record<string, string>): SqliteSlots {
  const inFolder = (name: string | undefined) => {
    if (!name || !/^[^/\\]+\.safekeep-[a-z0-9]+\.(staged|previous)$/.test(name)) {
      throw new SafekeepError('INTERNAL', {
        detail: { text: 'the plan names a file that is not Safekeep’s: {{name}}', params: { name: name ?? '' } },
      });
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

/** The file that is not live. @throws NOTHING_TO_UNDO when there is none, or when it is unclear which one it is */
export async function inactiveFile(slots: SqliteSlots): Promise<string> {
  const position = await positionOf(slots);
  if (position === 'unclear') throw new SafekeepError('NOTHING_TO_UNDO');
  return position === 'before switchover' ? slots.staged : slots.previous;
}

/** Disk space that removing the inactive files frees, in bytes. */
export async function inactiveBytes(slots: SqliteSlots): Promise<number> {
  const files = [slots.staged, slots.previous].flatMap((file) => [file, ...SIDECARS.map((ending) => file + ending)]);
  const found = await Promise.all(files.map(statOrNull));
  return found.reduce((sum, stats) => sum + Number((stats?.blocks ?? 0n) * 512n), 0);
}

/**
 * Cleans up after a killed switchover, so that each file has one name; from halfway, the previous file becomes live again.
 * Never touches anything else.
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
 * Returns the live file's journals to it if a switchover was killed before doing so: these are the journals next to a slot that
 * does not exist.
 */
export async function rejoinSidecars(slots: SqliteSlots): Promise<void> {
  const position = await positionOf(slots);
  if (position === 'before switchover') await moveSidecars(slots.previous, slots.live);
  if (position === 'after switchover') await moveSidecars(slots.staged, slots.live);
}

/** True when neither slot exists. */
export async function hasNoInactiveFile(slots: SqliteSlots): Promise<boolean> {
  const [, staged, previous] = await look(slots);
  return !staged && !previous;
}

/**
 * Renames the live file to `inactive` and the file at `incoming` to the live name, durably. With hard links there is no moment
 * without a live file. The caller holds a lock on the live database and has emptied its WAL.
 */
export async function switchOver(live: string, incoming: string, inactive: string): Promise<void> {
  const folder = path.dirname(live);
  await linkOrRename(live, inactive);
  await syncFolder(folder);
  try {
    await rename(incoming, live);
  } catch (error) {
    // Also right after a link: renaming a file to another name of itself changes nothing, so that name is removed instead.
    await rename(inactive, live);
    await rm(inactive, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** Removes both inactive files and their sidecars. @throws INTERNAL when it is unclear which file is live */
export async function removeInactiveFiles(slots: SqliteSlots): Promise<void> {
  await settle(slots);
  await rejoinSidecars(slots);
  if (!(await hasNoInactiveFile(slots)) && (await positionOf(slots)) === 'unclear') {
    const files = Object.values(slots).join(', ');
    throw new SafekeepError('INTERNAL', {
      detail: { text: 'it is unclear which of these files is live: {{files}}', params: { files } },
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

/** Renames the sidecars of a file so that they match its other name. */
export async function moveSidecars(from: string, to: string): Promise<void> {
  for (const ending of SIDECARS) if (await statOrNull(from + ending)) await rename(from + ending, to + ending);
}
