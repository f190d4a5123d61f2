/**
 * The exchange of live and prepared data, and everything that follows from it: reload, health check, the way back,
 * undo, and recovery after a crash. Works on slots that are filled already.
 */
import type { StepOf } from '../shared/runs';
import type { RunContext, SteppedRun } from './context';
import type { DatabaseDriver, DatabasePlan, SlotPosition } from './databases/driver';
import { SafekeepError, toSafekeepError } from './errors';
import * as slots from './files/slots';
import { carryOver } from './files/stage';
import type { Direction, JournalFile } from './journal';

/** The app around the data: what the engine asks of it during the exchange. */
export interface AppControl {
  /** From now on every request is answered with "maintenance"; resolves when those in flight have ended or a limit is over. */
  enterMaintenance(): Promise<void>;
  /** Ends maintenance, whatever state the app is in. */
  leaveMaintenance(): Promise<void>;
  /** Closes the app's own connections to its database. */
  disconnect(): Promise<void>;
  /** Connects again and loads the app anew on the data that is live now, migrations included. Throws when it does not come up. */
  reload(): Promise<void>;
  /** Throws when the app does not work. */
  healthCheck(): Promise<void>;
}

/** The two slots of everything a restore exchanged; kept for undo. */
export interface Slots {
  database: DatabasePlan | null;
  folders: slots.FolderPlan[];
}

/** What an exchange works with. */
export interface ExchangeParts {
  driver: DatabaseDriver;
  journal: JournalFile;
  app: AppControl;
}

/**
 * Exchanges the slots of an earlier restore back, just as atomically; called again it exchanges them forth again.
 * @throws NOTHING_TO_UNDO when a slot aside is gone
 */
export async function undo(
  made: Slots,
  runId: string,
  parts: ExchangeParts,
  run: SteppedRun<StepOf<'undo'>>,
): Promise<void> {
  const direction = await run.step('prepare', async () => {
    const positions = await positionsOf(made, parts.driver);
    const all = (wanted: SlotPosition) => positions.every((position) => position === wanted);
    if (!all('after switch') && !all('before switch')) throw new SafekeepError('NOTHING_TO_UNDO');
    run.pointOfNoReturn();
    return all('after switch') ? 'undo' : 'redo';
  });
  await exchange(direction, made, { runId, filesMode: 'mirror' }, parts, run);
}

/** Maintenance, exchange, reload, health check; and the way back when the app does not come up. */
export async function exchange(
  direction: Direction,
  made: Slots,
  request: { runId: string; filesMode: 'mirror' | 'merge' },
  { driver, journal, app }: ExchangeParts,
  run: SteppedRun<'switch' | 'reload' | 'healthCheck'>,
): Promise<void> {
  const journalled = { runId: request.runId, direction, ...made };
  const [forward, backward] = direction === 'undo' ? [takeBack, bringLive] : [bringLive, takeBack];
  let switched = false;
  try {
    await run.step('switch', async () => {
      await app.enterMaintenance();
      if (request.filesMode === 'merge') await mergeFolders(made, run);
      await app.disconnect();
      await journal.write({ ...journalled, state: 'switching' });
      await forward(made, driver, run);
      await journal.write({ ...journalled, state: 'switched' });
      switched = true;
      run.log('info', { text: 'Exchanged; the app is loaded on the data that is live now' });
    });
    await run.step('reload', () => app.reload());
    await run.step('healthCheck', () => app.healthCheck());
    await journal.remove();
    run.log('info', { text: 'The app is up; the state before is kept aside' });
  } catch (error) {
    await wayBack(backward, made, { driver, journal, app }, journalled, error, run);
    if (!switched) throw error;
    throw new SafekeepError('RESTORED_APP_UNHEALTHY', { detail: toSafekeepError(error).message }, { cause: error });
  } finally {
    await app.leaveMaintenance();
  }
}

