/**
 * Recovery: completes or rolls back a killed restore before an app works with the data. The slots themselves show how far it
 * got; the journal records its goal.
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
  /** For lines outside the log of any run. */
  log: RunContext['log'];
}

/** old: the previous data is live. new: the restored data is live, and `confirm` must follow. */
export interface Recovered {
  state: 'old' | 'new';
  journal: Journal;
}

export interface RecoveryOptions {
  /** start: the app will be started on the result. work: the app is using the data, which must not change under it. */
  before: 'start' | 'work' | 'nothing';
  /** Roll back even a switchover that was complete. */
  back?: boolean;
}

/**
 * Only a complete switchover stands, and only for one start: if the app fails to start, the next start rolls it back.
 * @returns null when there was nothing to recover
 * @throws JOURNAL_UNREADABLE, JOURNAL_IN_USE, JOURNAL_ELSEWHERE, ROLLBACK_FAILED, and errors of the slots; the journal then stays
 */
export async function recover(parts: RecoveryParts, { before, back }: RecoveryOptions): Promise<Recovered | null> {
  const { journal: file, driver } = parts;
  const found = await file.take();
  if (!found) return null;
  const { format: _format, place: _place, owner: _owner, ...entry } = found;
  const record = await parts.history.load(found.runId);
  if (found.state === 'switched over' && record && isFinal(record)) {
    // Killed after the run ended and before its journal was removed: everything is recorded and kept.
    await file.remove();
    return null;
  }
  const context = { signal: new AbortController().signal, log: parts.log, progress: () => undefined };
  if (found.starts > 0 && !back && (await file.life(found)) === 'self') {
    // Called again during the same start.
    await file.write(entry);
    return { state: 'new', journal: found };
  }
  if (before === 'work' && found.state !== 'staging' && !(await haveNotBegun(found, driver))) {
    throw new SafekeepError('ROLLBACK_FAILED', { detail: { text: 'it is not complete yet' } });
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
      ? { text: 'The server stopped during the verification; the staged data was discarded' }
      : found.starts > 0
        ? { text: 'The app failed to start on the restored data; the switchover was rolled back' }
        : { text: 'The server stopped before the switchover was complete; the switchover was rolled back' };
  });
  if (isGone) await file.remove();
  return { state: 'old', journal: found };
}

/**
 * The app runs on the new data: the switchover is final, and the previous data is kept for undo.
 * @param keep records the previous data; a second call must change nothing
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

/** Records how the run of the journal ended; `record` is null when the run has no record. */
async function conclude(
  { history, log }: Pick<RecoveryParts, 'history' | 'log'>,
  { runId }: Journal,
  record: RunRecord | null,
  end: (run: RunRecord) => Message,
): Promise<void> {
  const level: LogLevel = 'warn';
  if (!record) {
    log(level, { text: 'The record of run {{runId}} is missing', params: { runId } });
    return;
  }
  // A run whose cleanup failed keeps its result.
  if (isFinal(record)) return;
  const message = end(record);
  record.finishedAt = new Date().toISOString();
  await history.save(record);
  await history.appendLog(record.id, [{ at: record.finishedAt, level, step: record.step, message }]);
  log(level, message);
}
