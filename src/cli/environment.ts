/** The environment of NocoBase, read in the same way: its storage folder and its database. */
import { config as loadEnvFile } from 'dotenv';
import { existsSync, readFileSync } from 'node:fs';
import Module from 'node:module';
import path from 'node:path';
import type { DatabaseConnection } from '../engine/databases/driver';
import { SafekeepError } from '../engine/errors';
import type { Message } from '../shared/runs';

export interface Environment {
  /** Absolute; STORAGE_PATH, by default ./storage. */
  storage: string;
  connection: DatabaseConnection;
}

/**
 * Like NocoBase, reads unset variables from `.env` in the working folder (or from the file in APP_ENV_PATH), and makes the
 * database clients in the host's node_modules available.
 * @throws ENVIRONMENT_INCOMPLETE when the environment names no database
 */
export function readEnvironment(): Environment {
  loadEnvFile({ path: path.resolve(process.env.APP_ENV_PATH || '.env'), quiet: true });
  useModulesOf([process.env.NODE_MODULES_PATH, path.resolve('node_modules')]);
  const storage = path.resolve(process.env.STORAGE_PATH || 'storage');
  return { storage, connection: connectionFrom(process.env, storage) };
}

function connectionFrom(env: NodeJS.ProcessEnv, storage: string): DatabaseConnection {
  const dialect = env.DB_DIALECT;
  const common = { tablePrefix: env.DB_TABLE_PREFIX ?? '', underscored: env.DB_UNDERSCORED === 'true' };
  if (dialect === 'sqlite') {
    return { dialect, storage: path.resolve(env.DB_STORAGE || path.join(storage, 'db/nocobase.sqlite')), ...common };
  }
  if (dialect !== 'postgres' && dialect !== 'mysql' && dialect !== 'mariadb') {
    const detail: Message = dialect
      ? { text: 'DB_DIALECT is “{{dialect}}”', params: { dialect } }
      : { text: 'DB_DIALECT is not set' };
    throw new SafekeepError('ENVIRONMENT_INCOMPLETE', { detail });
  }
  return {
    dialect,
    host: env.DB_HOST,
    port: env.DB_PORT ? Number(env.DB_PORT) : undefined,
    username: env.DB_USER,
    password: env.DB_PASSWORD,
    database: env.DB_DATABASE,
    schema: dialect === 'postgres' ? env.DB_SCHEMA || 'public' : undefined,
    timeZone: env.DB_TIMEZONE,
    tls: tlsFrom(env),
    ...common,
  };
}

function tlsFrom(env: NodeJS.ProcessEnv): DatabaseConnection['tls'] {
  const option = (name: string) => {
    const value = env[`DB_DIALECT_OPTIONS_SSL_${name}`] || undefined;
    return value && existsSync(value) ? readFileSync(value, 'utf8') : value;
  };
  const names = ['MODE', 'CA', 'CERT', 'KEY', 'REJECT_UNAUTHORIZED'];
  if (!names.some(option)) return undefined;
  const reject = option('REJECT_UNAUTHORIZED');
  return {
    rejectUnauthorized: reject === undefined ? undefined : reject === 'true',
    ca: option('CA'),
    cert: option('CERT'),
    key: option('KEY'),
  };
}

/** From the plugin's own folder, Node does not always find the host's packages. */
function useModulesOf(folders: (string | undefined)[]): void {
  const known = [process.env.NODE_PATH, ...folders].filter(Boolean);
  process.env.NODE_PATH = known.join(path.delimiter);
  // As Node does with NODE_PATH when it starts.
  (Module as unknown as { _initPaths(): void })._initPaths();
}
