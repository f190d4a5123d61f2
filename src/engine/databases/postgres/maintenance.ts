/** Sessions in another database of the server, from which databases are created, renamed and dropped. */
import type { DatabaseConnection } from '../driver';
import { SafekeepError } from '../../errors';
import { type Client, connectRaw, describe, rows } from './connection';
import { asServerFailure } from './server-failure';

/** Every cluster has these two unless an administrator dropped them. */
const USUAL = ['postgres', 'template1'];

/**
 * Opens a session in a database other than `notThese`. The caller ends it.
 * @throws DATABASE_UNREACHABLE when no other database accepts the app's role
 */
export async function connectMaintenance(
  connection: DatabaseConnection,
  notThese: string[],
  signal?: AbortSignal,
  applicationName?: string,
): Promise<Client> {
  let reason: unknown;
  const attempt = async (database: string) => {
    try {
      return await connectRaw(connection, { database, signal, applicationName });
    } catch (error) {
      if (signal?.aborted) throw new SafekeepError('CANCELLED', {}, { cause: error });
      reason = error;
      return null;
    }
  };
  for (const database of USUAL.filter((name) => !notThese.includes(name))) {
    const client = await attempt(database);
    if (client) return client;
  }
  for (const database of await otherDatabases(connection, notThese, attempt)) {
    const client = await attempt(database);
    if (client) return client;
  }
  throw new SafekeepError('DATABASE_UNREACHABLE', { detail: describe(reason) }, { cause: reason });
}

async function otherDatabases(
  connection: DatabaseConnection,
  notThese: string[],
  attempt: (database: string) => Promise<Client | null>,
): Promise<string[]> {
  const client = connection.database ? await attempt(connection.database) : null;
  if (!client) return [];
  try {
    const found = await rows<{ name: string }>(
      client,
      `SELECT datname AS name FROM pg_database
        WHERE datallowconn AND has_database_privilege(datname, 'CONNECT') AND datname <> ALL($1) ORDER BY 1`,
      [[...USUAL, ...notThese]],
    );
    return found.map(({ name }) => name);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Opens, works, ends. */
export async function withMaintenance<T>(
  connection: DatabaseConnection,
  notThese: string[],
  signal: AbortSignal | undefined,
  work: (client: Client) => Promise<T>,
  applicationName?: string,
): Promise<T> {
  const client = await connectMaintenance(connection, notThese, signal, applicationName);
  try {
    return await work(client);
  } catch (error) {
    if (signal?.aborted) throw new SafekeepError('CANCELLED', {}, { cause: error });
    throw asServerFailure(error) ?? error;
  } finally {
    await client.end().catch(() => undefined);
  }
}
