/**
 * Recovery: what a killed restore left halfway is finished or rolled back before an app works with the data. The slots
 * themselves show how far it has come; the journal says what was meant.
 */
import type { LogLevel, Message } from '../shared/runs';
import type { RunContext } from './context';
import type { DatabaseDriver } from './databases/driver';
import { SafekeepError } from './errors';
import { isFinal, type RunRecord } from './history/record';
import type { RunHistory } from './history/run-history';
import type { Journal, JournalFile } from './journal';
import { areComplete, complete, discardSlots, haveNotBegun, type Moves, reversed, slotsOf } from './moves';

export interface RecoveryParts {
  journal: JournalFile;
  history: RunHistory;
  driver: DatabaseDriver;
  /** For lines that belong to no run. */
  log: RunContext['log'];
}

/** old: the data from before is live. new: the new data is live, and `confirm` is still to come. */
export interface Recovered {
  state: 'old' | 'new';
  journal: Journal;
}

export interface RecoveryOptions {
  /** start: an app is about to be started on the result. work: one works with the data, which must not change under it. */
  before: 'start' | 'work' | 'nothing';
  /** Roll back even a switchover that was complete. */
  back?: boolean;
}

/**
 * Only a complete switchover stands, and only for one start: an app that did not start on it gets the data from before at
 * the next one.
 * @returns null when there was nothing to recover
 * @throws JOURNAL_UNREADABLE, JOURNAL_IN_USE, JOURNAL_ELSEWHERE, ROLLBACK_FAILED, and what the slots throw; the journal stays then
 */
export async function recover(parts: RecoveryParts, { before, back }: RecoveryOptions): Promise<Recovered | null> {
  const { journal: file, driver } = parts;
  const found = await file.take();
  if (!found) return null;
  const { format: _format, place: _place, owner: _owner, ...entry } = found;
  const record = await parts.history.load(found.runId);
  if (found.state === 'switched over' && record && isFinal(record)) {
    // Killed between the run's end and that of its journal: everything is recorded and kept.
    await file.remove();
    return null;
  }
  const context = { signal: new AbortController().signal, log: parts.log, progress: () => undefined };
  if (found.starts > 0 && !back && (await file.life(found)) === 'self') {
    // Called again during the very start that is to show whether the app starts.
    await file.write(entry);
    return { state: 'new', journal: found };
  }
  if (before === 'work' && found.state !== 'staging' && !(await haveNotBegun(found, driver))) {
    throw new SafekeepError('ROLLBACK_FAILED', { detail: 'it is not complete yet' });
  }
  const hasFailed = found.starts > 0 || back;
  if (!hasFailed && (await wasSwitchedOver(found, driver))) {
    await complete(found, driver, context);
    await file.write({ ...entry, state: 'switched over', starts: before === 'start' ? 1 : 0 });
    return { state: 'new', journal: found };
  }
  if (found.state !== 'staging') {
    await file.write({ ...entry, state: 'rolling back' });
    await complete(reversed(found), driver, context);
  }
  const isGone = found.direction === 'undo' || (await discardSlots(slotsOf(found), driver, parts));
  await conclude(parts, found, record, (run) => {
    run.status = 'interrupted';
    run.error = { code: 'INTERRUPTED', params: {} };
    return found.direction === 'verify'
      ? { text: 'The server stopped during the verification; the loaded data was deleted' }
      : found.starts > 0
        ? { text: 'The app failed to start on the restored data; it was rolled back' }
        : { text: 'The server stopped before the switchover was complete; it was rolled back' };
  });
  if (isGone) await file.remove();
  return { state: 'old', journal: found };
}

/**
 * The app runs on the new data: from now on it stands, and the previous data is kept for undo.
 * @param keep records what is kept; must not change anything the second time
 */
export async function confirm(
  parts: RecoveryParts,
  keep: (journal: Journal, record: RunRecord | null) => Promise<void>,
): Promise<void> {
  const found = await parts.journal.read();
  if (!found || found.state !== 'switched over') return;
  const record = await parts.history.load(found.runId);
  await keep(found, record);
  await conclude(parts, found, record, (run) => {
    run.status = 'succeeded with warnings';
    run.error = null;
    return { text: 'The server stopped after the switchover; the restored data was kept' };
  });
  await parts.journal.remove();
}

async function wasSwitchedOver(found: Journal, driver: DatabaseDriver): Promise<boolean> {
  const moves: Moves = found;
  if (found.state === 'switched over') return true;
  return found.state === 'switching over' && (await areComplete(moves, driver));
}

/** Records how the run of the journal ended; `record` is null when that is gone. */
async function conclude(
  { history, log }: Pick<RecoveryParts, 'history' | 'log'>,
  { runId }: Journal,
  record: RunRecord | null,
  end: (run: RunRecord) => Message,
): Promise<void> {
  const level: LogLevel = 'warn';
  if (!record) {
    log(level, { text: 'The record of the run {{runId}} is missing', params: { runId } });
    return;
  }
  // A run that only could not clean up keeps its result.
  if (isFinal(record)) return;
  const message = end(record);
  record.finishedAt = new Date().toISOString();
  await history.save(record);
  await history.appendLog(record.id, [{ at: record.finishedAt, level, step: record.step, message }]);
  log(level, message);
}
