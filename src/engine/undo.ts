/** Undo, top to bottom: previous data becomes live again by one switchover. */
import type { StepOf } from '../shared/runs';
import type { SteppedRun } from './context';
import type { DatabaseDriver, SlotPosition } from './databases/driver';
import { SafekeepError } from './errors';
import * as folderSlots from './files/slots';
import type { Move, Moves, Slots } from './moves';
import { opposite } from './moves';
import { switchOver, type SwitchoverParts, type SwitchoverRequest } from './switchover';

/**
 * Brings the content of slots live and moves the live data there, so that the undo can be undone as well.
 * @throws NOTHING_TO_UNDO when a slot lacks its content; and the errors of `switchOver`
 */
export async function undo(
  slots: Slots,
  request: Pick<SwitchoverRequest, 'runId' | 'undoHours'>,
  parts: SwitchoverParts,
  run: SteppedRun<StepOf<'undo'>>,
): Promise<void> {
  const moves = await run.step('prepare', async () => {
    const found = await movesFrom(slots, parts.driver);
    run.pointOfNoReturn();
    return found;
  });
  await switchOver(moves, { ...request, direction: 'undo', storageRoots: {} }, parts, run);
}

async function movesFrom({ database, folders }: Slots, driver: DatabaseDriver): Promise<Moves> {
  const inFolders = await Promise.all(folders.map(async (plan) => moveFrom(plan, await folderSlots.positionOf(plan))));
  return { database: database && moveFrom(database, await driver.position(database)), folders: inFolders };
}

function moveFrom<Plan>(plan: Plan, position: SlotPosition): Move<Plan> {
  if (position === 'unclear') throw new SafekeepError('NOTHING_TO_UNDO');
  return { plan, to: opposite(position) };
}
