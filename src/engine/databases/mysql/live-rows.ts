/** Rows of the live database, read now: counts within a time limit, and the records of uploaded files. */
import type { DatabaseConnection, DumpScope, FileRecord } from '../driver';
import { everythingIn } from './catalog';
import { asServerError, type MysqlServer, MysqlSession, errnoOf, quoteId } from './connection';
import { recordOf } from './file-rows';

const ER_NO_SUCH_TABLE = 1146;

/** See `DatabaseDriver.countRows`. Small tables first, so that as many as possible are counted. */
export async function countRows(
  session: MysqlSession,
  tables: readonly string[],
  limitMs: number,
): Promise<Map<string, number | null>> {
  const end = Date.now() + limitMs;
  const counts = new Map<string, number | null>(tables.map((name) => [name, null]));
  const estimates = new Map(
    (
      await session.rows(
        'SELECT TABLE_NAME AS name, TABLE_ROWS AS rowsThere FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?',
        [session.database],
      )
    ).map(({ name, rowsThere }) => [session.fold(String(name)), Number(rowsThere ?? 0)]),
  );
  const estimate = (name: string) => estimates.get(session.fold(name)) ?? 0;
  for (const name of [...tables].sort((a, b) => estimate(a) - estimate(b))) {
    const leftMs = Math.floor(end - Date.now());
    if (leftMs <= 0) break;
    const found = await countWithin(session, name, leftMs);
    if (found === 'out of time') break;
    counts.set(name, found);
  }
  return counts;
}

/** null when the table does not exist. */
async function countWithin(
  session: MysqlSession,
  name: string,
  leftMs: number,
): Promise<number | null | 'out of time'> {
  try {
    return Number(await session.valueWithin(countStatement(session.server, name, leftMs), leftMs));
  } catch (error) {
    if (errnoOf(error) === ER_NO_SUCH_TABLE) return null;
    if (isOutOfTime(error)) return 'out of time';
    throw error;
  }
}

function countStatement({ flavour }: MysqlServer, name: string, leftMs: number): string {
  return flavour === 'mariadb'
    ? `SET STATEMENT max_statement_time = ${leftMs / 1000} FOR SELECT COUNT(*) FROM ${quoteId(name)}`
    : `SELECT /*+ MAX_EXECUTION_TIME(${leftMs}) */ COUNT(*) FROM ${quoteId(name)}`;
}

/** ER_LOCK_WAIT_TIMEOUT, ER_QUERY_INTERRUPTED, and one code specific to each flavour. */
const TIMEOUTS = [1205, 1317, 1969, 3024];

function isOutOfTime(error: unknown): boolean {
  return TIMEOUTS.includes(errnoOf(error)) || (error as { code?: unknown }).code === 'PROTOCOL_SEQUENCE_TIMEOUT';
}

/** See `DatabaseDriver.fileRecords`. A missing table has none. */
export async function* liveFileRecords(connection: DatabaseConnection, scope: DumpScope): AsyncGenerator<FileRecord> {
  const session = await MysqlSession.open(connection);
  try {
    const there = new Set((await everythingIn(session, session.database)).map(({ name }) => session.fold(name)));
    for (const table of scope.fileTables.filter((each) => there.has(session.fold(each.table)))) {
      const text = (column: string | null, field: string) =>
        `${column === null ? 'NULL' : `CAST(${quoteId(column)} AS CHAR)`} AS ${quoteId(field)}`;
      const fields = (['key', 'filename', 'path', 'storageId'] as const).map((field) => text(table[field], field));
      const rows = session.stream(`SELECT ${fields.join(', ')} FROM ${quoteId(table.table)}`);
      for await (const row of rows) {
        const value = (field: string) => (row[field] === null ? null : String(row[field]));
        const record = recordOf(table, {
          key: value('key'),
          filename: value('filename'),
          path: value('path'),
          storageId: value('storageId'),
        });
        if (record) yield record;
      }
    }
  } catch (error) {
    throw asServerError(error, session.server);
  } finally {
    await session.close();
  }
}
