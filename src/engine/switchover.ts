/**
 * The exchange of live and prepared data, and everything that follows from it: reload, health check, the way back and
 * undo. Works on slots that are filled already. What a crash leaves half way is for recovery.ts.
 */
import type { StepOf } from '../shared/runs';
import type { RunContext, SteppedRun } from './context';
import type { DatabaseDriver, DatabasePlan, SlotPosition } from './databases/driver';
import { SafekeepError, toSafekeepError } from './errors';
import * as slots from './files/slots';
import { carryOver, type Carried } from './files/carry-over';
import type { Direction, JournalEntry, JournalFile } from './journal';
import { withPauses } from './patience';

/** The app around the data: what the engine asks of it during the exchange. */
export interface AppControl {
  /**
   * From now on every request is answered with "maintenance" and no job begins; resolves when those in flight have ended or a
   * limit is over. `what.database`: other data will be live, and jobs that wait for the data of now must not meet it.
   */
  enterMaintenance(what: { database: boolean }, run: Pick<RunContext, 'log'>): Promise<void>;
  /** Ends maintenance, whatever state the app is in. */
  leaveMaintenance(): Promise<void>;
  /** Closes the app's own connections to its database. */
  disconnect(): Promise<void>;
  /**
   * Connects again and loads the app anew on the data that is live now, migrations included; 'previous' when that is what it
   * worked with before the maintenance. Throws when it does not come up.
   */
  reload(data: 'new' | 'previous'): Promise<void>;
  /** Throws when the app does not work. */
  healthCheck(): Promise<void>;
}

/** The two slots of everything a restore exchanged; kept for undo. */
export interface Slots {
  database: DatabasePlan | null;
  folders: slots.FolderPlan[];
}

/** By path of the folder. */
export type Owned = ReadonlyMap<string, slots.Ownership>;

/** What an exchange works with. */
export interface SwitchoverParts {
  driver: DatabaseDriver;
  journal: JournalFile;
  app: AppControl;
  /** Whose the files in folders of mode 'files' are, by the records of now. Asked while the app is in maintenance. */
  ownership?(plans: readonly slots.FolderPlan[]): Promise<Owned>;
  /** The app is up on the other state: writes down how the run ended and what is kept. The journal goes only after it. */
  whenUp(made: Slots): Promise<void>;
}

/**
 * Exchanges the slots of an earlier restore back, just as atomically; called again it exchanges them forth again.
 * @throws NOTHING_TO_UNDO when a slot aside is gone
 */
export async function undo(
  made: Slots,
  request: Pick<SwitchoverRequest, 'runId' | 'undoHours'>,
  parts: SwitchoverParts,
  run: SteppedRun<StepOf<'undo'>>,
): Promise<void> {
  const direction = await run.step('prepare', async () => {
    const positions = await positionsOf(made, parts.driver);
    const all = (wanted: SlotPosition) => positions.every((position) => position === wanted);
    if (!all('after switchover') && !all('before switchover')) throw new SafekeepError('NOTHING_TO_UNDO');
    run.pointOfNoReturn();
    return all('after switchover') ? 'undo' : 'redo';
  });
  await switchOver(direction, made, { ...request, filesMode: 'mirror' }, parts, run);
}

export interface SwitchoverRequest {
  runId: string;
  filesMode: 'mirror' | 'merge';
  /** How long the state that is replaced will be kept; for whoever has to finish after a crash. */
  undoHours: number;
}

/** Maintenance, exchange, reload, health check; and the way back when the app does not come up. */
export async function switchOver(
  direction: Exclude<Direction, 'verify'>,
  made: Slots,
  request: SwitchoverRequest,
  { driver, journal, app, whenUp, ownership }: SwitchoverParts,
  run: SteppedRun<'switchover' | 'reload' | 'healthCheck'>,
): Promise<void> {
  const { runId, undoHours } = request;
  const journalled = { runId, direction, undoHours, starts: 0, ...made };
  const { forward, backward } = waysOf(direction);
  let switched = false;
  try {
    await run.step('switchover', async () => {
      const owners = async () => (await ownership?.(made.folders)) ?? new Map<string, slots.Ownership>();
      const carried = request.filesMode === 'merge' ? await mergeFolders(made, await owners(), run) : [];
      await app.enterMaintenance({ database: made.database !== null }, run);
      const owned = await owners();
      for (const { plan, files } of carried) {
        const count = await files.update(run, owned.get(plan.folder));
        run.log('info', { text: '{{count}} newer files kept in {{folder}}', params: { count, folder: plan.folder } });
      }
      await app.disconnect();
      await journal.write({ ...journalled, state: 'switching over' });
      await forward(made, driver, run, owned);
      await journal.write({ ...journalled, state: 'switched over' });
      switched = true;
      run.log('info', { text: 'Exchanged; the app is loaded on the data that is live now' });
    });
    await run.step('reload', () => app.reload('new'));
    await run.step('healthCheck', () => app.healthCheck());
    run.log('info', { text: 'The app is up; the state before is kept aside' });
    await whenUp(made);
  } catch (error) {
    await rollBack(backward, made, { driver, journal, app }, journalled, error, run);
    if (!switched) throw error;
    throw new SafekeepError('RESTORED_APP_UNHEALTHY', { detail: toSafekeepError(error).message }, { cause: error });
  } finally {
    await app.leaveMaintenance();
  }
  await journal.remove();
}

