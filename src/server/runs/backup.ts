import { backupName } from '../../engine/archive/format';
import { backup } from '../../engine/backup';
import { contentsOf } from '../../engine/moves';
import { slotsToReach } from '../../engine/previous';
import type { CreateBackupRequest } from '../../shared/api';
import { rowOfRun, rowOfSidecar } from '../catalog/row-index';
import { randomLetters } from '../names';
import type { Safekeep } from '../safekeep';
import { readSettings } from '../settings';
import { type Actor, startedBy } from './actor';
import type { RunRecorder } from './recorder';

/**
 * Starts a backup of live data, or of previous data: that is protected from the beginning, as it cannot be made again. Retention
 * is applied after success.
 * @throws BUSY, NOTHING_TO_UNDO when the previous data is not kept
 */
export async function startBackup(
  safekeep: Safekeep,
  { previous, ...request }: CreateBackupRequest,
  actor: Actor,
): Promise<{ runId: string; backupName: string }> {
  const inactive = async () => previous && slotsToReach(await safekeep.previous.read(), previous, new Date());
  const slots = await inactive();
  const contents = slots
    ? contentsOf(slots)
    : [...(request.contents ?? (await readSettings(safekeep.app)).defaultContents)];
  const now = new Date();
  const name = backupName(safekeep.app.name, now, randomLetters(6));
  const note = request.note ?? '';
  const origin = { kind: 'backup' as const, backupName: name, backupAt: now.toISOString(), note, contents };
  const work = async (run: RunRecorder) => {
    const { id, startedAt, startedBy: by, trigger } = run.record;
    const driver = safekeep.driver();
    try {
      await safekeep.index.saveBackup(rowOfRun(run.record));
      const about = { name, contents, note, trigger, runId: id, startedAt, startedBy: by };
      // Again, now that no other run can change the previous data.
      const wanted = { ...about, isProtected: Boolean(previous), inactive: (await inactive()) || undefined };
      const sidecar = await backup(wanted, await safekeep.site(), driver, safekeep.destination, run);
      await safekeep.index.saveBackup(rowOfSidecar(name, sidecar));
    } finally {
      await driver.close();
    }
    await applyRetention(safekeep, run);
  };
  const recorder = await safekeep.runs.begin({ ...origin, ...startedBy(actor) }, work, async (record) => {
    // A published archive is a successful backup, even if a later step failed.
    if (!(await safekeep.destination.get(name))) await safekeep.index.saveBackup(rowOfRun(record));
  });
  return { runId: recorder.record.id, backupName: name };
}

async function applyRetention(safekeep: Safekeep, run: RunRecorder): Promise<void> {
  const { maxBackups } = await readSettings(safekeep.app);
  for (const { name } of await safekeep.catalog.applyRetention(maxBackups)) {
    run.log('info', { text: 'Old backup deleted: {{name}}', params: { name } });
  }
}
