/** Rows of a SQLite file: counts within a time limit, and the records of uploaded files. */
import { SafekeepError } from '../../errors';
import type { DumpScope, FileRecord, FileTable } from '../driver';
import {
  asSqliteError,
  quoteName,
  SqliteConnection,
  sqliteCode,
  type SqliteRow,
  type SqliteValue,
  withSqlite,
} from './connection';

/** See `DatabaseDriver.countRows`. */
export async function countRows(
  file: string,
  tables: readonly string[],
  limitMs: number,
): Promise<Map<string, number | null>> {
  const counts = new Map<string, number | null>(tables.map((name) => [name, null]));
  const signal = AbortSignal.timeout(Math.max(1, limitMs));
  try {
    await withSqlite(file, { signal, busyTimeoutMs: limitMs }, async (connection) => {
      for (const name of tables) {
        const found = await tableNamed(connection, name);
        if (found === null) continue;
        counts.set(name, Number(await connection.value(`SELECT count(*) FROM ${quoteName(found)}`)));
      }
    });
  } catch (error) {
    // A wait for a lock lasts no longer than the limit either.
    if (!signal.aborted && sqliteCode(error) !== 'SQLITE_BUSY') throw asSqliteError(error, { file }, unreadable);
  }
  return counts;
}

const unreadable = (detail: string) => new SafekeepError('DATABASE_UNREACHABLE', { detail });

/** The name as in the file; null when there is no such table, in upper or lower case. */
async function tableNamed(connection: SqliteConnection, name: string): Promise<string | null> {
  const found = await connection.value(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name = ? COLLATE NOCASE",
    [name],
  );
  return found === null ? null : String(found);
}

const ROWS_AT_A_TIME = 1_000;

/** The file records of a file, in batches, each a statement of its own. @throws DATABASE_UNREACHABLE, SERVER_FAILED */
export async function* fileRecordsIn(file: string, scope: DumpScope): AsyncGenerator<FileRecord> {
  const connection = await openToRead(file);
  try {
    for (const table of scope.fileTables) yield* recordsOf(connection, table);
  } catch (error) {
    throw asSqliteError(error, { file }, unreadable);
  } finally {
    await connection.close();
  }
}

async function openToRead(file: string): Promise<SqliteConnection> {
  return await SqliteConnection.open(file).catch((error: unknown) => {
    throw asSqliteError(error, { file }, unreadable);
  });
}

async function* recordsOf(connection: SqliteConnection, table: FileTable): AsyncGenerator<FileRecord> {
  const name = await tableNamed(connection, table.table);
  if (name === null) return;
  const fields = (['key', 'filename', 'path', 'storageId'] as const).map((field) => {
    const column = table[field];
    return `${column === null ? 'NULL' : `CAST(${quoteName(column)} AS TEXT)`} AS ${quoteName(field)}`;
  });
  const cursor = await cursorOf(connection, name, table);
  let last: SqliteValue = null;
  for (;;) {
    const rows: SqliteRow[] = await connection.all(
      `SELECT ${cursor} AS at, ${fields.join(', ')} FROM ${quoteName(name)}
        WHERE ${last === null ? '1' : `${cursor} > ?`} ORDER BY ${cursor} LIMIT ${ROWS_AT_A_TIME}`,
      last === null ? [] : [last],
    );
    for (const row of rows) {
      const { key, filename, path, storageId } = row;
      if (!filename || storageId === null || storageId === undefined) continue;
      const { collection } = table;
      yield {
        collection,
        key: String(key ?? ''),
        filename: String(filename),
        path: String(path ?? ''),
        storageId: String(storageId),
      };
    }
    if (rows.length < ROWS_AT_A_TIME) return;
    last = rows.at(-1)?.at ?? null;
  }
}

/** A unique key of a table's rows: the rowid under a name that no column has, or the primary key where there is no rowid. */
async function cursorOf(connection: SqliteConnection, name: string, table: FileTable): Promise<string> {
  const columns = (await connection.all(`SELECT name FROM pragma_table_xinfo(?)`, [name])).map((row) =>
    String(row.name).toLowerCase(),
  );
  const alias = ['rowid', '_rowid_', 'oid'].find((each) => !columns.includes(each));
  const sql = String(await connection.value("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", [name]));
  return alias === undefined || /\bWITHOUT\s+ROWID\b/i.test(sql) ? quoteName(table.key) : alias;
}
