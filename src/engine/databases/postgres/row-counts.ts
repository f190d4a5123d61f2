/** Counts rows. */
import type { DatabaseConnection } from '../driver';
import { type Client, quoteName, rows, tableName, withClient } from './connection';
import { useAppPath } from './search-path';
import { isConnectionLost, SafekeepError } from '../../errors';

/** Rows of the table itself; rows of inheriting tables are counted there. */
export async function countRows(client: Client, { schema, name }: { schema: string; name: string }): Promise<number> {
  const from = `${quoteName(schema)}.${quoteName(name)}`;
  const [row] = await rows<{ count: string }>(client, `SELECT pg_catalog.count(*)::text AS count FROM ONLY ${from}`);
  return Number(row?.count ?? 0);
}

/** Extra time for connecting and for the server's response, in addition to the counting itself. */
const GRACE_MS = 1000;

/**
 * Exact numbers, or null where a table is missing, cannot be counted or the time limit was reached.
 * @param tables as schema.table @param limitMs for all of them together @throws DATABASE_UNREACHABLE
 */
export async function countLiveRows(
  connection: DatabaseConnection,
  tables: readonly string[],
  limitMs: number,
): Promise<Map<string, number | null>> {
  const counts = new Map<string, number | null>(tables.map((name) => [name, null]));
  const until = Date.now() + limitMs;
  const signal = AbortSignal.timeout(limitMs + GRACE_MS);
  try {
    await withClient(connection, { signal }, async (client) => {
      const found = await rows<{ schema: string; name: string }>(
        client,
        `SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname || '.' || c.relname = ANY($1) AND c.relkind = 'r'`,
        [tables],
      );
      const own = connection.schema ? [connection.schema] : [];
      await useAppPath(client, [...own, ...new Set(found.map(({ schema }) => schema))]);
      for (const table of found) {
        const left = until - Date.now();
        if (left <= 0) return;
        await client.query(`SET statement_timeout = ${left}`);
        try {
          counts.set(tableName(table.schema, table.name), await countRows(client, table));
        } catch (error) {
          if (isConnectionLost(error)) throw error;
        }
      }
    });
  } catch (error) {
    if (!(error instanceof SafekeepError && error.code === 'CANCELLED')) throw error;
  }
  return counts;
}
