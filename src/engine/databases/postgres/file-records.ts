/** Reads the tables of uploaded files through a cursor. */
import type { FileRecord, FileTable } from '../driver';
import { type Client, quoteName, rows } from './connection';
import { inPlace, type Place } from './inactive';

const ROWS_AT_ONCE = 1000;

/**
 * Rows without a filename or storage are skipped; a missing table has none.
 * @param client within a transaction
 */
export async function* readFileRecords(
  client: Client,
  tables: readonly FileTable[],
  place: Place,
): AsyncGenerator<FileRecord> {
  for (const table of tables) {
    const query = await queryFor(client, table, place);
    if (!query) continue;
    await client.query(`DECLARE file_records NO SCROLL CURSOR FOR ${query}`);
    for (;;) {
      const found = await rows<Omit<FileRecord, 'collection'>>(client, `FETCH ${ROWS_AT_ONCE} FROM file_records`);
      for (const row of found) yield { collection: table.collection, ...row };
      if (found.length < ROWS_AT_ONCE) break;
    }
    await client.query('CLOSE file_records');
  }
}

async function queryFor(client: Client, table: FileTable, place: Place): Promise<string | null> {
  const { key, filename, path, storageId } = table;
  const columns = await rows<{ schema: string; name: string; column: string }>(
    client,
    `SELECT n.nspname AS schema, c.relname AS name, a.attname AS column
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE n.nspname || '.' || c.relname = $1 AND c.relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped`,
    [inPlace(table.table, place)],
  );
  const has = (column: string) => columns.some((found) => found.column === column);
  const [first] = columns;
  if (!first || ![key, filename, storageId].every(has)) return null;
  const text = (column: string) => `${quoteName(column)}::text`;
  const folder = path !== null && has(path) ? `coalesce(${text(path)}, '')` : `''`;
  return `
    SELECT ${text(key)} AS key, ${text(filename)} AS filename, ${folder} AS path, ${text(storageId)} AS "storageId"
      FROM ${quoteName(first.schema)}.${quoteName(first.name)}
     WHERE ${text(filename)} <> '' AND ${quoteName(storageId)} IS NOT NULL`;
}
