/** Safekeep's own sessions on a MySQL or MariaDB server, and the properties of that server. */
import { existsSync, readFileSync } from 'node:fs';
import type { Connection as CoreConnection, ConnectionOptions } from 'mysql2';
import type { Connection } from 'mysql2/promise';
import { SafekeepError } from '../../errors';
import type { DatabaseConnection } from '../driver';
import { comparable } from '../tools';
import type { SharedConstraints } from './rewrite';
import { serverError } from './server-errors';

export type MysqlValue = string | number | Buffer | null;
export type MysqlRow = Record<string, MysqlValue>;

/** How long a statement waits for table locks of other sessions, in seconds; the server's own default is a day or a year. */
const LOCK_WAIT_SECONDS = 5;

/** Grace period after the server's own limit for a statement. */
const GRACE_MS = 500;

export interface MysqlServer {
  flavour: 'mysql' | 'mariadb';
  /** Dotted numbers only. */
  version: string;
  /** False where the server stores or compares names of tables and databases without regard to case. */
  caseSensitive: boolean;
  /** The largest statement that the server accepts, in bytes. */
  maxAllowedPacket: number;
}

export class MysqlSession {
  private constructor(
    private readonly core: CoreConnection,
    private readonly connection: Connection,
    readonly server: MysqlServer,
    /** The app's database, as the server spells it. */
    readonly database: string,
  ) {}

  /** @throws DATABASE_UNREACHABLE */
  static async open(to: DatabaseConnection): Promise<MysqlSession> {
    try {
      const { createConnection } = await import('mysql2');
      const core = createConnection(optionsOf(to));
      // A connection that breaks between two statements is reported by the next statement.
      core.on('error', () => undefined);
      const connection = core.promise();
      try {
        await connection.connect();
        // ANSI_QUOTES and NO_BACKSLASH_ESCAPES change the output of SHOW CREATE and the required quoting.
        await connection.query(`SET SESSION sql_mode = '', lock_wait_timeout = ${LOCK_WAIT_SECONDS}`);
        await connection.query('SET SESSION sql_quote_show_create = 1');
        const [rows] = await connection.query(
          'SELECT VERSION() AS version, DATABASE() AS name, @@lower_case_table_names AS casing, @@max_allowed_packet AS packet',
        );
        const [row] = rows as MysqlRow[];
        const version = String(row?.version);
        const server: MysqlServer = {
          flavour: /mariadb/i.test(version) ? 'mariadb' : 'mysql',
          version: /\d+(?:\.\d+)+/.exec(version.replace(/^5\.5\.5-/, ''))?.[0] ?? version,
          caseSensitive: Number(row?.casing) === 0,
          maxAllowedPacket: Number(row?.packet),
        };
        return new MysqlSession(core, connection, server, String(row?.name));
      } catch (error) {
        core.destroy();
        throw error;
      }
    } catch (error) {
      throw new SafekeepError('DATABASE_UNREACHABLE', { detail: (error as Error).message }, { cause: error });
    }
  }

  /** @throws the server's own error, with `errno` */
  async rows(sql: string, params: MysqlValue[] = []): Promise<MysqlRow[]> {
    const [rows] = await this.connection.query(sql, params);
    return Array.isArray(rows) ? (rows as MysqlRow[]) : [];
  }

  /**
   * As `rows`, but one at a time, for results of any size. The session accepts no other statement before the last row; it is
   * closed if not all rows are read.
   */
  async *stream(sql: string): AsyncGenerator<MysqlRow> {
    let ended = false;
    try {
      yield* this.core.query(sql).stream({ highWaterMark: 1_000 }) as AsyncIterable<MysqlRow>;
      ended = true;
    } finally {
      if (!ended) this.core.destroy();
    }
  }

  /** First column of the first row. */
  async value(sql: string, params: MysqlValue[] = []): Promise<MysqlValue> {
    const [row] = await this.rows(sql, params);
    return (row && Object.values(row)[0]) ?? null;
  }

