import type Database from '@nocobase/database';

/**
 * Updates the row with this primary key, or creates it. Not findOrCreate: its transaction reads before it writes, which SQLite
 * refuses while another connection writes.
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
  // MySQL counts only rows whose values changed.
  if (changed === 0 && !(await model.findByPk(key))) await model.create({ ...where, ...values });
}
