/** What the history must show about a run that was killed. */
import type { Shown } from '../protocol';

type ShownRun = Shown['runs'][number] | undefined;

/** A process that was killed before it had written the record of its run has changed nothing. @throws Error */
export function expectTold(run: ShownRun, isNew: boolean): void {
  if (!run) {
    if (isNew) throw new Error('the new state is live and the history does not know of it');
    return;
  }
  const { status, finishedAt, error } = run.record;
  const isTold = isNew ? status.startsWith('succeeded') && !error : status === 'interrupted' && error;
  if (!isTold || !finishedAt)
    throw new Error(`the ${isNew ? 'new' : 'old'} state is live and the history shows: ${status}`);
}

/** @throws Error */
export function expectBackupTold(run: ShownRun, { backups }: Shown): void {
  const isThere = backups.some(({ name }) => name === run?.record.backupName);
  const status = run?.record.status ?? 'nothing';
  // An archive that was published right before the kill is complete.
  if (status.startsWith('succeeded') ? !isThere : !['interrupted', 'nothing'].includes(status)) {
    throw new Error(`the archive is ${isThere ? '' : 'not '}there and the history shows: ${status}`);
  }
}
