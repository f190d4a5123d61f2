/** Short-lived connections of our own, never from the app's pool, and the same sign-in for the native clients. */
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
  /** Ends the connection, and with it the statement under way. */
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
    // Left out when not set: `pg` then obeys PGSSLMODE, as the app's own connection does.
    ...(connection.tls ? { ssl: connection.tls } : {}),
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  };
}

/**
 * Timeouts of the server, the database or the role must not cut a long run short; the empty search path makes the server
 * print every name with its schema. transaction_timeout exists since PostgreSQL 17.
 */
const SESSION = `
  SELECT set_config('search_path', '', false);
  SELECT set_config(name, '0', false) FROM pg_settings
   WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout',
                  'transaction_timeout')`;

/** @throws the error of `pg` as it is; see `connect` for one that users understand. */
export async function connectRaw(connection: DatabaseConnection, options: ConnectOptions = {}): Promise<Client> {
  options.signal?.throwIfAborted();
  const client = new pg.Client(clientConfig(connection, options));
  // A lost connection fails the query under way; without a listener it would end the process as well.
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

/** Asks a question that may be repeated, and asks it again when the server fails over it. @throws what the last attempt throws */
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

/** SQLSTATE of a server's error; a Node error code or '' otherwise. */
export function sqlState(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? '');
}

/** What went wrong, in the server's own words; some socket errors have an empty message and a list inside. */
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

/** A pattern for pg_dump's -n, -t and --exclude-table-data that fits this name only. */
export function exactPattern(...names: string[]): string {
  // Between double quotes neither case is folded nor a wildcard seen (psql's manual, "Patterns").
  return names.map((name) => `"${name.replaceAll('"', '""')}"`).join('.');
}

/** Environment of the native clients: the app's sign-in and TLS options. */
export interface ToolEnvironment {
  env: Record<string, string>;
  /** A private folder for files handed to the tools; gone after `close`. */
  folder: string;
  close(): Promise<void>;
}

/** Secrets stand in the environment and in files of mode 0600, never in arguments, which every user of the machine can read. */
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
      // The tools' own messages in English: the log is one language, and ours.
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

/** Node's TLS options in libpq's words: https://www.postgresql.org/docs/current/libpq-envars.html */
async function tlsVariables(options: DatabaseConnection['tls'], folder: string): Promise<Record<string, string>> {
  if (!options) return {};
  const secret = async (name: string, content: string) => {
    const file = path.join(folder, name);
    await writeFile(file, content, { mode: 0o600 });
    return file;
  };
  const variables: Record<string, string> = { PGSSLMODE: 'require' };
  if (options.rejectUnauthorized === false) {
    // With 'require' libpq still verifies when it finds a root certificate: name one that is not there.
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
