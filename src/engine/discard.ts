import type { RunContext } from './context';
import type { DatabaseDriver } from './databases/driver';
import { discardSlots, type Slots } from './moves';
import { type PreviousFile, unreferenced, withoutSlots } from './previous';

/** Discards the slots that no state of the previous data needs. What cannot be discarded now is found again the next time. */
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
  run.log('info', { text: 'Previous data deleted: {{count}}', params: { count: discarded.length } });
}
