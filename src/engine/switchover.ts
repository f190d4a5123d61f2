/**
 * The switchover and everything that follows from it: reload, health check, rollback. Works on slots that are filled
 * already. What a crash leaves halfway is for recovery.ts.
 */
import type { RunContext, SteppedRun } from './context';
import type { DatabaseDriver } from './databases/driver';
import { SafekeepError, toSafekeepError } from './errors';
import type { Carried } from './files/carry-over';
import type { FolderPlan } from './files/slots';
import type { Direction, JournalEntry, JournalFile } from './journal';
import { complete, discardSlots, type Moves, type Owned, reversed, type Slots, slotsOf } from './moves';
import { withPauses } from './patience';

/** The app around the data: what the engine asks of it during a switchover. */
export interface AppControl {
  /**
   * From now on every request is answered with "maintenance" and no job starts; resolves when those in flight have ended or
   * a limit is over. `what.database`: other data will be live, and jobs queued for today's data must not run on it.
   */
  enterMaintenance(what: { database: boolean }, run: Pick<RunContext, 'log'>): Promise<void>;
  /** Ends maintenance, whatever state the app is in. */
  leaveMaintenance(): Promise<void>;
  /** Keeps the app in maintenance until the process ends: nobody may work with the data before a recovery. */
  holdMaintenance(): Promise<void>;
  /** Closes the app's own connections to its database. */
  disconnect(): Promise<void>;
  /**
   * Connects again and reloads the app on the data that is live now, migrations included; 'previous' when that is the data
   * it worked with before the maintenance. Throws when it does not start.
   */
  reload(data: 'new' | 'previous'): Promise<void>;
  /** Throws when the app does not work. */
  healthCheck(): Promise<void>;
}

/** What a switchover works with. */
export interface SwitchoverParts {
  driver: DatabaseDriver;
  journal: JournalFile;
  app: AppControl;
  /** Whose the files in folders of mode 'files' are, by the records at this moment. */
  ownership?(plans: readonly FolderPlan[]): Promise<Owned>;
  /** The app runs on the new data: records how the run ended and what is kept. The journal is removed only after it. */
  whenUp(slots: Slots, storageRoots: JournalEntry['storageRoots']): Promise<void>;
}

/** Live files carried over into a staged folder. */
export interface Merge {
  plan: FolderPlan;
  files: Carried;
}

export interface SwitchoverRequest extends Pick<JournalEntry, 'runId' | 'undoHours' | 'storageRoots'> {
  direction: Exclude<Direction, 'verify'>;
  /** Folders whose live files are kept where staged ones lack them; the first pass is done. */
  merges?: readonly Merge[];
}

/**
 * Maintenance, switchover, reload, health check; and the rollback when the app does not start.
 * @throws RESTORED_APP_UNHEALTHY (rolled back), ROLLBACK_FAILED (the app stays in maintenance), SWITCHOVER_FAILED and whatever
 * fails before the switchover (live data is unchanged)
 */
export async function switchOver(
  moves: Moves,
  request: SwitchoverRequest,
  parts: SwitchoverParts,
  run: SteppedRun<'switchover' | 'reload' | 'healthCheck'>,
): Promise<void> {
  const { driver, journal, app, whenUp } = parts;
  const { merges = [], ...journalled } = request;
  const { folders } = slotsOf(moves);
  const entry = { ...journalled, starts: 0, ...moves };
  let switched = false;
  try {
    await run.step('switchover', async () => {
      await app.enterMaintenance({ database: moves.database !== null }, run);
      const owned = await parts.ownership?.(folders);
      for (const { plan, files } of merges) {
        const count = await files.update(run, owned?.get(plan.folder));
        run.log('info', { text: '{{count}} newer files kept in {{folder}}', params: { count, folder: plan.folder } });
      }
      await app.disconnect();
      await journal.write({ ...entry, state: 'switching over' });
      await complete(moves, driver, run, owned);
      await journal.write({ ...entry, state: 'switched over' });
      switched = true;
      run.log('info', { text: 'Switchover complete; reloading the app' });
    });
    await run.step('reload', () => app.reload('new'));
    await run.step('healthCheck', () => app.healthCheck());
    run.log('info', { text: 'The app is running; previous data is kept' });
    await whenUp(slotsOf(moves), entry.storageRoots);
  } catch (cause) {
    await takeBack(moves, entry, cause, parts, run);
    if (!switched) throw cause;
    throw new SafekeepError('RESTORED_APP_UNHEALTHY', { detail: toSafekeepError(cause).message }, { cause });
  }
  await app.leaveMaintenance();
  await journal.remove();
}

/** Rolls back and ends maintenance, or keeps the app in it where that fails. @throws ROLLBACK_FAILED */
async function takeBack(
  moves: Moves,
  entry: Omit<JournalEntry, 'state'>,
  reason: unknown,
  parts: SwitchoverParts,
  run: RunContext,
): Promise<void> {
  const { driver, journal, app } = parts;
  await rollBack(moves, entry, reason, parts, run).catch(async (error: unknown) => {
    await app.holdMaintenance();
    throw error;
  });
  await app.leaveMaintenance();
  // Not during maintenance: how long it takes grows with the data. What cannot be discarded stays in the journal.
  const isGone = entry.direction !== 'restore' || (await discardSlots(slotsOf(moves), driver, run));
  if (isGone) await journal.remove();
}

/** How often a rollback is tried. While the database is unavailable nothing else can help, and there is no limit. */
const ROLLBACK_ATTEMPTS = 3;

/** @throws ROLLBACK_FAILED; the journal then stays for the next start */
async function rollBack(
  moves: Moves,
  entry: Omit<JournalEntry, 'state'>,
  reason: unknown,
  { driver, journal, app }: SwitchoverParts,
  run: RunContext,
): Promise<void> {
  run.log('error', { text: 'Rolling back: {{reason}}', params: { reason: toSafekeepError(reason).message } });
  const attempt = async () => {
    await app.disconnect();
    await journal.write({ ...entry, state: 'rolling back' });
    await complete(reversed(moves), driver, run);
    await app.reload('previous');
  };
  await withPauses(attempt, {
    attempts: Number.POSITIVE_INFINITY,
    otherwise: ROLLBACK_ATTEMPTS,
    onFailure: (count, error) => {
      const params = { detail: toSafekeepError(error).message };
      if (count <= ROLLBACK_ATTEMPTS) run.log('warn', { text: 'Retrying the rollback: {{detail}}', params });
    },
  }).catch((cause: unknown) => {
    throw new SafekeepError('ROLLBACK_FAILED', { detail: toSafekeepError(cause).message }, { cause });
  });
}
