/** A small NocoBase inside the test's own process: the plugins a backup has to do with, and ours from its sources. */
import { AppSupervisor, Application, Gateway, type Plugin } from '@nocobase/server';
import { createServer } from 'node:http';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { HostApi } from '../../scripts/host-api.mjs';
import { PLUGIN_NAME } from '../../src/shared/api';
import { freePort, removeFolder, temporaryFolder } from './child';
import { type FreshDatabase, type ServerDialect, freshDatabase } from './servers';

type PluginClass = (new (app: Application, options?: never) => Plugin) & { staticImport?: () => Promise<void> };

export interface TestAppOptions {
  /** The plugin's class, imported from src/server. */
  plugin: PluginClass;
  /** Default: SQLite in the storage folder. A dialect gets a fresh database; a database of the caller's stays his. */
  database?: 'sqlite' | ServerDialect | FreshDatabase;
  /** More of the host's database options: underscored, tablePrefix, schema … */
  databaseOptions?: Record<string, unknown>;
  /** Plugins of the host loaded besides HOST_PLUGINS, before ours: for example ZOO_PLUGINS. */
  plugins?: string[];
  /** Absolute path; a temporary folder unless given, which is removed at the end. */
  storage?: string;
  /** Default true: installs, which empties the database first. False starts on the data that is there. */
  install?: boolean;
  /** Default false. True: requests come through the host's gateway, which answers 503 while the app is not running. */
  gateway?: boolean;
  /** Default 'main'. Another one requires `beside`. */
  name?: string;
  /** The main app in whose process and storage folder this one runs; that one was started with `withSubApps`. */
  beside?: TestApp;
  /** Further apps can be started next to this one. */
  withSubApps?: boolean;
}

export interface TestApp {
  readonly app: Application;
  readonly url: string;
  readonly storage: string;
  /** The database on a server; null for SQLite. */
  readonly database: FreshDatabase | null;
  /** Signed in as root. */
  readonly root: HostApi;
  /** Not signed in. */
  readonly anonymous: HostApi;
  /** Creates a role with exactly these snippets and a user who has it; signed in as that user. */
  userWith(snippets: string[]): Promise<HostApi>;
  /** Stops the app and removes what startApp() has made, unless the data is to be kept for another start. */
  stop(options?: { keepData?: boolean }): Promise<void>;
}

const HOST_PLUGINS = [
  'error-handler',
  'field-sort',
  'data-source-main',
  'data-source-manager',
  // Before system-settings, which stores its logo as a file.
  'file-manager',
  'system-settings',
  'users',
  'auth',
  'acl',
  'environment-variables',
  'notification-manager',
];

/** The host's configuration of a database. */
function hostDatabase(database: FreshDatabase | null, storage: string): Record<string, unknown> {
  if (!database) return { dialect: 'sqlite', storage: path.join(storage, 'db/nocobase.sqlite') };
  const { dialect, host, port, username, password, database: name } = database;
  // The host hands the port over as a string, and a storage whatever the dialect is.
  return { dialect, host, port: String(port), username, password, database: name, storage: path.join(storage, 'db') };
}

let counter = 0;

async function createUser(app: Application, url: string, snippets: string[]): Promise<HostApi> {
  counter += 1;
  const name = `tester${counter}`;
  const password = `${name}-password`;
  await app.db.getRepository('roles').create({ values: { name, title: name, snippets } });
  await app.db
    .getRepository('users')
    .create({ values: { username: name, nickname: name, email: `${name}@example.com`, password, roles: [name] } });
  const api = new HostApi(url);
  await api.signIn(`${name}@example.com`, password);
  return api;
}

/** As the host does it when its plugin for sub-apps is there: without it there is none but the main app. */
async function allowSubApps(): Promise<void> {
  const { default: manager } = await import('@nocobase/plugin-multi-app-manager');
  manager.staticImport();
}

/** One main app per process at a time. Starts in one to two seconds. */
export async function startApp(options: TestAppOptions): Promise<TestApp> {
  const { plugin, plugins = [], database: wanted = 'sqlite', databaseOptions = {}, install = true } = options;
  const { gateway = false, name = 'main', beside } = options;
  const storage = beside?.storage ?? options.storage ?? temporaryFolder('app');
  mkdirSync(path.join(storage, 'db'), { recursive: true });
  process.env['STORAGE_PATH'] = storage;
  process.env['LOCAL_STORAGE_DEST'] = path.join(storage, 'uploads');
  const isOurs = typeof wanted === 'string';
  const database = isOurs ? (wanted === 'sqlite' ? null : await freshDatabase(wanted)) : wanted;

  if (!beside) {
    if (options.withSubApps) await allowSubApps();
    Gateway.getInstance().reset();
    await plugin.staticImport?.();
  }
  const app = new Application({
    name,
    database: { logging: false, timezone: '+00:00', ...hostDatabase(database, storage), ...databaseOptions } as never,
    resourcer: { prefix: '/api/' },
    acl: true,
    plugins: [...HOST_PLUGINS, ...plugins, [plugin, { name: PLUGIN_NAME }]] as never,
    cacheManager: { defaultStore: 'memory', stores: { memory: { store: 'memory', max: 2000 } } } as never,
  });
  // Asked anew for every request: a restart of the app replaces what stands behind it.
  const server = createServer((request, response) => {
    if (gateway) void Gateway.getInstance().requestHandler(request, response);
    else void app.callback()(request, response);
  });
  const stop = async ({ keepData = false } = {}) => {
    server.closeAllConnections();
    server.close();
    await app.destroy();
    if (beside) return;
    Gateway.getInstance().destroy();
    await AppSupervisor.getInstance().destroy();
    if (keepData) return;
    if (isOurs) await database?.drop();
    if (!options.storage) removeFolder(storage);
  };
  try {
    if (install) await app.runCommandThrowError('install', '-f');
    await app.runCommandThrowError('start');
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${port}`;
    const root = new HostApi(url);
    await root.signIn();
    const userWith = (snippets: string[]) => createUser(app, url, snippets);
    return { app, url, storage, database, root, anonymous: new HostApi(url), userWith, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
