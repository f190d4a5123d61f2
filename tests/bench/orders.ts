/** A table to fill, and the client that records when the app is unavailable. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostApi } from '../../scripts/host-api.mjs';
import type { ServerDialect } from '../support/servers';

export const FILL_COLLECTION = {
  name: 'orders',
  title: 'Orders',
  fields: [
    { name: 'id', type: 'bigInt', autoIncrement: true, primaryKey: true, interface: 'id' },
    { name: 'customer', type: 'string', interface: 'input' },
    { name: 'notes', type: 'text', interface: 'textarea' },
  ],
};

/** What one row takes on disk, roughly. */
export const ROW_BYTES = 1_100;

/** One statement that adds `count` rows of text after row number `from`. */
export function rowSql(dialect: 'sqlite' | ServerDialect, from: number, count: number): string {
  const last = from + count;
  if (dialect === 'postgres') {
    return `INSERT INTO orders (customer, notes) SELECT 'Customer ' || g % 5000, repeat(md5(g::text), 32)
      FROM generate_series(${from + 1}, ${last}) g`;
  }
  if (dialect === 'sqlite') {
    return `WITH RECURSIVE s(g) AS (SELECT ${from + 1} UNION ALL SELECT g + 1 FROM s WHERE g < ${last})
      INSERT INTO orders (customer, notes) SELECT 'Customer ' || g % 5000, hex(randomblob(512)) FROM s`;
  }
  return `INSERT INTO orders (customer, notes) SELECT CONCAT('Customer ', seq % 5000), REPEAT(MD5(seq), 32)
    FROM seq_${from + 1}_to_${last}`;
}

/** The longest time without an answer while the work is done, milliseconds; asked every 20 ms. */
export async function gapOfApi<T>(api: HostApi, work: () => Promise<T>): Promise<{ result: T; worstMs: number }> {
  let [worst, stop] = [0, false];
  const poll = async () => {
    let lastGood = performance.now();
    while (!stop) {
      // Not signed in: a restore and an undo may end the session that asks.
      const isUp = await api.isHealthy();
      const now = performance.now();
      if (isUp) {
        worst = Math.max(worst, now - lastGood);
        lastGood = now;
      }
      await sleep(20);
    }
    worst = Math.max(worst, performance.now() - lastGood);
  };
  const polling = poll();
  const result = await work().finally(() => (stop = true));
  await polling;
  return { result, worstMs: Math.round(worst) };
}
