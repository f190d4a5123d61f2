import type { DatabaseConnection, DatabaseDriver } from './driver';
import { createMysqlDriver } from './mysql';
import { createPostgresDriver } from './postgres';
import { createSqliteDriver } from './sqlite';

/** The driver of a connection's dialect. Opens nothing yet. */
export function driverFor(connection: DatabaseConnection): DatabaseDriver {
  switch (connection.dialect) {
    case 'postgres':
      return createPostgresDriver(connection);
    case 'mysql':
    case 'mariadb':
      return createMysqlDriver(connection);
    case 'sqlite':
      return createSqliteDriver(connection);
  }
}
