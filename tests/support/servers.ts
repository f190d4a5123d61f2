/** Databases of a test's own on the servers that the test run shares. */
import { randomBytes } from 'node:crypto';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { inject } from 'vitest';
import './global-setup';

export type ServerDialect = 'postgres' | 'mariadb' | 'mysql';

/** A server and its administrator. */
export interface ServerAddress {
  host: string;
  port: number;
  user: string;
  password: string;
}

export interface FreshDatabaseOptions {
  /** Another server than those that the test run shares. */
  on?: ServerAddress;
  /** Of the database and its user; random by default. */
  name?: string;
  /** Whether the user can create further databases (for staging). Default true. */
  mayCreateDatabases?: boolean;
}

/** A database and a user of its own that owns it. Names hold lower-case letters and digits only. */
export interface FreshDatabase {
  dialect: ServerDialect;
  host: string;
  port: number;
  username: string;
  password: string;
  database: string;
  /** Runs one statement as the server's administrator, in this database unless another is named; rows as objects. */
  asAdmin(sql: string, database?: string): Promise<Record<string, unknown>[]>;
  /** Removes the user and every database it owns; live sessions are ended. */
  drop(): Promise<void>;
}

/** The dialect 'mysql' gets a database on the MariaDB server. */
export async function freshDatabase(
  dialect: ServerDialect,
  { mayCreateDatabases = true, on, name = `t${randomBytes(5).toString('hex')}` }: FreshDatabaseOptions = {},
): Promise<FreshDatabase> {
  const password = randomBytes(9).toString('hex');
  const create = dialect === 'postgres' ? freshPostgres : freshMariadb;
  const server = on ?? sharedServer(dialect);
  const made = await create(server, name, password, mayCreateDatabases);
  return { dialect, username: name, password, database: name, ...made };
}

function sharedServer(dialect: ServerDialect): ServerAddress {
  if (dialect !== 'postgres') return inject('servers').mariadb;
  const { superuser: user, ...server } = inject('servers').postgres;
  return { ...server, user };
}

type ServerPart = Pick<FreshDatabase, 'host' | 'port' | 'asAdmin' | 'drop'>;

async function freshPostgres(
  { host, port, user, password: adminPassword }: ServerAddress,
  name: string,
  password: string,
  mayCreateDatabases: boolean,
): Promise<ServerPart> {
  const asAdmin = async (sql: string, database = name) => {
    const client = new pg.Client({ host, port, user, password: adminPassword, database });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  await asAdmin(
    `CREATE ROLE "${name}" LOGIN PASSWORD '${password}' ${mayCreateDatabases ? 'CREATEDB' : ''}`,
    'postgres',
  );
  await asAdmin(`CREATE DATABASE "${name}" OWNER "${name}"`, 'postgres');
  const drop = async () => {
    const owned = `SELECT datname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE r.rolname = '${name}'`;
    for (const { datname } of await asAdmin(owned, 'postgres')) {
      await asAdmin(`DROP DATABASE IF EXISTS "${String(datname)}" WITH (FORCE)`, 'postgres');
    }
    await asAdmin(`DROP ROLE IF EXISTS "${name}"`, 'postgres');
  };
  return { host, port, asAdmin, drop };
}

async function freshMariadb(
  { host, port, user, password: adminPassword }: ServerAddress,
  name: string,
  password: string,
  mayCreateDatabases: boolean,
): Promise<ServerPart> {
  const asAdmin = async (sql: string, database: string | undefined = name) => {
    const connection = await mysql.createConnection({ host, port, user, password: adminPassword, database });
    try {
      const [rows] = await connection.query(sql);
      return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
    } finally {
      await connection.end();
    }
  };
  await asAdmin(`CREATE DATABASE \`${name}\``, 'mysql');
  await asAdmin(`CREATE USER '${name}'@'%' IDENTIFIED BY '${password}'`, 'mysql');
  // A grant's database name is a pattern: with it the user may create databases that begin with its own name.
  const scope = mayCreateDatabases ? `${name}%` : name;
  await asAdmin(`GRANT ALL PRIVILEGES ON \`${scope}\`.* TO '${name}'@'%'`, 'mysql');
  const drop = async () => {
    await asAdmin(`DROP USER IF EXISTS '${name}'@'%'`, 'mysql');
    const owned = `SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name LIKE '${name}%'`;
    for (const { name: database } of await asAdmin(owned, 'mysql')) {
      await asAdmin(`DROP DATABASE IF EXISTS \`${String(database)}\``, 'mysql');
    }
  };
  return { host, port, asAdmin, drop };
}