/** @throws WAY_BACK_FAILED; the journal then stays for the next start */
async function wayBack(
  backward: typeof takeBack,
  made: Slots,
  { driver, journal, app }: ExchangeParts,
  journalled: Slots & { runId: string; direction: Direction },
  reason: unknown,
  run: RunContext,
): Promise<void> {
  run.log('error', {
    text: 'Going back to the previous state: {{reason}}',
    params: { reason: toSafekeepError(reason).message },
  });
  try {
    await app.disconnect();
    await journal.write({ ...journalled, state: 'taking back' });
    await backward(made, driver, run);
    await app.reload();
    if (journalled.direction === 'restore') await dropAside(made, driver, run);
    await journal.remove();
  } catch (cause) {
    throw new SafekeepError('WAY_BACK_FAILED', { detail: toSafekeepError(cause).message }, { cause });
  }
}

/**
 * At start, before the app serves: finishes an unfinished restore or takes it back, by what the slots themselves say.
 * Only an exchange that had completed is kept; everything else goes back to the state before.
 * @returns what the state is now; null when there was nothing to recover
 * @throws JOURNAL_UNREADABLE, and what the slots throw; the journal stays then
 */
export async function recover(
  { driver, journal }: Pick<ExchangeParts, 'driver' | 'journal'>,
  run: RunContext,
): Promise<{ runId: string; direction: Direction; state: 'old' | 'new'; slots: Slots } | null> {
  const found = await journal.read();
  if (!found) return null;
  const { runId, direction, database, folders } = found;
  const made = { database, folders };
  const [forward, backward] = direction === 'undo' ? [takeBack, bringLive] : [bringLive, takeBack];
  const wanted = direction === 'undo' ? 'before switch' : 'after switch';
  const databaseDone = !database || (await driver.position(database)) === wanted;
  const complete =
    found.state === 'switched' ||
    (found.state === 'switching' &&
      (database ? databaseDone : (await positionsOf(made, driver)).every((p) => p === wanted)));
  if (complete) await forward(made, driver, run);
  else if (found.state !== 'staging') await backward(made, driver, run);
  const state = complete ? 'new' : 'old';
  if (state === 'old' && direction === 'restore') await dropAside(made, driver, run);
  await journal.remove();
  return { runId, direction, state, slots: made };
}

/** Drops the slots aside: staged data that is not wanted, or a previous state that is no longer kept. */
export async function dropAside(made: Slots, driver: DatabaseDriver, run: Pick<RunContext, 'log'>): Promise<void> {
  const work = [
    ...made.folders.map((plan) => () => slots.discard(plan)),
    ...(made.database ? [made.database].map((plan) => () => driver.discard(plan)) : []),
  ];
  for (const drop of work) {
    await drop().catch((error: unknown) => {
      const detail = toSafekeepError(error).message;
      run.log('warn', { text: 'Could not be cleaned up: {{detail}}', params: { detail } });
    });
  }
}

async function positionsOf(made: Slots, driver: DatabaseDriver) {
  const folders = await Promise.all(made.folders.map((plan) => slots.positionOf(plan)));
  return made.database ? [...folders, await driver.position(made.database)] : folders;
}

/** Files first: should the database refuse, they go back by renames. */
async function bringLive(made: Slots, driver: DatabaseDriver, run: RunContext): Promise<void> {
  for (const plan of made.folders) await slots.finish(plan);
  if (made.database && (await driver.position(made.database)) !== 'after switch') {
    await driver.switch(made.database, run);
  }
}

async function takeBack(made: Slots, driver: DatabaseDriver, run: RunContext): Promise<void> {
  for (const plan of made.folders) await slots.takeBack(plan);
  if (made.database && (await driver.position(made.database)) !== 'before switch') {
    await driver.undo(made.database, run);
  }
}

async function mergeFolders(made: Slots, run: RunContext): Promise<void> {
  for (const plan of made.folders) {
    const count = await carryOver(plan.folder, slots.slotsOf(plan).staged, run);
    run.log('info', { text: '{{count}} newer files kept in {{folder}}', params: { count, folder: plan.folder } });
  }
}
