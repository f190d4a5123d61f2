/** What is backed up on each family of servers, and what happens to it before it is restored. */
import { randomBytes } from 'node:crypto';
import type { DatabaseConnection, DumpScope } from '../../src/engine/databases/driver';
import { withConnection } from '../support/compare';
import { statementsOf } from '../support/mysql-driver';
import { databaseFor, everything, type Way, WAYS } from '../support/postgres-driver';
import { type FreshDatabase, freshDatabase, type ServerAddress } from '../support/servers';
import { createMysqlObjects } from '../support/zoo/objects-mysql';
import type { ServerKind } from './servers';

export interface Subject {
  database: FreshDatabase;
  connection: DatabaseConnection;
  scope: DumpScope;
  /** Makes everything that the server can. */
  fill(): Promise<void>;
  /** Makes it another state. */
  change(): Promise<void>;
}

export type Strategy = 'database' | 'schema' | 'objects' | 'tables' | 'names';

export const strategiesOf = (family: ServerKind['family']): Strategy[] =>
  family === 'postgres' ? WAYS.map(({ strategy }) => strategy) : ['tables', 'names'];

const SCOPE: DumpScope = { excludeRowsOf: [], schemas: ['public'], fileTables: [] };

/** An empty database in which a restore goes by that strategy; of the same name on every server, as an upgrade leaves it. */
export async function subjectFor(kind: ServerKind, strategy: Strategy, on: ServerAddress): Promise<Subject> {
  if (kind.family !== 'postgres') {
    const database = await freshDatabase(kind.family, {
      mayCreateDatabases: strategy === 'tables',
      on,
      name: `reach${strategy}`,
    });
    const connection = connectionTo(database);
    const does = (statements: string[]) => exec(connection, statements);
    return { database, connection, scope: SCOPE, fill: () => fillMysql(connection, kind), change: () => does(MYSQL_CHANGES) }; // prettier-ignore
  }
  const database = await databaseFor(WAYS.find((way) => way.strategy === strategy) as Way, on);
  // A schema of the app's own, as DB_SCHEMA names one; `public` was the superuser's before PostgreSQL 15.
  const schema = strategy === 'schema' ? 'app' : 'public';
  if (strategy === 'schema') await database.asAdmin(`CREATE SCHEMA app AUTHORIZATION "${database.username}"`);
  const connection = { ...connectionTo(database), schema };
  const reader = `reader_${randomBytes(4).toString('hex')}`;
  await database.asAdmin(`CREATE ROLE ${reader}`);
  const fill = () => exec(connection, [everything(reader, schema)]);
  const drop = async () => {
    await database.asAdmin(`DROP OWNED BY ${reader} CASCADE`).catch(() => undefined);
    await database.drop();
    await database.asAdmin(`DROP ROLE IF EXISTS ${reader}`, 'postgres');
  };
  return {
    database: { ...database, drop },
    connection,
    scope: { ...SCOPE, schemas: [schema] },
    fill,
    change: () => exec(connection, POSTGRES_CHANGES),
  };
}

function connectionTo({ dialect, host, port, username, password, database }: FreshDatabase): DatabaseConnection {
  return { dialect, host, port, username, password, database, tablePrefix: '', underscored: false };
}

async function exec(connection: DatabaseConnection, statements: string[]): Promise<void> {
  await withConnection(connection, async ({ query }) => {
    for (const sql of statements) await query(sql);
  });
}

const POSTGRES_CHANGES = [
  'DROP VIEW cheap',
  "UPDATE books SET title = 'changed' WHERE id < 100",
  'DELETE FROM events',
  'CREATE TABLE later (id int PRIMARY KEY)',
  'DROP FUNCTION touch() CASCADE',
  "SELECT nextval('odd')",
];

async function fillMysql(connection: DatabaseConnection, { family, name }: ServerKind): Promise<void> {
  await exec(connection, ['CREATE TABLE people (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(50))', "INSERT INTO people (name) VALUES ('Ada'), ('Bo')"]); // prettier-ignore
  await withConnection(connection, (raw) => createMysqlObjects(raw, 'people'));
  const files = family === 'mysql' ? ['schema-mysql.sql', 'schema-mysql-9.sql'] : ['schema-mariadb.sql'];
  if (name === 'MariaDB 11.8') files.push('schema-mariadb-11.8.sql');
  for (const file of ['schema.sql', ...files]) await exec(connection, statementsOf(file).filter((sql) => !sql.includes('`history`'))); // prettier-ignore
  await exec(connection, STORED_OBJECTS[name] ?? []);
}

/** What only newer servers have. */
const STORED_OBJECTS: Record<string, string[]> = {
  'MariaDB 11.8': [
    "CREATE TRIGGER of_column BEFORE UPDATE OF note, `b` ON pair FOR EACH ROW SET NEW.note = CONCAT(NEW.note, '!')",
    'CREATE PROCEDURE with_default(IN a int DEFAULT 1) SELECT a',
    'CREATE PACKAGE pack FUNCTION one() RETURNS int; END',
    'CREATE PACKAGE BODY pack FUNCTION one() RETURNS int BEGIN RETURN 1; END; END',
  ],
  'MySQL 9.7': [
    "CREATE LIBRARY shared LANGUAGE JAVASCRIPT AS $$ export function f(n) { return n + ';' } $$",
    'CREATE FUNCTION js(a int) RETURNS int DETERMINISTIC LANGUAGE JAVASCRIPT AS $$ return a + 1 $$',
    "CREATE JSON RELATIONAL DUALITY VIEW people_json AS SELECT JSON_DUALITY_OBJECT(WITH(INSERT,UPDATE,DELETE) '_id': id, 'name': name) FROM people",
  ],
};

const MYSQL_CHANGES = [
  'DROP TRIGGER `zoo Trigger`',
  'DROP VIEW zoo_checked',
  'CREATE VIEW zoo_checked AS SELECT 1 AS other',
  'DROP PROCEDURE `zoo Clear`',
  'DELETE FROM zoo_parts',
  'DROP TABLE kinds',
  'UPDATE tree SET up = NULL',
  'CREATE TABLE since (id int PRIMARY KEY, tree int, FOREIGN KEY (tree) REFERENCES tree (id))',
  'INSERT INTO since VALUES (1, 1)',
  "ALTER TABLE people ADD COLUMN more varchar(10) DEFAULT 'x'",
];
