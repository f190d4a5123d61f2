/** The moves of a switchover: each part of the data trades places with the content of its slot. */
import type { Content } from '../shared/runs';
import type { RunContext } from './context';
import type { DatabaseDriver, DatabasePlan, SlotPosition } from './databases/driver';
import { messageOf, toSafekeepError } from './errors';
import * as slots from './files/slots';
import { withPauses } from './patience';

/** A position at which no move is halfway. */
export type Settled = Exclude<SlotPosition, 'unclear'>;

/** `to`: where the plan stands when the move is complete. */
export interface Move<Plan> {
  plan: Plan;
  to: Settled;
}

/** Everything one switchover moves, together or not at all. */
export interface Moves {
  database: Move<DatabasePlan> | null;
  folders: Move<slots.FolderPlan>[];
}

/** The slots of a restore or a verification. */
export interface Slots {
  database: DatabasePlan | null;
  folders: slots.FolderPlan[];
}

export function contentsOf({ database, folders }: Slots): Content[] {
  return [...(database ? ['database' as const] : []), ...(folders.length > 0 ? ['files' as const] : [])];
}

/** Which app owns the files of shared folders, by path of the folder; see `files/file-by-file.ts`. */
export type Owned = ReadonlyMap<string, slots.Ownership>;

/** The moves that bring staged data live. */
export function movesOf({ database, folders }: Slots): Moves {
  const live = <Plan>(plan: Plan): Move<Plan> => ({ plan, to: 'after switchover' });
  return { database: database && live(database), folders: folders.map(live) };
}

export function slotsOf({ database, folders }: Moves): Slots {
  return { database: database?.plan ?? null, folders: folders.map(({ plan }) => plan) };
}

/** The moves that reverse these moves. */
export function reversed({ database, folders }: Moves): Moves {
  const back = <Plan>({ plan, to }: Move<Plan>): Move<Plan> => ({ plan, to: opposite(to) });
  return { database: database && back(database), folders: folders.map(back) };
}

export function opposite(position: Settled): Settled {
  return position === 'after switchover' ? 'before switchover' : 'after switchover';
}

/**
 * Completes moves from any position; can be repeated. Folders go first: if the database refuses, renames bring them back.
 * @throws SWITCHOVER_FAILED
 */
export async function complete(moves: Moves, driver: DatabaseDriver, run: RunContext, owned?: Owned): Promise<void> {
  for (const { plan, to } of moves.folders) {
    const move = to === 'after switchover' ? slots.switchOver : slots.switchBack;
    for (const file of await move(plan, owned?.get(plan.folder))) {
      const params = { file, folder: plan.folder };
      run.log('warn', { text: 'Not live because another app has a file of that name: {{file}} in {{folder}}', params });
    }
  }
  if (!moves.database) return;
  const { plan, to } = moves.database;
  if ((await driver.position(plan)) === to) return;
  if (to === 'after switchover') await driver.switchOver(plan, run);
  else await driver.switchBack(plan, run);
}

/** Whether moves are complete. The database decides where there is one: folders move first and follow it. */
export async function areComplete(moves: Moves, driver: DatabaseDriver): Promise<boolean> {
  if (moves.database) return (await driver.position(moves.database.plan)) === moves.database.to;
  const positions = await Promise.all(moves.folders.map(({ plan }) => slots.positionOf(plan)));
  return moves.folders.every(({ to }, index) => positions[index] === to);
}

/** Whether no move has begun, or all of them were reversed. */
export async function haveNotBegun(moves: Moves, driver: DatabaseDriver): Promise<boolean> {
  const { database, folders } = moves;
  const began = async (position: Promise<SlotPosition>, to: Settled) => {
    const found = await position;
    return found === to || found === 'unclear';
  };
  for (const { plan, to } of folders) if (await began(slots.positionOf(plan), to)) return false;
  return !database || !(await began(driver.position(database.plan), database.to));
}

const DISCARD_ATTEMPTS = 3;

/**
 * Discards inactive slots: staged data that is not needed, or previous data that is no longer kept.
 * @returns whether all of them were discarded; failures are logged
 */
export async function discardSlots(
  made: Slots,
  driver: DatabaseDriver,
  run: Pick<RunContext, 'log'>,
): Promise<boolean> {
  let gone = true;
  const work = [
    ...made.folders.map((plan) => () => slots.discard(plan)),
    ...(made.database ? [made.database].map((plan) => () => driver.discard(plan)) : []),
  ];
  for (const discard of work) {
    await withPauses(discard, { attempts: DISCARD_ATTEMPTS }).catch((error: unknown) => {
      const detail = messageOf(toSafekeepError(error));
      run.log('warn', { text: 'Cleanup failed: {{detail}}', params: { detail } });
      gone = false;
    });
  }
  return gone;
}
