/** Unfinished exchanges and states that are kept aside, as the server sees them. */
import type { Slots } from '../../engine/switchover';
import { keepAside, type Keeper, letGoExpired } from '../../engine/kept';
import { confirm, recover, type RecoveryParts } from '../../engine/recovery';
import type { RunRecord } from '../../engine/history/record';
import type { Safekeep } from '../safekeep';

/** Before an app works with its data: ends what a killed restore left half way. @throws JOURNAL_IN_USE, JOURNAL_UNREADABLE, … */
export async function recoverAtStart(safekeep: Safekeep): Promise<void> {
  if (safekeep.active || !(await safekeep.journal.read())) return;
  const { app } = safekeep;
  await safekeep.control.disconnect();
  try {
    const recovered = await withParts(safekeep, (parts) => recover(parts, { before: 'start' }));
    await (recovered?.state === 'old' ? safekeep.jobs.reinstate() : safekeep.jobs.drop());
  } finally {
    await app.db.reconnect();
  }
}

/** The app is up: a restore that was finished at this start is kept from now on. */
export async function confirmRecovery(safekeep: Safekeep): Promise<void> {
  if (safekeep.active || !(await safekeep.journal.read())) return;
  await withParts(safekeep, confirm);
}

/** Drops states aside whose time is over, what could not be dropped before, and abandoned uploads. */
export async function dropExpired(safekeep: Safekeep, now: Date): Promise<void> {
  if (safekeep.active) return;
  await withParts(safekeep, async (parts) => {
    await recover(parts, { before: 'work' });
    await letGoExpired(parts, now);
  });
  await safekeep.uploads.removeAbandoned(now.getTime());
}

/** An earlier run may have left something that could not be dropped then. @throws while it still can not */
export async function sweep(safekeep: Safekeep): Promise<void> {
  await withParts(safekeep, (parts) => recover(parts, { before: 'work' }));
}

export async function keep(safekeep: Safekeep, record: RunRecord, slots: Slots, undoHours: number): Promise<void> {
  await withParts(safekeep, (parts) => keepAside(parts, record, slots, undoHours));
}

async function withParts<T>(safekeep: Safekeep, work: (parts: RecoveryParts & Keeper) => Promise<T>): Promise<T> {
  const { journal, history, index } = safekeep;
  const driver = safekeep.driver();
  const onChange = (record: RunRecord) => index.saveRun(record);
  try {
    return await work({ journal, history, driver, log: safekeep.hostLog, onChange });
  } finally {
    await driver.close();
  }
}
