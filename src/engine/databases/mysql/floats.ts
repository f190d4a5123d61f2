/**
 * The dump tools write a FLOAT with six digits, though it has more: 16777216 becomes 16777200. Statements after the tables' SQL
 * restore the exact values. Each changes a value only if the loaded value is what the tool makes of the exact one, so a row that
 * changed after the tool's snapshot keeps the value from that snapshot.
 */
import type { MysqlObject } from './catalog';
import { type MysqlRow, type MysqlSession, quoteId, quoteString } from './connection';

/** Rows corrected by one statement. */
const BATCH_ROWS = 1_000;

export interface FloatTable {
  name: string;
  floats: string[];
  /** Columns of the primary key with their types; empty where rows cannot be distinguished. */
  key: { name: string; type: string; charset: string; collation: string }[];
  /** Columns that the server sets to the current time when the row changes. */
  touched: string[];
}

/** Tables with FLOAT columns. */
export async function floatTables(session: MysqlSession, tables: MysqlObject[]): Promise<FloatTable[]> {
  const rows = await session.rows(
    `SELECT TABLE_NAME AS tab, COLUMN_NAME AS name, DATA_TYPE AS type, COLUMN_KEY AS role, EXTRA AS extra,
            CHARACTER_SET_NAME AS charset, COLLATION_NAME AS collation
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
      charset: String(row.charset ?? ''),
      collation: String(row.collation ?? ''),
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

/** SQL that gives loaded rows their exact values; none for values that fit in six digits. */
export async function* floatCorrections(session: MysqlSession, tables: FloatTable[]): AsyncGenerator<string> {
  let isFirst = true;
  for (const table of tables.filter(({ key }) => key.length > 0)) {
    let batch: string[][] = [];
    const flush = () => {
      const sql = `${isFirst ? INTRODUCTION : ''}${updateOf(table, batch)};\n`;
      isFirst = false;
      batch = [];
      return sql;
    };
    for await (const row of session.stream(exactValues(table))) {
      const values = correctionOf(table, row);
      if (values !== null) batch.push(values);
      if (batch.length === BATCH_ROWS) yield flush();
    }
    if (batch.length > 0) yield flush();
  }
}

const INTRODUCTION = `
-- Exact FLOAT values, which the dump tool rounds
SET SESSION sql_mode = '', time_zone = '+00:00', foreign_key_checks = 0;
`;

function exactValues({ name, floats, key }: FloatTable): string {
  const columns = [
    ...key.map(({ name: column, type }, index) => `${printed(quoteId(column), type)} AS k${index}`),
    // An expression with a DOUBLE operand returns the exact value.
    ...floats.flatMap((column, index) => [
      `CAST(${quoteId(column)} AS CHAR) AS s${index}`,
      `CAST(${quoteId(column)} + 0e0 AS CHAR) AS e${index}`,
    ]),
  ];
  return `SELECT ${columns.join(', ')} FROM ${quoteId(name)}`;
}

const BINARY = /binary|blob/;
const NUMBER = /^(?:tinyint|smallint|mediumint|int|bigint|decimal|double|year|bit)$/;

function printed(column: string, type: string): string {
  if (BINARY.test(type)) return `HEX(${column})`;
  return type === 'bit' ? `CAST(${column} + 0 AS CHAR)` : `CAST(${column} AS CHAR)`;
}

/** The values of one row in the order of `updateOf`: its key, then for each column the loaded and the exact value. */
function correctionOf({ floats, key }: FloatTable, row: MysqlRow): string[] | null {
  let differs = false;
  const values = floats.flatMap((_column, index) => {
    const [short, exact] = [row[`s${index}`], row[`e${index}`]];
    if (typeof short !== 'string' || typeof exact !== 'string') return ['NULL', 'NULL'];
    if (Math.fround(Number(short)) === Number(exact)) return ['NULL', 'NULL'];
    differs = true;
    // With an exponent the number is a DOUBLE, without one a DECIMAL.
    return [`'${short}'`, exact.includes('e') ? exact : `${exact}e0`];
  });
  if (!differs) return null;
  const literals = key.map(({ type }, index) => {
    const value = String(row[`k${index}`]);
    if (BINARY.test(type)) return `x'${value}'`;
    return NUMBER.test(type) ? value : quoteString(value);
  });
  return [...literals, ...values];
}

/** One statement for many rows. */
function updateOf({ name, floats, key, touched }: FloatTable, batch: string[][]): string {
  const columns = [
    ...key.map((_column, index) => `k${index}`),
    ...floats.flatMap((_column, index) => [`s${index}`, `e${index}`]),
  ];
  const named = columns.map((column) => `NULL AS ${column}`).join(', ');
  // The first line names the columns and matches no row.
  const values = [`SELECT ${named}`, ...batch.map((row) => `SELECT ${row.join(', ')}`)].join('\nUNION ALL ');
  const set = [
    ...floats.map((column, index) => {
      const id = `t.${quoteId(column)}`;
      return `${id} = IF(CAST(${id} AS CHAR) = v.s${index}, v.e${index}, ${id})`;
    }),
    ...touched.map((column) => `t.${quoteId(column)} = t.${quoteId(column)}`),
  ];
  const on = key.map(({ name: column, charset, collation }, index) => {
    // A literal has the session's collation; an indexed comparison with the column requires the column's.
    const value = charset ? `CONVERT(v.k${index} USING ${charset}) COLLATE ${collation}` : `v.k${index}`;
    return `t.${quoteId(column)} = ${value}`;
  });
  return `UPDATE ${quoteId(name)} t JOIN (${values}) v ON ${on.join(' AND ')} SET ${set.join(', ')}`;
}
