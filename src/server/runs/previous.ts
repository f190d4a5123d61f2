/** Previous data of an app: data that runs replaced, until it is brought back or discarded, or its undo window closes. */
import type { SteppedRun } from '../../engine/context';
import { notFound, SafekeepError } from '../../engine/errors';
import type { RunRecord } from '../../engine/history/record';
import { discardUnreferenced } from '../../engine/discard';
import type { Slots } from '../../engine/moves';
import { afterSwitchover, isExpired, unreferenced, without } from '../../engine/previous';
import type { Safekeep } from '../safekeep';
import { type Actor, startedBy } from './actor';
import { sweep } from './recovery';

type Log = Pick<SteppedRun<string>, 'log'>;

/** Records the data that a run replaced, so that it can be brought back. */
export async function keep(
  safekeep: Safekeep,
  record: Pick<RunRecord, 'id'> & Partial<Pick<RunRecord, 'kind' | 'startedBy' | 'backupName' | 'backupAt'>>,
  slots: Slots,
  undoHours: number,
): Promise<void> {
  const { id: runId, kind, startedBy: by = null, backupName, backupAt } = record;
  const at = new Date().toISOString();
  const origin = kind === 'restore' && backupName ? { runId, backupName, backupAt: backupAt ?? at, at, by } : null;
  await safekeep.previous.change((data) => afterSwitchover(data, { runId, slots, at, by, origin, undoHours }));
}

/**
 * Discards previous data whose undo window has closed, slots that could not be discarded before, and abandoned uploads. Where
 * there is work, it starts a run, so that it never works at the same time as another run.
 */
export async function housekeep(safekeep: Safekeep, now: Date): Promise<void> {
  if (safekeep.runs.active) return;
  await safekeep.uploads.removeAbandoned(now.getTime());
  const data = await safekeep.previous.read();
  const hasWork = data.states.some(isExpired(now)) || unreferenced(data).length > 0 || (await isJournalLeft(safekeep));
  if (!hasWork) return;
  const automatic = { trigger: 'schedule' as const, startedBy: null, userId: null };
  const work = async (run: SteppedRun<string>) => {
    await run.step('prune', async () => {
      await sweep(safekeep);
      await safekeep.previous.change((found) => without(found, isExpired(now), 'expired', now));
      await discardUnreferencedOf(safekeep, run);
    });
  };
  const recorder = await safekeep.runs.begin({ kind: 'prune', ...automatic }, work).catch((error: unknown) => {
    // Another run began first; the next housekeeping will do it.
    if (error instanceof SafekeepError && error.code === 'BUSY') return null;
    throw error;
  });
  if (recorder) await safekeep.runs.idle();
}

/** Housekeeping once the run in progress has ended: no user waits for data to be discarded. */
export function housekeepLater(safekeep: Safekeep): void {
  const later = async () => {
    await safekeep.runs.idle();
    await housekeep(safekeep, new Date());
  };
  later().catch((error: Error) => safekeep.app.log.warn(`Safekeep: ${error.message}`));
}

/** Whether the cleanup of an earlier run failed, of this process or of one that has ended. */
async function isJournalLeft({ journal }: Safekeep): Promise<boolean> {
  const found = await journal.read();
  return found !== null && (await journal.life(found)) !== 'alive';
}

/** Discards previous data permanently. @throws BUSY, NOT_FOUND, NOTHING_TO_UNDO */
export async function startDiscard(safekeep: Safekeep, id: string, actor: Actor): Promise<{ runId: string }> {
  const data = await safekeep.previous.read();
  if (!data.states.some((state) => state.id === id)) {
    const isKnown = (await safekeep.history.load(id)) !== null;
    throw isKnown ? new SafekeepError('NOTHING_TO_UNDO') : notFound('run', id);
  }
  const { record } = await safekeep.runs.begin({ kind: 'prune', undoOf: id, ...startedBy(actor) }, async (run) => {
    await run.step('prune', () => discardPrevious(safekeep, [id], run));
  });
  return { runId: record.id };
}

/** Within a run: discards states and the slots that only they need. */
export async function discardPrevious(safekeep: Safekeep, ids: readonly string[], run: Log): Promise<void> {
  await safekeep.previous.change((data) => without(data, ({ id }) => ids.includes(id), 'discarded', new Date()));
  await discardUnreferencedOf(safekeep, run);
}

/** Within a run. */
async function discardUnreferencedOf(safekeep: Safekeep, run: Log): Promise<void> {
  const driver = safekeep.driver();
  try {
    await discardUnreferenced(safekeep.previous, driver, run);
  } finally {
    await driver.close();
  }
}
