/** A real NocoBase in a process of its own, with its whole set of plugins: for browser and end-to-end tests. */
import { cpSync } from 'node:fs';
import path from 'node:path';
import { HostApi } from '../../scripts/host-api.mjs';
import { hostProcess, linkModules, stagePlugin } from '../../scripts/host.mjs';
import { prepareNewApp } from '../../scripts/sample.mjs';
import { PLUGIN_NAME } from '../../src/shared/api';
import { type Child, freePort, removeFolder, startChild, temporaryFolder } from './child';
import { type FreshDatabase, type ServerDialect, freshDatabase } from './servers';

const START_TIMEOUT_MS = 120_000;

export interface RealHostOptions {
  /** Default: SQLite in the storage folder. A dialect gets a fresh database; a database of the caller's stays his. */
  database?: 'sqlite' | ServerDialect | FreshDatabase;
  /** Absolute path; a temporary folder unless given, which is removed at the end. */
  storage?: string;
  /** Default true: our plugin (from dist/) is installed and enabled. False is a plain NocoBase. */
  withPlugin?: boolean;
  /** Puts in the same sample as `npm start` does, and English and Chinese. Default false: only the languages. */
  sample?: boolean;
  /** More of the host's own variables: DB_SCHEMA, DB_TABLE_PREFIX, DB_UNDERSCORED … */
  env?: Record<string, string>;
}

export interface RealHost {
  readonly url: string;
  readonly storage: string;
  /** The database on a server; null for SQLite. */
  readonly database: FreshDatabase | null;
  /** Signed in as root. */
  readonly api: HostApi;
  /** Of the NocoBase process. */
  pid(): number;
  /** What the process printed; its logs are in <storage>/logs. */
  output(): string;
  /** Kills the process as a power cut would; start() brings it back. */
  kill(): Promise<void>;
  /** Starts it again on the same storage, database and port, and signs in. */
  start(): Promise<void>;
  /** Ends the process in an orderly way and removes what startRealHost() has made. */
  stop(): Promise<void>;
}

function databaseEnvironment(database: FreshDatabase | null): Record<string, string> {
  if (!database) return { DB_DIALECT: 'sqlite' };
  return {
    DB_DIALECT: database.dialect,
    DB_HOST: database.host,
    DB_PORT: String(database.port),
    DB_DATABASE: database.database,
    DB_USER: database.username,
    DB_PASSWORD: database.password,
  };
}

/** Of the test's own environment the host gets only what every process needs. */
function systemEnvironment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'TMPDIR'];
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? '']).filter(([, value]) => value));
}

/** Starts a host and waits until it serves: about ten seconds. */
export async function startRealHost(options: RealHostOptions = {}): Promise<RealHost> {
  const { database: wanted = 'sqlite', withPlugin = true, sample = false } = options;
  const folder = temporaryFolder('host');
  const storage = options.storage ?? path.join(folder, 'storage');
  const modules = path.join(folder, 'node_modules');
  const isOurs = typeof wanted === 'string';
  const database = isOurs ? (wanted === 'sqlite' ? null : await freshDatabase(wanted)) : wanted;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const api = new HostApi(url);
  let child: Child | undefined;

  const start = async () => {
    const host = hostProcess({
      storage,
      modules,
      port,
      env: {
        ...systemEnvironment(),
        TZ: 'UTC',
        LOGGER_TRANSPORT: 'dailyRotateFile',
        ...(withPlugin && { APPEND_PRESET_BUILT_IN_PLUGINS: PLUGIN_NAME }),
        ...databaseEnvironment(database),
        ...options.env,
      },
      command: ['start', '--quickstart'],
    });
    child = startChild(host.program, host.args, { cwd: folder, env: host.env, stopSignal: 'SIGTERM', graceMs: 10_000 });
    await child.waitUntil(() => api.isHealthy(), START_TIMEOUT_MS);
    await api.signIn();
  };
  const stop = async () => {
    await child?.stop();
    if (isOurs) await database?.drop();
    removeFolder(folder);
  };
  try {
    linkModules(modules);
    if (withPlugin) stagePlugin(storage);
    await start();
    await prepareNewApp(api, { sample });
  } catch (error) {
    if (process.env['SAFEKEEP_KEEP_LOGS']) cpSync(path.join(storage, 'logs'), '.test/logs', { recursive: true });
    await stop();
    throw error;
  }
  return {
    url,
    storage,
    database,
    api,
    pid: () => child?.process.pid ?? 0,
    output: () => child?.output() ?? '',
    async kill() {
      child?.process.kill('SIGKILL');
      await child?.stop();
    },
    start,
    stop,
  };
}
