import type Database from '@nocobase/database';

/**
 * Writes a row with this primary key, whether it is there or not. Not findOrCreate: its transaction reads before it
 * writes, which SQLite refuses while someone else writes.
 */
export async function putRow(
  db: Database,
  collection: string,
  key: string | number,
  values: Record<string, unknown>,
): Promise<void> {
  const { model } = db.getCollection(collection);
  const where = { [model.primaryKeyAttribute]: key };
  const [changed] = await model.update(values, { where });
  // MySQL counts only rows that became different.
  if (changed === 0 && !(await model.findByPk(key))) await model.create({ ...where, ...values });
}
