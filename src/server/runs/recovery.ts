/** Recovery of an app's data on the server. */
import { slotsOf } from '../../engine/moves';
import { confirm, recover, type RecoveryParts } from '../../engine/recovery';
import { applyStorageRoots } from '../host/storage-roots';
import type { Safekeep } from '../safekeep';
import { keep } from './previous';

/** Before an app uses its data: completes or rolls back a killed restore. @throws JOURNAL_IN_USE, JOURNAL_UNREADABLE, … */
export async function recoverAtStart(safekeep: Safekeep): Promise<void> {
  if (safekeep.runs.active || !(await safekeep.journal.read())) return;
  const { app } = safekeep;
  await safekeep.control.disconnect();
  try {
    const recovered = await withRecovery(safekeep, (parts) => recover(parts, { before: 'start' }));
    await (recovered?.state === 'old' ? safekeep.jobs.reinstate() : safekeep.jobs.drop());
  } finally {
    await app.db.reconnect();
  }
}

/** The app runs: a restore that was completed at this start is final. */
export async function confirmRecovery(safekeep: Safekeep): Promise<void> {
  if (safekeep.runs.active || !(await safekeep.journal.read())) return;
  await withRecovery(safekeep, (parts) =>
    confirm(parts, async (journal, record) => {
      await applyStorageRoots(safekeep.app, journal.storageRoots);
      await keep(safekeep, record ?? { id: journal.runId }, slotsOf(journal), journal.undoHours);
    }),
  );
}

/** Cleans up after an earlier run whose cleanup failed. @throws if that fails again */
export async function sweep(safekeep: Safekeep): Promise<void> {
  await withRecovery(safekeep, (parts) => recover(parts, { before: 'work' }));
}

async function withRecovery<T>(safekeep: Safekeep, work: (parts: RecoveryParts) => Promise<T>): Promise<T> {
  const { journal, history } = safekeep;
  const driver = safekeep.driver();
  try {
    return await work({ journal, history, driver, log: safekeep.hostLog });
  } finally {
    await driver.close();
  }
}
