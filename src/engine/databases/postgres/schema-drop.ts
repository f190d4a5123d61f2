/** Drops an inactive schema, but not if this would drop anything else. */
import { SafekeepError } from '../../errors';
import type { DatabasePlan } from '../driver';
import { type Client, inTransaction, quoteName, rows } from './connection';
import { foreignDependents } from './dependents';
import { parseMark, schemaFacts } from './slots';

/** Each dropped table is a lock held to the end of the transaction, and the server's lock table is finite. */
const TABLES_PER_TRANSACTION = 100;

/** A schema without the mark of this restore is left alone. The mark goes last, with the schema itself. */
export async function dropInactiveSchema(client: Client, plan: DatabasePlan, inactive: string): Promise<void> {
  const [facts] = await schemaFacts(client, [inactive]);
  if (!facts || !parseMark(plan.id, facts.comment)) return;
  const dependents = await foreignDependents(client, [inactive]);
  if (dependents.length > 0) {
    throw new SafekeepError('INTERNAL', {
      detail: {
        text: '{{name}} cannot be dropped because these objects depend on it: {{objects}}',
        params: { name: inactive, objects: dependents.slice(0, 5).join(', ') },
      },
    });
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
