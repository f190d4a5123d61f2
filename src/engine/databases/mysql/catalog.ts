/** The contents of a database on a MySQL or MariaDB server. */
import type { DatabaseFacts } from '../../../shared/manifest';
import type { DatabaseConnection, DumpScope } from '../driver';
import type { MysqlSession } from './connection';

export interface MysqlObject {
  name: string;
  kind: 'table' | 'sequence' | 'view';
  /** '' for views. */
  engine: string;
  systemVersioned: boolean;
  /** One of Safekeep's own tables, which are never the app's, whatever the prefix. */
  isOurs: boolean;
}

const KINDS: Record<string, MysqlObject['kind']> = {
  'BASE TABLE': 'table',
  'SYSTEM VERSIONED': 'table',
  SEQUENCE: 'sequence',
  VIEW: 'view',
};

/** Engines that store rows elsewhere: these rows are neither dumped nor counted. */
const REMOTE_ENGINES = /^(?:FEDERATED|MRG_MYISAM|CONNECT|SPIDER|S3|OQGRAPH)$/i;
const TRANSACTIONAL_ENGINES = /^(?:InnoDB|ROCKSDB|TokuDB|ndbcluster)$/i;

export const holdsNoRows = (object: MysqlObject) => REMOTE_ENGINES.test(object.engine);
export const isTransactional = (object: MysqlObject) => TRANSACTIONAL_ENGINES.test(object.engine);

/** Tables, sequences and views of a database, by name. Avoids queries that make the server open each table. */
export async function everythingIn(session: MysqlSession, database: string): Promise<MysqlObject[]> {
  const rows = await session.rows(
    `SELECT TABLE_NAME AS name, TABLE_TYPE AS type, ENGINE AS engine
       FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME`,
    [database],
  );
  return rows.map((row) => ({
    name: String(row.name),
    kind: KINDS[String(row.type)] ?? 'table',
    engine: String(row.engine ?? ''),
    systemVersioned: row.type === 'SYSTEM VERSIONED',
    isOurs: isOursByName(String(row.name)),
  }));
}

/** As `everythingIn`, without Safekeep's own tables. */
export async function objectsIn(session: MysqlSession, database: string): Promise<MysqlObject[]> {
  return (await everythingIn(session, database)).filter(({ isOurs }) => !isOurs);
}

/** Prefix of all Safekeep tables: its notes, and inactive tables in the live database. */
export const OWN_TABLE_PREFIX = '__safekeep_';
const isOursByName = (name: string) => name.toLowerCase().startsWith(OWN_TABLE_PREFIX);

/** Whether an object with this name belongs to the app. Without a prefix, all objects that are not Safekeep's do. */
export type Belongs = (name: string) => boolean;

export function belongsTo(connection: DatabaseConnection, session: MysqlSession): Belongs {
  const prefix = session.fold(connection.tablePrefix);
  return (name) => !isOursByName(name) && session.fold(name).startsWith(prefix);
}

/** The tables whose rows are skipped. */
export function excludedTables<T extends { liveName: string }>(
  scope: DumpScope,
  tables: T[],
  session: MysqlSession,
): T[] {
  const wanted = new Set(scope.excludeRowsOf.map((name) => session.fold(name)));
  return tables.filter(({ liveName }) => wanted.has(session.fold(liveName)));
}

/** Facts about the session's own database and some of its tables. */
export async function describeMysql(
  session: MysqlSession,
  connection: DatabaseConnection,
  scope: DumpScope,
  tables: (MysqlObject & { liveName: string })[],
): Promise<DatabaseFacts> {
  const excluded = new Set(excludedTables(scope, tables, session));
  const sizes = await session.rows(
    'SELECT TABLE_NAME AS name, DATA_LENGTH AS bytes FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?',
    [session.database],
  );
  const counted = new Set(tables.filter((table) => !excluded.has(table)).map(({ name }) => name));
  const [charset] = await session.rows(
    `SELECT DEFAULT_CHARACTER_SET_NAME AS encoding, DEFAULT_COLLATION_NAME AS collation
       FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?`,
    [session.database],
  );
  const zone = String(await session.value('SELECT @@global.time_zone'));
  return {
    dialect: connection.dialect,
    flavour: session.server.flavour,
    serverVersion: session.server.version,
    underscored: connection.underscored,
    tablePrefix: connection.tablePrefix,
    schema: '',
    encoding: String(charset?.encoding ?? ''),
    collation: String(charset?.collation ?? ''),
    timeZone: zone === 'SYSTEM' ? String(await session.value('SELECT @@system_time_zone')) : zone,
    extensions: [],
    roles: [],
    dataBytes: sizes
      .filter(({ name }) => counted.has(String(name)))
      .reduce((sum, { bytes }) => sum + Number(bytes ?? 0), 0),
  };
}

/**
 * Foreign keys that would not survive a switchover of the app's tables in a database, as 'table → table': those of other
 * tables to the app's, and those of the app's to other tables of the same database. Keys to missing tables count if `isThere`
 * returns true for them.
 */
export async function crossingForeignKeys(
  session: MysqlSession,
  database: string,
  belongs: Belongs,
  isThere: Belongs = () => true,
): Promise<string[]> {
  const rows = await session.rows(
    `SELECT TABLE_SCHEMA AS child_schema, TABLE_NAME AS child, REFERENCED_TABLE_SCHEMA AS parent_schema,
            REFERENCED_TABLE_NAME AS parent
       FROM information_schema.KEY_COLUMN_USAGE
      WHERE REFERENCED_TABLE_NAME IS NOT NULL AND REFERENCED_TABLE_SCHEMA = ?`,
    [database],
  );
  const isApps = (schema: unknown, name: unknown) =>
    session.fold(String(schema)) === session.fold(database) && belongs(String(name));
  const crossing = rows.filter(
    (row) =>
      isApps(row.child_schema, row.child) !== isApps(row.parent_schema, row.parent) && isThere(String(row.parent)),
  );
  return [...new Set(crossing.map((row) => `${row.child_schema}.${row.child} → ${row.parent_schema}.${row.parent}`))];
}

/** Names that must be unique in a database: those of foreign keys, on MySQL those of CHECK constraints too. */
export async function constraintNames(session: MysqlSession, database: string): Promise<string[]> {
  return await session.column(
    `SELECT CONSTRAINT_NAME FROM information_schema.TABLE_CONSTRAINTS
      WHERE CONSTRAINT_SCHEMA = ? AND CONSTRAINT_TYPE IN ('FOREIGN KEY', ?)`,
    [database, session.server.flavour === 'mysql' ? 'CHECK' : 'FOREIGN KEY'],
  );
}
