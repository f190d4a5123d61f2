import type Database from '@nocobase/database';
import type { Dialect } from '../../shared/manifest';
import type { DatabaseConnection } from '../../engine/databases/driver';
import { SafekeepError } from '../../engine/errors';

/** TLS options of the host; more than the type of sequelize contains. */
interface TlsOptions {
  mode?: string;
  rejectUnauthorized?: boolean | string;
  ca?: string;
  cert?: string;
  key?: string;
}

/** The app's database connection, from the options that the host started it with. */
export function connectionOf(db: Database): DatabaseConnection {
  const { options } = db;
  const ssl = (options.dialectOptions as { ssl?: TlsOptions | boolean } | undefined)?.ssl;
  const tls = typeof ssl === 'object' ? ssl : ssl ? {} : undefined;
  return {
    dialect: dialectOf(options.dialect),
    storage: options.dialect === 'sqlite' ? options.storage : undefined,
    host: options.host,
    port: options.port ? Number(options.port) : undefined,
    username: options.username,
    password: options.password,
    database: options.database,
    schema: options.dialect === 'postgres' ? options.schema || 'public' : undefined,
    tablePrefix: options.tablePrefix ?? '',
    underscored: Boolean(options.underscored),
    timeZone: options.timezone,
    tls: tls && {
      rejectUnauthorized: tls.rejectUnauthorized === undefined ? undefined : String(tls.rejectUnauthorized) === 'true',
      ca: tls.ca,
      cert: tls.cert,
      key: tls.key,
    },
  };
}

function dialectOf(dialect: string | undefined): Dialect {
  if (dialect === 'postgres' || dialect === 'mysql' || dialect === 'mariadb' || dialect === 'sqlite') return dialect;
  throw new SafekeepError('BAD_REQUEST', {
    detail: { text: 'the database dialect {{dialect}} is not supported', params: { dialect: String(dialect) } },
  });
}
