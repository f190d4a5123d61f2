/** Drops a schema that a restore put aside, and refuses where that would take anything else along. */
import { SafekeepError } from '../../errors';
import type { DatabasePlan } from '../driver';
import { type Client, inTransaction, quoteName, rows } from './connection';
import { foreignDependents } from './dependents';
import { parseMark, schemaFacts } from './slots';

/** Each table dropped is a lock held to the end of the transaction, and the server's lock table is finite. */
const TABLES_PER_TRANSACTION = 100;

/** Nothing happens to a schema without the mark of this restore. The mark goes last, with the schema itself. */
export async function dropInactiveSchema(client: Client, plan: DatabasePlan, inactive: string): Promise<void> {
  const [facts] = await schemaFacts(client, [inactive]);
  if (!facts || !parseMark(plan.id, facts.comment)) return;
  const dependents = await foreignDependents(client, [inactive]);
  if (dependents.length > 0) {
    const detail = `${inactive} can not be dropped, these depend on it: ${dependents.slice(0, 5).join(', ')}`;
    throw new SafekeepError('INTERNAL', { detail });
  }
  const tables = await rows<{ name: string }>(
    client,
    `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
      WHERE nspname = $1 AND relkind IN ('r', 'p') ORDER BY relispartition DESC, c.oid`,
    [inactive],
  );
  for (let from = 0; from + TABLES_PER_TRANSACTION < tables.length; from += TABLES_PER_TRANSACTION) {
    const batch = tables.slice(from, from + TABLES_PER_TRANSACTION);
    const names = batch.map(({ name }) => `${quoteName(inactive)}.${quoteName(name)}`).join(', ');
    await client.query(`DROP TABLE IF EXISTS ${names} CASCADE`);
  }
  await inTransaction(client, () => client.query(`DROP SCHEMA IF EXISTS ${quoteName(inactive)} CASCADE`));
}
