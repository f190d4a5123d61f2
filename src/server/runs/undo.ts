import { notFound } from '../../engine/errors';
import { contentsOf, type Slots } from '../../engine/moves';
import { requireAlone } from '../../engine/files/plan';
import { slotsToReach } from '../../engine/previous';
import { undo } from '../../engine/undo';
import { ownershipOf } from '../host/ownership';
import type { Safekeep } from '../safekeep';
import { readSettings } from '../settings';
import { type Actor, startedBy } from './actor';
import { housekeepLater, keep } from './previous';
import { sweep } from './recovery';

/** Brings back the data that a restore, or an undo, replaced. @throws BUSY, NOTHING_TO_UNDO, NOT_FOUND */
export async function startUndo(safekeep: Safekeep, runId: string, actor: Actor): Promise<{ runId: string }> {
  const earlier = await safekeep.history.load(runId);
  if (!earlier) throw notFound('run', runId);
  const reach = async () => slotsToReach(await safekeep.previous.read(), runId, new Date());
  const contents = contentsOf(await reach());
  const direction = earlier.kind === 'undo' && earlier.direction !== 'redo' ? ('redo' as const) : ('undo' as const);
  const { backupName, backupAt, note } = earlier;
  const about = { kind: 'undo' as const, direction, undoOf: runId, backupName, backupAt, note, contents };
  const { record } = await safekeep.runs.begin({ ...about, ...startedBy(actor) }, async (run) => {
    const driver = safekeep.driver();
    try {
      const { journal, control } = safekeep;
      const { undoHours } = await readSettings(safekeep.app);
      await sweep(safekeep);
      // Again, now that no other run can change the previous data.
      const slots = await reach();
      const whenStarted = async (switched: Slots) => {
        await keep(safekeep, run.record, switched, undoHours);
        await run.conclude();
      };
      requireAlone(slots.folders, (await safekeep.site()).otherApps);
      const ownership = ownershipOf(safekeep.app, driver);
      await undo(
        slots,
        { runId: run.record.id, undoHours },
        { driver, journal, app: control, ownership, whenStarted },
        run,
      );
    } finally {
      await driver.close();
    }
  });
  housekeepLater(safekeep);
  return { runId: record.id };
}
