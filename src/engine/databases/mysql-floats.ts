/**
 * The dump tools write a FLOAT with six digits, though it holds more: 16777216 comes out as 16777200. What they cut off is put
 * right by statements after the tables' SQL. Each of them changes a value only if what was loaded is what the tool makes
 * of the exact value, so a row that changed between the tool's moment and ours is left as the tool saw it.
 */
import type { MysqlObject } from './mysql-catalog';
import { type MysqlRow, type MysqlSession, quoteId, quoteString } from './mysql-connection';

const ROWS_PER_TRANSACTION = 5_000;

export interface FloatTable {
  name: string;
  floats: string[];
  /** Columns of the primary key with their types; empty where rows can not be told apart. */
  key: { name: string; type: string }[];
  /** Columns that the server sets to the current time when the row changes. */
  touched: string[];
}

/** Tables with FLOAT columns. */
export async function floatTables(session: MysqlSession, tables: MysqlObject[]): Promise<FloatTable[]> {
  const rows = await session.rows(
    `SELECT TABLE_NAME AS tab, COLUMN_NAME AS name, DATA_TYPE AS type, COLUMN_KEY AS role, EXTRA AS extra
       FROM information_schema.COLUMNS
      WHERE TABLE_SCHEMA = ? AND IFNULL(GENERATION_EXPRESSION, '') = '' ORDER BY TABLE_NAME, ORDINAL_POSITION`,
    [session.database],
  );
  const byTable = new Map<string, MysqlRow[]>(tables.map(({ name }) => [name, []]));
  for (const row of rows) byTable.get(String(row.tab))?.push(row);
  const found = tables.map(({ name }): FloatTable => {
    const columns = (byTable.get(name) ?? []).map((row) => ({
      name: String(row.name),
      type: String(row.type).toLowerCase(),
      isKey: row.role === 'PRI',
      isTouched: /on update/i.test(String(row.extra)),
    }));
    const key = columns.filter(({ isKey }) => isKey);
    return {
      name,
      floats: columns.filter(({ type, isKey }) => type === 'float' && !isKey).map((column) => column.name),
      key: key.some(({ type }) => type === 'float') ? [] : key,
      touched: columns.filter(({ isTouched }) => isTouched).map((column) => column.name),
    };
  });
  return found.filter(({ floats }) => floats.length > 0);
}

/** SQL, in lines, that gives loaded rows their exact values; nothing for values that six digits tell. */
export async function* floatCorrections(session: MysqlSession, tables: FloatTable[]): AsyncGenerator<string> {
  let count = 0;
  for (const table of tables.filter(({ key }) => key.length > 0)) {
    for await (const row of session.stream(exactValues(table))) {
      const statement = correctionOf(table, row);
      if (statement === null) continue;
      if (count === 0) yield INTRODUCTION;
      else if (count % ROWS_PER_TRANSACTION === 0) yield 'COMMIT;\nSTART TRANSACTION;\n';
      count += 1;
      yield `${statement};\n`;
    }
  }
  if (count > 0) yield 'COMMIT;\n';
}

const INTRODUCTION = `
-- What the dump tool cut off FLOAT values
SET SESSION sql_mode = '', time_zone = '+00:00', foreign_key_checks = 0;
START TRANSACTION;
`;

function exactValues({ name, floats, key }: FloatTable): string {
  const columns = [
    ...key.map(({ name: column, type }, index) => `${printed(quoteId(column), type)} AS k${index}`),
    // The exact value, since an expression with a DOUBLE is one.
    ...floats.flatMap((column, index) => [
      `CAST(${quoteId(column)} AS CHAR) AS s${index}`,
      `CAST(${quoteId(column)} + 0e0 AS CHAR) AS e${index}`,
    ]),
  ];
  return `SELECT ${columns.join(', ')} FROM ${quoteId(name)}`;
}

const BINARY = /binary|blob/;
const NUMBER = /^(?:tinyint|smallint|mediumint|int|bigint|decimal|double|year)$/;

function printed(column: string, type: string): string {
  if (BINARY.test(type)) return `HEX(${column})`;
  return type === 'bit' ? `CAST(${column} + 0 AS CHAR)` : `CAST(${column} AS CHAR)`;
}

function literal(value: string, type: string): string {
  if (BINARY.test(type)) return `x'${value}'`;
  return NUMBER.test(type) || type === 'bit' ? value : quoteString(value);
}

/** null when every value of the row is told by six digits. */
function correctionOf({ name, floats, key, touched }: FloatTable, row: MysqlRow): string | null {
  const corrected = floats.flatMap((column, index) => {
    const [short, exact] = [row[`s${index}`], row[`e${index}`]];
    if (typeof short !== 'string' || typeof exact !== 'string') return [];
    if (Math.fround(Number(short)) === Number(exact)) return [];
    const id = quoteId(column);
    return [`${id} = IF(CAST(${id} AS CHAR) = '${short}', ${exact}, ${id})`];
  });
  if (corrected.length === 0) return null;
  const kept = touched.map((column) => `${quoteId(column)} = ${quoteId(column)}`);
  const where = key.map((column, index) => {
    return `${quoteId(column.name)} = ${literal(String(row[`k${index}`]), column.type)}`;
  });
  return `UPDATE ${quoteId(name)} SET ${[...corrected, ...kept].join(', ')} WHERE ${where.join(' AND ')}`;
}
