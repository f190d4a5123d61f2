/** The search path in which the app's functions find unqualified names: the app's own. */
import { type Client, quoteName, rows } from './connection';

/** The host sets it on each of its connections. */
const HOST_SCHEMA = 'public';

/** The app's schemas, the host's, and those of extensions. */
export async function appPath(client: Client, schemas: readonly string[]): Promise<string[]> {
  const found = await rows<{ name: string }>(
    client,
    `SELECT DISTINCT nspname::text AS name FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
      WHERE nspname <> 'pg_catalog' ORDER BY 1`,
  );
  return [...new Set([...schemas, HOST_SCHEMA, ...found.map(({ name }) => name)])];
}

/** Until the session ends: for counting and reading rows, where the planner evaluates functions used in indexes. */
export async function useAppPath(client: Client, schemas: readonly string[]): Promise<void> {
  const path = await appPath(client, schemas);
  await client.query(`SET search_path = ${path.map(quoteName).join(', ')}`);
}
