/** Short-lived connections of Safekeep's own, never from the app's pool, and the same credentials for the native clients. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import tls from 'node:tls';
import pg from 'pg';
import { SafekeepError } from '../../errors';
import { makeTemporaryFolder } from '../../temporary-folder';
import type { DatabaseConnection } from '../driver';
import { asServerFailure } from './server-failure';

export type Client = pg.Client;

const CONNECT_TIMEOUT_MS = 15_000;

export interface ConnectOptions {
  /** Instead of the app's database. */
  database?: string;
  /** Ends the connection and the current statement. */
  signal?: AbortSignal;
  applicationName?: string;
}

function clientConfig(
  connection: DatabaseConnection,
  { database, applicationName = 'safekeep' }: ConnectOptions,
): pg.ClientConfig {
  return {
    host: connection.host,
    port: connection.port,
    user: connection.username,
    password: connection.password,
    database: database ?? connection.database,
    // Omitted when not set: `pg` then obeys PGSSLMODE, as the app's own connection does.
    ...(connection.tls ? { ssl: connection.tls } : {}),
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  };
}

/**
 * Timeouts of the server, the database or the role must not interrupt a long run; the empty search path makes the server qualify
 * every name with its schema. transaction_timeout exists since PostgreSQL 17.
 */
const SESSION = `
  SELECT set_config('search_path', '', false);
  SELECT set_config(name, '0', false) FROM pg_settings
   WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout',
                  'transaction_timeout')`;

/** @throws the unchanged error of `pg`; see `connect` for one that users understand */
export async function connectRaw(connection: DatabaseConnection, options: ConnectOptions = {}): Promise<Client> {
  options.signal?.throwIfAborted();
  const client = new pg.Client(clientConfig(connection, options));
  // A lost connection fails the current query; without a listener it would end the process as well.
  client.on('error', () => undefined);
  const end = () => void client.end().catch(() => undefined);
  options.signal?.addEventListener('abort', end, { once: true });
  client.once('end', () => options.signal?.removeEventListener('abort', end));
  try {
    await client.connect();
    await client.query(SESSION);
    return client;
  } catch (error) {
    end();
    throw error;
  }
}

/** The caller ends it. @throws DATABASE_UNREACHABLE, CANCELLED */
export async function connect(connection: DatabaseConnection, options: ConnectOptions = {}): Promise<Client> {
  try {
    return await connectRaw(connection, options);
  } catch (error) {
    if (options.signal?.aborted) throw new SafekeepError('CANCELLED', {}, { cause: error });
    throw new SafekeepError('DATABASE_UNREACHABLE', { detail: describe(error) }, { cause: error });
  }
}

