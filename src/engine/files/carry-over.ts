/**
 * Merge: the staged folder gets everything live that it does not have itself. A first pass does the work while the app
 * serves; the second one, in maintenance, only what has changed since.
 */
import type { RunContext } from '../context';
import { CarriedFiles } from './carry-over-files';
import { CarriedTree } from './carry-over-tree';
import type { Ownership } from './file-by-file';
import { type FolderPlan, slotsOf } from './slot-names';

export type CarryOverRun = Pick<RunContext, 'signal' | 'log'>;

/** What has been carried over so far. */
export interface Carried {
  /**
   * Carries over what has arrived, drops what has gone; all of it is on the disk when it returns.
   * @param owned mode 'files': whose the live files are, by the records of now; nothing is carried over without it
   * @returns how many files and links are carried over in all
   */
  update(run: CarryOverRun, owned?: Ownership): Promise<number>;
}

/** The first pass; `update` of its result is the second one. */
export async function carryOver(plan: FolderPlan, run: CarryOverRun, owned?: Ownership): Promise<Carried> {
  const { staged } = slotsOf(plan);
  const carried = plan.mode === 'files' ? new CarriedFiles(plan.folder, staged) : new CarriedTree(plan.folder, staged);
  await carried.update(run, owned);
  return carried;
}
