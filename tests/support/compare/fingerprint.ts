/** What a database holds, as short texts that two servers can be compared by. */
import type { DatabaseConnection } from '../../../src/engine/databases/driver';
import { type RawConnection, withConnection } from './connection';
import { mysqlSchema, mysqlTables } from './mysql';
import { postgresSchema, postgresTables } from './postgres';
import { sqliteSchema, sqliteTables } from './sqlite';

export interface TableFingerprint {
  rows: number;
  /** Hex; over every column of every row, whatever order the rows lie in. */
  sha256: string;
}

export interface Fingerprint {
  /** By name; PostgreSQL: schema.table. Materialised views count as tables. */
  tables: Record<string, TableFingerprint>;
  /** Every definition, counters included, in a fixed order; one object per paragraph. */
  schema: string;
}

export interface FingerprintOptions {
  /** Tables (name without schema) whose rows and counters do not matter; their definition does. */
  ignoreRowsOf?: (string | RegExp)[];
  /** PostgreSQL: also what hangs on the database itself (settings, grants, comment). Default true. */
  databaseSettings?: boolean;
}

export type IsIgnored = (table: string) => boolean;

/** The part of a fingerprint each dialect gives. */
export interface DialectFingerprint {
  tables(connection: RawConnection, isIgnored: IsIgnored): Promise<Record<string, TableFingerprint>>;
  schema(connection: RawConnection, isIgnored: IsIgnored, databaseSettings: boolean): Promise<string>;
}

const DIALECTS: Record<DatabaseConnection['dialect'], DialectFingerprint> = {
  postgres: { tables: postgresTables, schema: postgresSchema },
  mysql: { tables: mysqlTables, schema: mysqlSchema },
  mariadb: { tables: mysqlTables, schema: mysqlSchema },
  sqlite: { tables: sqliteTables, schema: sqliteSchema },
};

/**
 * Takes the fingerprint of a database through a connection of its own. Values are compared exactly: bytes, NULL
 * against empty, times in UTC, floats to the last bit. Names of the connecting user and of the database do not count.
 */
export async function fingerprint(target: DatabaseConnection, options: FingerprintOptions = {}): Promise<Fingerprint> {
  const { ignoreRowsOf = [], databaseSettings = true } = options;
  const isIgnored = (table: string) =>
    ignoreRowsOf.some((rule) => (typeof rule === 'string' ? rule === table : rule.test(table)));
  const dialect = DIALECTS[target.dialect];
  return withConnection(target, async (connection) => ({
    tables: await dialect.tables(connection, isIgnored),
    schema: await dialect.schema(connection, isIgnored, databaseSettings),
  }));
}