/** Connects, works, ends. @throws DATABASE_UNREACHABLE, SERVER_FAILED, CANCELLED and what `work` throws */
export async function withClient<T>(
  connection: DatabaseConnection,
  options: ConnectOptions,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await connect(connection, options);
  try {
    return await work(client);
  } catch (error) {
    if (options.signal?.aborted) throw new SafekeepError('CANCELLED', {}, { cause: error });
    throw asServerFailure(error) ?? error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Runs a query that can be repeated, and repeats it when the server terminates it. @throws the error of the last attempt */
export async function insistently<T>(ask: () => Promise<T>): Promise<T> {
  for (let left = 2; ; left -= 1) {
    try {
      return await ask();
    } catch (error) {
      const isOfServer = !(error instanceof SafekeepError) || /^(DATABASE_UNREACHABLE|SERVER_FAILED)$/.test(error.code);
      if (left === 0 || !isOfServer) throw error;
    }
  }
}

/** Rows of one statement. */
export async function rows<T extends object>(client: Client, sql: string, values: unknown[] = []): Promise<T[]> {
  return (await client.query(sql, values)).rows as T[];
}

/** Runs statements as one transaction. */
export async function inTransaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  try {
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** SQLSTATE of a server error; a Node error code or '' otherwise. */
export function sqlState(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? '');
}

/** The server's own error text; some socket errors have an empty message and a list of errors inside. */
export function describe(error: unknown): string {
  const { message, code, detail, errors } = error as {
    message?: string;
    code?: string;
    detail?: string;
    errors?: unknown[];
  };
  const [first] = errors ?? [];
  const text = message || (first ? describe(first) : '') || code || String(error);
  return detail ? `${text} (${detail})` : text;
}

export const quoteName = pg.escapeIdentifier;
export const quoteText = pg.escapeLiteral;

/** `schema.table`, as the manifest names tables. */
export function tableName(schema: string, name: string): string {
  return `${schema}.${name}`;
}

/** A pattern for pg_dump's -n, -t and --exclude-table-data that matches this name only. */
export function exactPattern(...names: string[]): string {
  // Between double quotes, case is not folded and wildcards have no meaning (psql's manual, "Patterns").
  return names.map((name) => `"${name.replaceAll('"', '""')}"`).join('.');
}

/** Environment of the native clients: the app's credentials and TLS options. */
export interface ToolEnvironment {
  env: Record<string, string>;
  /** A private folder for files passed to the tools; deleted by `close`. */
  folder: string;
  close(): Promise<void>;
}

/** Secrets are in the environment and in files of mode 0600, never in arguments, which every user of the machine can read. */
export async function toolEnvironment(
  connection: DatabaseConnection,
  options: { database?: string; applicationName?: string } = {},
): Promise<ToolEnvironment> {
  const folder = await makeTemporaryFolder();
  const close = () => rm(folder, { recursive: true, force: true });
  try {
    const env: Record<string, string> = {
      ...ifGiven('PGHOST', connection.host),
      ...ifGiven('PGPORT', connection.port),
      ...ifGiven('PGUSER', connection.username),
      ...ifGiven('PGPASSWORD', connection.password),
      ...ifGiven('PGDATABASE', options.database ?? connection.database),
      PGAPPNAME: options.applicationName ?? 'safekeep',
      PGCONNECT_TIMEOUT: String(CONNECT_TIMEOUT_MS / 1000),
      PGOPTIONS: '',
      // Keeps the tools' own messages in English, the language of the log.
      LC_ALL: 'C',
      ...(await tlsVariables(connection.tls, folder)),
    };
    return { env, folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function ifGiven(name: string, value: string | number | undefined): Record<string, string> {
  return value === undefined || value === '' ? {} : { [name]: String(value) };
}

/** Node's TLS options as libpq's: https://www.postgresql.org/docs/current/libpq-envars.html */
async function tlsVariables(options: DatabaseConnection['tls'], folder: string): Promise<Record<string, string>> {
  if (!options) return {};
  const secret = async (name: string, content: string) => {
    const file = path.join(folder, name);
    await writeFile(file, content, { mode: 0o600 });
    return file;
  };
  const variables: Record<string, string> = { PGSSLMODE: 'require' };
  if (options.rejectUnauthorized === false) {
    // With 'require', libpq still verifies if it finds a root certificate: name one that does not exist.
    variables.PGSSLROOTCERT = path.join(folder, 'none');
  } else {
    variables.PGSSLMODE = 'verify-full';
    variables.PGSSLROOTCERT = await secret('root.crt', options.ca ?? (await nodeRootCertificates()));
  }
  if (options.cert) variables.PGSSLCERT = await secret('client.crt', options.cert);
  if (options.key) variables.PGSSLKEY = await secret('client.key', options.key);
  return variables;
}

/** The authorities that Node itself trusts: libpq before 16 has no list of its own. */
async function nodeRootCertificates(): Promise<string> {
  const extra = process.env.NODE_EXTRA_CA_CERTS;
  const extraText = extra ? await readFile(extra, 'utf8').catch(() => '') : '';
  return [...tls.rootCertificates, extraText].join('\n');
}
