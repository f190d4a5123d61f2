/** Connections of the tests' own, independent of the host and of the engine under test. */
import mysql from 'mysql2/promise';
import pg from 'pg';
import sqlite3 from 'sqlite3';
import type { DatabaseConnection } from '../../../src/engine/databases/driver';

/** Every value as the database prints it; NULL is null. */
export type Row = Record<string, string | null>;
export type Value = string | number | null | Buffer;

export interface RawConnection {
  readonly target: DatabaseConnection;
  /** Runs one statement; `params` fill `$1` (PostgreSQL) or `?`. */
  query(sql: string, params?: Value[]): Promise<Row[]>;
  /** Hands over the rows one by one; SQLite reads them page by page, the others hold the answer in memory. */
  each(sql: string, onRow: (row: Row) => void): Promise<void>;
  close(): Promise<void>;
}

/** How two kinds of quotes keep a name: `"a""b"` or, in the MySQL family, backticks. */
export function quote(target: DatabaseConnection, name: string): string {
  const mark = isMysqlFamily(target) ? '`' : '"';
  return mark + name.replaceAll(mark, mark + mark) + mark;
}

export function isMysqlFamily({ dialect }: DatabaseConnection): boolean {
  return dialect === 'mysql' || dialect === 'mariadb';
}

/** Opens a connection with settings that make every value print exactly and in UTC. */
export function connect(target: DatabaseConnection): Promise<RawConnection> {
  if (target.dialect === 'postgres') return connectPostgres(target);
  if (target.dialect === 'sqlite') return connectSqlite(target);
  return connectMysql(target);
}

/** Opens a connection for the time of `work`. */
export async function withConnection<T>(
  target: DatabaseConnection,
  work: (connection: RawConnection) => Promise<T>,
): Promise<T> {
  const connection = await connect(target);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

async function connectPostgres(target: DatabaseConnection): Promise<RawConnection> {
  const { host, port, username: user, password, database } = target;
  const asText = { getTypeParser: () => (value: string) => value };
  const client = new pg.Client({ host, port, user, password, database, types: asText });
  // A server that ends the session reports it here as well; the caller gets the error from the next query.
  client.on('error', () => undefined);
  await client.connect();
  const schema = quote(target, target.schema ?? 'public');
  await client.query(`SET search_path = ${schema}; SET timezone = 'UTC'; SET datestyle = 'ISO, YMD';
    SET intervalstyle = 'postgres'; SET extra_float_digits = 3; SET bytea_output = 'hex'`);
  const query = async (sql: string, params?: Value[]) => (await client.query<Row>(sql, params)).rows;
  return {
    target,
    query,
    each: async (sql, onRow) => (await query(sql)).forEach(onRow),
    close: () => client.end(),
  };
}

async function connectMysql(target: DatabaseConnection): Promise<RawConnection> {
  const { host, port, username: user, password, database } = target;
  const connection = await mysql.createConnection({
    host,
    port,
    user,
    password,
    database,
    charset: 'utf8mb4',
    typeCast: (field) => field.string('utf8'),
  });
  connection.on('error', () => undefined);
  await connection.query(`SET time_zone = '+00:00', sql_mode = ''`);
  const query = async (sql: string, params?: Value[]) => {
    const [rows] = await connection.query(sql, params);
    return Array.isArray(rows) ? (rows as Row[]) : [];
  };
  return {
    target,
    query,
    each: async (sql, onRow) => (await query(sql)).forEach(onRow),
    close: () => connection.end(),
  };
}

const SQLITE_BUSY_MS = 30_000;
const SQLITE_PAGE = 20_000;

async function connectSqlite(target: DatabaseConnection): Promise<RawConnection> {
  const file = target.storage;
  if (!file) throw new Error('a SQLite connection needs `storage`');
  const db = await new Promise<sqlite3.Database>((resolve, reject) => {
    const opened = new sqlite3.Database(file, (error) => (error ? reject(error) : resolve(opened)));
  });
  db.configure('busyTimeout', SQLITE_BUSY_MS);
  const asText = (row: Record<string, unknown>): Row =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        value === null || value === undefined ? null : Buffer.isBuffer(value) ? value.toString('hex') : String(value),
      ]),
    );
  const query = (sql: string, params: Value[] = []) =>
    new Promise<Row[]>((resolve, reject) =>
      db.all<Record<string, unknown>>(sql, params, (error, rows) =>
        error ? reject(error) : resolve((rows ?? []).map(asText)),
      ),
    );
  return {
    target,
    query,
    // Not sqlite3's own `each`: its end can overtake rows while the machine is busy.
    each: async (sql, onRow) => {
      for (let offset = 0; ; offset += SQLITE_PAGE) {
        const rows = await query(`${sql} LIMIT ${SQLITE_PAGE} OFFSET ${offset}`);
        rows.forEach(onRow);
        if (rows.length < SQLITE_PAGE) return;
      }
    },
    close: () => new Promise((resolve, reject) => db.close((error) => (error ? reject(error) : resolve()))),
  };
}
