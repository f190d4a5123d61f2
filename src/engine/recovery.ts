/**
 * What a killed restore left half way is finished or taken back, before an app works with the data. The slots themselves
 * say how far it has come; the journal says what was meant.
 */
import type { LogLevel, Message } from '../shared/runs';
import type { RunContext } from './context';
import type { DatabaseDriver } from './databases/driver';
import { SafekeepError } from './errors';
import { discardSlots, positionsOf, type Slots, waysOf } from './switchover';
import type { Journal, JournalFile } from './journal';
import { type Keeper, keepAside } from './kept';
import { isFinal, type RunRecord } from './history/record';
import type { RunHistory } from './history/run-history';

export interface RecoveryParts {
  journal: JournalFile;
  history: RunHistory;
  driver: DatabaseDriver;
  /** For lines that belong to no run. */
  log: RunContext['log'];
}

/** old: the state before is live. new: the restored state is live, and `confirm` is still to come. */
export interface Recovered {
  state: 'old' | 'new';
  journal: Journal;
}

export interface RecoveryOptions {
  /** start: an app is going to be started on the result. work: one is at work with the data, which must not move under it. */
  before: 'start' | 'work' | 'nothing';
  /** Take an exchange back although it had completed. */
  back?: boolean;
}

/**
 * Only an exchange that had completed is kept, and only for one start: an app that did not come up on it gets the state
 * before at the next one.
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
    // Killed between the last words of the run and the end of its journal: all has been said and kept.
    await file.remove();
    return null;
  }
  const made: Slots = { database: found.database, folders: found.folders };
  const { forward, backward } = waysOf(found.direction);
  const context = { signal: new AbortController().signal, log: parts.log, progress: () => undefined };
  if (found.starts > 0 && !back && (await file.life(found)) === 'self') {
    // Asked again during the very start that is to show whether the app comes up.
    await file.write(entry);
    return { state: 'new', journal: found };
  }
  if (before === 'work' && found.state !== 'staging') await requireTakenBack(found, made, driver);
  const hasFailed = found.starts > 0 || back;
  if (!hasFailed && (await isComplete(found, made, driver))) {
    await forward(made, driver, context);
    await file.write({ ...entry, state: 'switched over', starts: before === 'start' ? 1 : 0 });
    return { state: 'new', journal: found };
  }
  if (found.state !== 'staging') {
    await file.write({ ...entry, state: 'rolling back' });
    await backward(made, driver, context);
  }
  const dropped = found.direction === 'restore' || found.direction === 'verify';
  const gone = !dropped || (await discardSlots(made, driver, parts));
  await conclude(parts, found, record, (run) => {
    run.status = 'interrupted';
    run.error = { code: 'INTERRUPTED', params: {} };
    return found.direction === 'verify'
      ? { text: 'The server stopped during the verification; what it had loaded was dropped' }
      : found.starts > 0
        ? { text: 'The app did not come up on the restored state; the state before was brought back' }
        : { text: 'The server stopped before the switch was complete; the state before was kept' };
  });
  if (gone) await file.remove();
  return { state: 'old', journal: found };
}

/** The app is up on the restored state: from now on it is kept, and the state before is for undo. */
export async function confirm(parts: RecoveryParts & Keeper): Promise<void> {
  const found = await parts.journal.read();
  if (!found || found.state !== 'switched over') return;
  const record = await parts.history.load(found.runId);
  if (record) await keepAside(parts, record, { database: found.database, folders: found.folders }, found.undoHours);
  await conclude(parts, found, record, (run) => {
    run.status = 'succeeded with warnings';
    run.error = null;
    return { text: 'The server stopped after the switch; the restored state was kept' };
  });
  await parts.journal.remove();
}

/** @throws ROLLBACK_FAILED when there is more to do than dropping what is aside */
async function requireTakenBack(found: Journal, made: Slots, driver: DatabaseDriver): Promise<void> {
  const { done } = waysOf(found.direction);
  const positions = await positionsOf(made, driver);
  if (positions.every((position) => position !== done && position !== 'unclear')) return;
  throw new SafekeepError('ROLLBACK_FAILED', { detail: 'it has not been finished yet' });
}

async function isComplete(found: Journal, made: Slots, driver: DatabaseDriver): Promise<boolean> {
  if (found.state === 'switched over') return true;
  if (found.state !== 'switching over') return false;
  const { done } = waysOf(found.direction);
  // Folders are exchanged first: with a database, its position decides, and folders can follow it.
  if (made.database) return (await driver.position(made.database)) === done;
  return (await positionsOf(made, driver)).every((position) => position === done);
}

/** How the run of the journal ended, for the history; `record` is null when that is gone. */
async function conclude(
  { history, log }: Pick<RecoveryParts, 'history' | 'log'>,
  { runId }: Journal,
  record: RunRecord | null,
  end: (run: RunRecord) => Message,
): Promise<void> {
  const level: LogLevel = 'warn';
  if (!record) {
    log(level, { text: 'The record of the run {{runId}} is gone', params: { runId } });
    return;
  }
  // What was only not cleaned up has ended as it says.
  if (isFinal(record)) return;
  const message = end(record);
  record.finishedAt = new Date().toISOString();
  await history.save(record);
  await history.appendLog(record.id, [{ at: record.finishedAt, level, step: record.step, message }]);
  log(level, message);
}