  /** As `value`, but abandons the session after a time limit; the error then has the code PROTOCOL_SEQUENCE_TIMEOUT. */
  async valueWithin(sql: string, timeoutMs: number): Promise<MysqlValue> {
    const [rows] = await this.connection.query({ sql, timeout: timeoutMs + GRACE_MS });
    const [row] = rows as MysqlRow[];
    return (row && Object.values(row)[0]) ?? null;
  }

  /** First column of every row. */
  async column(sql: string, params: MysqlValue[] = []): Promise<string[]> {
    return (await this.rows(sql, params)).map((row) => String(Object.values(row)[0]));
  }

  /** The form of a name in which the server compares it. */
  fold(name: string): string {
    return this.server.caseSensitive ? name : name.toLowerCase();
  }

  async close(): Promise<void> {
    await this.connection.end().catch(() => this.core.destroy());
  }
}

/**
 * Opens a session, works, closes it. A server error that `work` does not handle becomes TOOL_FAILED with the server's message,
 * or DATABASE_UNREACHABLE or SERVER_FAILED where it concerns the server itself.
 */
export async function withMysql<T>(to: DatabaseConnection, work: (session: MysqlSession) => Promise<T>): Promise<T> {
  const session = await MysqlSession.open(to);
  try {
    return await work(session);
  } catch (error) {
    throw asServerError(error, session.server);
  } finally {
    await session.close();
  }
}

/** `about`: the object concerned, placed before the server's message. */
export function asServerError(error: unknown, server: MysqlServer, about = ''): unknown {
  const errno = errnoOf(error);
  if (!errno) return error;
  const tool = server.flavour === 'mariadb' ? 'MariaDB' : 'MySQL';
  return serverError({ errno, detail: about + (error as Error).message, tool, cause: error }, server.flavour);
}

/** The server's error number, 0 for errors that do not come from the server. */
export function errnoOf(error: unknown): number {
  const { errno, sqlState } = (error ?? {}) as { errno?: unknown; sqlState?: unknown };
  return typeof errno === 'number' && typeof sqlState === 'string' ? errno : 0;
}

/** MariaDB scopes CHECK constraints, and from 12.1 on foreign keys too, to their table. */
export function sharedConstraints({ flavour, version }: Pick<MysqlServer, 'flavour' | 'version'>): SharedConstraints {
  const isMysql = flavour === 'mysql';
  return { foreignKeys: isMysql || comparable(version).compare('12.1.0') < 0, checks: isMysql };
}

export const ER_ACCESS_DENIED = [1044, 1045, 1142, 1227];
export const ER_DATABASE_EXISTS = 1007;
export const ER_LOCK_WAIT_TIMEOUT = 1205;

/** A name for SQL text; `quoteId('db', 'table')` is qualified. */
export function quoteId(...names: string[]): string {
  return names.map((name) => `\`${name.replaceAll('`', '``')}\``).join('.');
}

/** A text for SQL text, for sessions without NO_BACKSLASH_ESCAPES. */
export function quoteString(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** TLS material of the app's connection as PEM text, even if it was given as a path. */
export interface TlsMaterial {
  rejectUnauthorized: boolean;
  ca?: string;
  cert?: string;
  key?: string;
}

/** null when the app does not use TLS. */
export function tlsOf(to: DatabaseConnection): TlsMaterial | null {
  if (!to.tls) return null;
  const pem = (value: string | undefined) => (value && existsSync(value) ? readFileSync(value, 'utf8') : value);
  return {
    rejectUnauthorized: to.tls.rejectUnauthorized !== false,
    ca: pem(to.tls.ca),
    cert: pem(to.tls.cert),
    key: pem(to.tls.key),
  };
}

function optionsOf(to: DatabaseConnection): ConnectionOptions {
  const tls = tlsOf(to);
  return {
    host: to.host,
    port: to.port === undefined ? undefined : Number(to.port),
    user: to.username,
    password: to.password,
    database: to.database,
    charset: 'utf8mb4_general_ci',
    connectTimeout: 15_000,
    supportBigNumbers: true,
    dateStrings: true,
    // A server never gets to read local files.
    flags: ['-LOCAL_FILES'],
    ...(tls && { ssl: { ...tls } }),
  };
}
