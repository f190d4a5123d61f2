/**
 * Merge: the staged folder receives everything live that it does not have itself. A first pass does most of the work while the
 * app is running; the second one, in maintenance, only carries over later changes.
 */
import type { RunContext } from '../context';
import { CarriedFiles } from './carry-over-files';
import { CarriedTree } from './carry-over-tree';
import type { Ownership } from './file-by-file';
import { type FolderPlan, slotsOf } from './slot-names';

export type CarryOverRun = Pick<RunContext, 'signal' | 'log'>;

/** The files carried over so far. */
export interface Carried {
  /**
   * Carries over new files and drops deleted ones; all of them are on the disk when it returns.
   * @param owned mode 'files': owners of the live files, according to the current records; nothing is carried over without it
   * @returns total number of files and links carried over
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
