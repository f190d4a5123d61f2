/**
 * The switchover and its consequences: reload, health check, rollback. The slots are filled before. After a crash recovery.ts
 * takes over.
 */
import type { RunContext, SteppedRun } from './context';
import type { DatabaseDriver } from './databases/driver';
import { messageOf, SafekeepError, toSafekeepError } from './errors';
import type { Carried } from './files/carry-over';
import type { FolderPlan } from './files/slots';
import type { Direction, JournalEntry, JournalFile } from './journal';
import { complete, discardSlots, type Moves, type Owned, reversed, type Slots, slotsOf } from './moves';
import { withPauses } from './patience';

/** Control over the app during a switchover. */
export interface AppControl {
  /**
   * From now on every request is answered with "maintenance" and no background job starts; resolves when those in progress
   * have ended or a time limit is reached. `what.database`: the database is replaced, and queued jobs must not run on the new one.
   */
  enterMaintenance(what: { database: boolean }, run: Pick<RunContext, 'log'>): Promise<void>;
  /** Ends maintenance in any state of the app. */
  leaveMaintenance(): Promise<void>;
  /** Keeps the app in maintenance until the process ends: the data must not be used before a recovery. */
  holdMaintenance(): Promise<void>;
  /** Closes the app's own connections to its database. */
  disconnect(): Promise<void>;
  /**
   * Connects again and reloads the app on the data that is live now, migrations included; 'previous' when that is the data
   * it worked with before the maintenance. Throws when it does not start.
   */
  reload(data: 'new' | 'previous'): Promise<void>;
  /** @throws when the app does not work */
  healthCheck(): Promise<void>;
}

/** The collaborators of a switchover. */
export interface SwitchoverParts {
  driver: DatabaseDriver;
  journal: JournalFile;
  app: AppControl;
  /** Which app owns the files in folders of mode 'files', by the records at this moment. */
  ownership?(plans: readonly FolderPlan[]): Promise<Owned>;
  /** Called when the app runs on the new data: records the result of the run and the previous data. The journal is removed only after it. */
  whenStarted(slots: Slots, storageRoots: JournalEntry['storageRoots']): Promise<void>;
}

/** Live files carried over into a staged folder. */
export interface Merge {
  plan: FolderPlan;
  files: Carried;
}

export interface SwitchoverRequest extends Pick<JournalEntry, 'runId' | 'undoHours' | 'storageRoots'> {
  direction: Exclude<Direction, 'verify'>;
  /** Folders that keep the live files that the staged data lacks; the first pass is done. */
  merges?: readonly Merge[];
}

/**
 * Maintenance, switchover, reload, health check; rollback when the app fails to start.
 * @throws RESTORED_APP_UNHEALTHY (rolled back), ROLLBACK_FAILED (the app stays in maintenance), SWITCHOVER_FAILED and errors
 * before the switchover (live data is unchanged)
 */
export async function switchOver(
  moves: Moves,
  request: SwitchoverRequest,
  parts: SwitchoverParts,
  run: SteppedRun<'switchover' | 'reload' | 'healthCheck'>,
): Promise<void> {
  const { driver, journal, app, whenStarted } = parts;
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
        run.log('info', { text: 'Newer files kept in {{folder}}: {{count}}', params: { count, folder: plan.folder } });
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
    await whenStarted(slotsOf(moves), entry.storageRoots);
  } catch (cause) {
    await rollBack(moves, entry, cause, parts, run);
    if (!switched) throw cause;
    throw new SafekeepError('RESTORED_APP_UNHEALTHY', { detail: messageOf(toSafekeepError(cause)) }, { cause });
  }
  await app.leaveMaintenance();
  await journal.remove();
}

/** Rolls back and ends maintenance, or keeps the app in it where that fails. @throws ROLLBACK_FAILED */
async function rollBack(
  moves: Moves,
  entry: Omit<JournalEntry, 'state'>,
  reason: unknown,
  parts: SwitchoverParts,
  run: RunContext,
): Promise<void> {
  const { driver, journal, app } = parts;
  await reverse(moves, entry, reason, parts, run).catch(async (error: unknown) => {
    await app.holdMaintenance();
    throw error;
  });
  await app.leaveMaintenance();
  // Not during maintenance: it takes longer the more data there is. Slots that cannot be discarded stay in the journal.
  const isGone = entry.direction !== 'restore' || (await discardSlots(slotsOf(moves), driver, run));
  if (isGone) await journal.remove();
}

/** How often a rollback is tried. While the database is unavailable there is no limit: nothing else can help. */
const ROLLBACK_ATTEMPTS = 3;

/** Reverses the moves and reloads the app, with retries. @throws ROLLBACK_FAILED; the journal then stays for the next start */
async function reverse(
  moves: Moves,
  entry: Omit<JournalEntry, 'state'>,
  reason: unknown,
  { driver, journal, app }: SwitchoverParts,
  run: RunContext,
): Promise<void> {
  run.log('error', { text: 'Rolling back: {{reason}}', params: { reason: messageOf(toSafekeepError(reason)) } });
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
      const params = { detail: messageOf(toSafekeepError(error)) };
      if (count <= ROLLBACK_ATTEMPTS) run.log('warn', { text: 'Retrying the rollback: {{detail}}', params });
    },
  }).catch((cause: unknown) => {
    throw new SafekeepError('ROLLBACK_FAILED', { detail: messageOf(toSafekeepError(cause)) }, { cause });
  });
}
