/** After a restore, every counter must stand where it stood: the next row gets an id nobody has. */
import { randomUUID } from 'node:crypto';
import type { Application } from '@nocobase/server';
import type { DatabaseConnection } from '../../../src/engine/databases/driver';
import { quote, withConnection } from '../compare';

const nextRows = (): Record<string, object> => ({
  zooTypes: { choice: 'a', integer: 1 },
  zooTags: { select: 'next' },
  zooPeople: { name: 'next', profile: { bio: 'next' } },
  zooBooks: { title: 'next' },
  zooTree: { title: 'next' },
  users: { username: `next-${randomUUID()}`, nickname: 'next' },
});

/** Creates a row through the host in each of several collections. @throws Error when an id or a sequence is used twice */
export async function nextInsertWorks(app: Application): Promise<void> {
  for (const [name, values] of Object.entries(nextRows())) {
    const collection = app.db.getCollection(name);
    const key = String(collection.filterTargetKey);
    const before = await collection.repository.find({ fields: [key], paranoid: false });
    const used = new Set<string>(before.map((row: { get(key: string): unknown }) => String(row.get(key))));
    const created: { get(key: string): unknown } = await collection.repository.create({ values });
    const id = String(created.get(key));
    if (used.has(id)) throw new Error(`${name} handed out the id ${id} twice`);
    if (/^\d+$/.test(id) && [...used].some((other) => BigInt(other) > BigInt(id))) {
      throw new Error(`${name} handed out ${id}, below an id in use`);
    }
  }
  await sequenceGoesOn(app);
}

async function sequenceGoesOn(app: Application): Promise<void> {
  const rows = await app.db.getRepository('zooTypes').find({ fields: ['id', 'sequence'], sort: ['id'] });
  const numbers = rows.map((row: { get(name: string): unknown }) => String(row.get('sequence')));
  if (new Set(numbers).size !== numbers.length) throw new Error('the sequence field handed out a number twice');
  if (numbers.at(-1) !== [...numbers].sort().at(-1)) throw new Error('the sequence field fell back');
}

/** Counters of tables the host knows nothing of; zoo_audit's stands at 5000, far beyond its rows. */
export async function nextRawInsertWorks(target: DatabaseConnection): Promise<void> {
  await withConnection(target, async (connection) => {
    const table = quote(target, 'zoo Objects');
    const highest = async (from: string) =>
      BigInt((await connection.query(`SELECT max(id) AS id FROM ${from}`))[0]?.['id'] ?? 0);
    const before = await highest(table);
    await connection.query(`INSERT INTO ${table} (${quote(target, 'select')}) VALUES ('next')`);
    if ((await highest(table)) <= before) throw new Error('zoo Objects handed out an id in use');
    await connection.query(`INSERT INTO zoo_audit (what) VALUES ('next')`);
    const audited = await highest('zoo_audit');
    if (audited < 5000n) throw new Error(`zoo_audit handed out ${audited}, an id given before`);
  });
}