/** @throws ROLLBACK_FAILED; the journal then stays for the next start */
async function rollBack(
  backward: Move,
  made: Slots,
  { driver, journal, app }: Omit<SwitchoverParts, 'whenUp'>,
  journalled: Omit<JournalEntry, 'state'>,
  reason: unknown,
  run: RunContext,
): Promise<void> {
  run.log('error', {
    text: 'Going back to the previous state: {{reason}}',
    params: { reason: toSafekeepError(reason).message },
  });
  try {
    const again = async () => {
      await app.disconnect();
      await journal.write({ ...journalled, state: 'rolling back' });
      await backward(made, driver, run);
      await app.reload('previous');
    };
    await withPauses(again, {
      attempts: Number.POSITIVE_INFINITY,
      otherwise: ROLLBACK_ATTEMPTS,
      onFailure: (attempt, error) => {
        const params = { detail: toSafekeepError(error).message };
        if (attempt <= ROLLBACK_ATTEMPTS) run.log('warn', { text: 'The way back is tried again: {{detail}}', params });
      },
    });
    if (journalled.direction !== 'restore' || (await discardSlots(made, driver, run))) await journal.remove();
  } catch (cause) {
    throw new SafekeepError('ROLLBACK_FAILED', { detail: toSafekeepError(cause).message }, { cause });
  }
}

/** How often the way back is tried. As long as the database is away nothing else can help, and it is waited for without end. */
const ROLLBACK_ATTEMPTS = 3;
/** What can not be dropped is dropped later, by whoever finds the journal. */
const DROP_ATTEMPTS = 3;

/**
 * Drops the slots aside: staged data that is not wanted, or a previous state that is no longer kept.
 * @returns whether all of it is gone; what is not is told in the log
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
  for (const drop of work) {
    await withPauses(drop, { attempts: DROP_ATTEMPTS }).catch((error: unknown) => {
      const detail = toSafekeepError(error).message;
      run.log('warn', { text: 'Could not be cleaned up: {{detail}}', params: { detail } });
      gone = false;
    });
  }
  return gone;
}

type Move = (made: Slots, driver: DatabaseDriver, run: RunContext, owned?: Owned) => Promise<void>;

/** What an exchange does and what takes it back; both can be repeated from anywhere half way. */
export function waysOf(direction: Direction): { forward: Move; backward: Move; done: SlotPosition } {
  return direction === 'undo'
    ? { forward: switchBack, backward: bringLive, done: 'before switchover' }
    : { forward: bringLive, backward: switchBack, done: 'after switchover' };
}

export async function positionsOf(made: Slots, driver: DatabaseDriver) {
  const folders = await Promise.all(made.folders.map((plan) => slots.positionOf(plan)));
  return made.database ? [...folders, await driver.position(made.database)] : folders;
}

/** Files first: should the database refuse, they go back by renames. */
async function bringLive(made: Slots, driver: DatabaseDriver, run: RunContext, owned?: Owned): Promise<void> {
  for (const plan of made.folders) warnOfTaken(await slots.switchOver(plan, owned?.get(plan.folder)), plan, run);
  if (made.database && (await driver.position(made.database)) !== 'after switchover') {
    await driver.switchOver(made.database, run);
  }
}

async function switchBack(made: Slots, driver: DatabaseDriver, run: RunContext, owned?: Owned): Promise<void> {
  for (const plan of made.folders) warnOfTaken(await slots.switchBack(plan, owned?.get(plan.folder)), plan, run);
  if (made.database && (await driver.position(made.database)) !== 'before switchover') {
    await driver.switchBack(made.database, run);
  }
}

function warnOfTaken(files: readonly string[], { folder }: slots.FolderPlan, run: Pick<RunContext, 'log'>): void {
  for (const file of files) {
    run.log('warn', { text: 'Not live, another app has a file of that name: {{file}}', params: { file, folder } });
  }
}

/** What live folders have beside the staged ones, while the app still serves. */
async function mergeFolders(made: Slots, owned: Owned, run: RunContext) {
  const carried: { plan: slots.FolderPlan; files: Carried }[] = [];
  for (const plan of made.folders) carried.push({ plan, files: await carryOver(plan, run, owned.get(plan.folder)) });
  return carried;
}
