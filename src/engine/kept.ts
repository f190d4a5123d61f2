/** The states that restores and undos replaced: kept for a while, so that one can go back, then dropped. */
import type { RunContext } from './context';
import type { DatabaseDriver } from './databases/driver';
import { discardSlots, type Slots } from './switchover';
import type { RunRecord } from './history/record';
import type { RunHistory } from './history/run-history';

export interface Keeper {
  history: RunHistory;
  driver: DatabaseDriver;
  log: RunContext['log'];
  /** Called with each record that has changed. */
  onChange?: (record: RunRecord) => Promise<void>;
}

/**
 * Keeps what a run replaced. Of earlier runs nothing is kept any more: one can go back from the state that is live, and
 * their states do not follow from it. 0 hours: nothing is kept at all.
 */
export async function keepAside(keeper: Keeper, record: RunRecord, slots: Slots, undoHours: number): Promise<void> {
  for (const earlier of await keeper.history.all()) {
    if (earlier.id === record.id || !earlier.undoUntil) continue;
    // The undo of a run exchanges the same slots: they change hands and are not dropped.
    if (earlier.slots && isSame(earlier.slots, slots)) await save(keeper, earlier, { undoUntil: null, slots: null });
    else await letGo(keeper, earlier);
  }
  await save(keeper, record, { slots, undoUntil: new Date(Date.now() + undoHours * 3600_000).toISOString() });
  if (undoHours === 0) await letGo(keeper, record);
}

/** Drops states aside whose time is over, and those that could not be dropped before. */
export async function letGoExpired(keeper: Keeper, now: Date): Promise<void> {
  for (const record of await keeper.history.all()) {
    const isOver = !record.undoUntil || Date.parse(record.undoUntil) <= now.getTime();
    if (record.slots && isOver) await letGo(keeper, record);
  }
}

/** No longer offered at once; forgotten only when it is gone. */
async function letGo(keeper: Keeper, record: RunRecord): Promise<void> {
  const gone = !record.slots || (await discardSlots(record.slots, keeper.driver, keeper));
  await save(keeper, record, { undoUntil: null, slots: gone ? null : record.slots });
}

async function save(
  { history, onChange }: Keeper,
  record: RunRecord,
  change: Partial<Pick<RunRecord, 'slots' | 'undoUntil'>>,
): Promise<void> {
  Object.assign(record, change);
  await history.save(record);
  await onChange?.(record);
}

function isSame(one: Slots, other: Slots): boolean {
  return one.database?.id === other.database?.id && one.folders[0]?.id === other.folders[0]?.id;
}
