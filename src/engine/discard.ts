import type { RunContext } from './context';
import type { DatabaseDriver } from './databases/driver';
import { discardSlots, type Slots } from './moves';
import { type PreviousFile, unreferenced, withoutSlots } from './previous';

/** Discards the slots that no previous data needs. A slot that cannot be discarded now is tried again the next time. */
export async function discardUnreferenced(
  previous: PreviousFile,
  driver: DatabaseDriver,
  run: Pick<RunContext, 'log'>,
): Promise<void> {
  const slots = unreferenced(await previous.read());
  if (slots.length === 0) return;
  const discarded: Slots[] = [];
  for (const one of slots) if (await discardSlots(one, driver, run)) discarded.push(one);
  await previous.change((data) => withoutSlots(data, discarded));
  run.log('info', { text: 'Slots of previous data discarded: {{count}}', params: { count: discarded.length } });
}
