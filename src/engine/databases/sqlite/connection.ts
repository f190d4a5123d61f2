/** A promise-based wrapper of the `sqlite3` package, which is loaded only when a SQLite database is really opened. */
import path from 'node:path';
import type { Database } from 'sqlite3';
import { diskFull, SafekeepError } from '../../errors';

export type SqliteValue = string | number | bigint | Buffer | null;
export type SqliteRow = Record<string, SqliteValue>;

/** How long a statement waits for locks of other connections before it fails with SQLITE_BUSY. */
const BUSY_TIMEOUT_MS = 30_000;

/**
 * One connection to an existing database file. Never open a live database file with node:fs in the same process: POSIX
 * drops all locks of a process on a file when any of its descriptors is closed, those of the app's connection included.
 */
export class SqliteConnection {
  private constructor(
    private readonly database: Database,
    private readonly signal: AbortSignal | undefined,
  ) {
    signal?.addEventListener('abort', this.interrupt);
  }

  /**
   * @param signal interrupts the current statement, which then throws CANCELLED
   * @throws the error of SQLite, SQLITE_CANTOPEN when the file does not exist
   */
  static async open(
    file: string,
    options: { signal?: AbortSignal; busyTimeoutMs?: number } = {},
  ): Promise<SqliteConnection> {
    const { default: sqlite } = await import('sqlite3');
    const database = await new Promise<Database>((resolve, reject) => {
      const opened: Database = new sqlite.Database(file, sqlite.OPEN_READWRITE, (error) =>
        error ? reject(error) : resolve(opened),
      );
    });
    database.configure('busyTimeout', options.busyTimeoutMs ?? BUSY_TIMEOUT_MS);
    return new SqliteConnection(database, options.signal);
  }

  /** Runs one statement and returns its rows. */
  async all(sql: string, params: SqliteValue[] = []): Promise<SqliteRow[]> {
    if (this.signal?.aborted) throw new SafekeepError('CANCELLED');
    return new Promise((resolve, reject) => {
      this.database.all<SqliteRow>(sql, params, (error, rows) => {
        if (!error) resolve(rows);
        else reject(this.signal?.aborted ? new SafekeepError('CANCELLED', {}, { cause: error }) : error);
      });
    });
  }

  /** The first column of the first row. */
  async value(sql: string, params: SqliteValue[] = []): Promise<SqliteValue> {
    const [row] = await this.all(sql, params);
    return (row && Object.values(row)[0]) ?? null;
  }

  /** Idempotent. When the last connection closes, no -wal and -shm files remain. */
  async close(): Promise<void> {
    this.signal?.removeEventListener('abort', this.interrupt);
    await new Promise<void>((resolve, reject) => {
      this.database.close((error) => {
        const { code } = (error ?? {}) as NodeJS.ErrnoException;
        if (!error || code === 'SQLITE_MISUSE') resolve();
        else reject(error);
      });
    });
  }

  private readonly interrupt = () => this.database.interrupt();
}

/** Opens, works, closes. */
export async function withSqlite<T>(
  file: string,
  options: { signal?: AbortSignal; busyTimeoutMs?: number },
  work: (connection: SqliteConnection) => Promise<T>,
): Promise<T> {
  const connection = await SqliteConnection.open(file, options);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

/** A name for SQL text. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text for SQL text. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** `code` of an error of SQLite, '' where it has none. */
export function sqliteCode(error: unknown): string {
  return String((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}

/** Errors that concern the machine or other connections rather than the contents of a file. */
const UNREACHABLE = /^SQLITE_(?:BUSY|LOCKED|CANTOPEN|PERM|AUTH|READONLY)/;
const FAILED = /^SQLITE_(?:IOERR|NOMEM|PROTOCOL|NOLFS)/;

/**
 * Converts an error: SQLite errors that concern the machine to NO_SPACE, DATABASE_UNREACHABLE or SERVER_FAILED, other SQLite
 * errors with `otherwise`; any other error stays as it is.
 * @param file the file that was read or written @param needed required bytes, where known
 */
export function asSqliteError(
  error: unknown,
  { file, needed }: { file: string; needed?: number },
  otherwise: (detail: string) => SafekeepError,
): unknown {
  const code = sqliteCode(error);
  if (!code.startsWith('SQLITE_')) return error;
  const detail = (error as Error).message;
  if (code === 'SQLITE_FULL') return diskFull(path.dirname(file), error, needed);
  if (UNREACHABLE.test(code)) return new SafekeepError('DATABASE_UNREACHABLE', { detail }, { cause: error });
  if (FAILED.test(code)) return new SafekeepError('SERVER_FAILED', { detail }, { cause: error });
  return otherwise(detail);
}
