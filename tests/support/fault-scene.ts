/** An app with a backup and with newer data, and the one verdict on whatever goes wrong while the backup is restored or undone. */
import { AppSupervisor } from '@nocobase/server';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { slotsOnlyIn } from '../../src/engine/previous';
import { Safekeep } from '../../src/server/safekeep';
import type { BackupView } from '../../src/shared/api';
import type { RunView } from '../../src/shared/runs';
import { expectFailed, expectSameState, type Scene, startScene, type State } from './bad-day';
import { removeFolder, temporaryFolder } from './child';
import { endOfRun, logOf, makeBackup } from './safekeep';
import { type FreshDatabase, freshDatabase, type ServerDialect } from './servers';
import { startTcpProxy, type TcpProxy } from './tcp-proxy';

export interface Way {
  name: string;
  dialect: 'sqlite' | ServerDialect;
  strategy: string;
  /** Privileges of the app's user on the server, in addition to its own database. */
  user?: 'superuser' | 'creates databases' | 'plain';
}

export const SQLITE: Way = { name: 'sqlite', dialect: 'sqlite', strategy: 'file' };
export const SERVER_WAYS: Way[] = [
  { name: 'postgres, database', dialect: 'postgres', strategy: 'database', user: 'superuser' },
  { name: 'postgres, schema', dialect: 'postgres', strategy: 'schema', user: 'plain' },
  { name: 'mariadb, tables', dialect: 'mariadb', strategy: 'tables', user: 'creates databases' },
  { name: 'mariadb, names', dialect: 'mariadb', strategy: 'names', user: 'plain' },
];

export interface Failure {
  run: RunView;
  /** The state that must be live. */
  state: 'old' | 'new';
  code: string;
  /** Expected in the error message. */
  message?: RegExp;
}

export interface FaultScene extends Scene {
  /** Between the app and its database server; null for SQLite. */
  readonly proxy: TcpProxy | null;
  /** The database with the server's own address; null for SQLite. */
  readonly server: FreshDatabase | null;
  readonly backup: BackupView;
  /** 'old' is what there is before a restore, 'new' what the backup holds. */
  expectState(which: 'old' | 'new'): Promise<void>;
  /** Starts a restore and waits for its end, however it goes. */
  restore(): Promise<RunView>;
  /** The same for the undo of the last restore. */
  undo(): Promise<RunView>;
  /** It has succeeded, and the state is there. */
  expectDone(run: RunView, state: 'old' | 'new'): Promise<void>;
  /** The one verdict on every failure. */
  expectWhole(failure: Failure): Promise<void>;
  /** What is there now is the old state from now on. */
  rememberOld(): Promise<void>;
  /** Everything that a run could leave behind, by name: files, databases, sessions, child processes. */
  inventory(): Promise<string[]>;
  stop(): Promise<void>;
}

export async function startFaultScene({ dialect, strategy, user }: Way): Promise<FaultScene> {
  const temporaryBefore = process.env['TMPDIR'];
  const temporary = temporaryFolder('faults');
  process.env['TMPDIR'] = temporary;
  const server = dialect === 'sqlite' ? null : await freshDatabase(dialect, { mayCreateDatabases: user !== 'plain' });
  if (server && user === 'superuser') await server.asAdmin(`ALTER ROLE "${server.username}" SUPERUSER`);
  const proxy = server && (await startTcpProxy(server));
  const behindProxy = server && proxy && { ...server, host: proxy.host, port: proxy.port };
  const scene = await startScene({ database: behindProxy ?? 'sqlite', gateway: true });
  const { app, storage } = scene.host;
  const { root, uploads } = scene;

  await app.db.sequelize.query('CREATE VIEW titles AS SELECT title FROM things');
  if (dialect === 'mariadb') {
    await app.db.sequelize.query('CREATE TRIGGER seen BEFORE INSERT ON things FOR EACH ROW SET @seen = 1');
  }
  const backup = await makeBackup(root);
  const look = async () => withoutInactive(await scene.look());
  const restored = await look();
  await root.get('things:create', { body: { title: 'third' } });
  await app.db.sequelize.query('DROP VIEW titles');
  await app.db.sequelize.query('CREATE VIEW more AS SELECT id, title FROM things');
  writeFileSync(path.join(uploads, 'deep/one.txt'), 'changed');
  writeFileSync(path.join(uploads, 'new.txt'), 'new');
  rmSync(path.join(uploads, 'two.bin'));
  const states = { old: await look(), new: restored };

  let lastRestore = '';
  let inventory: string[] = [];
  const takeInventory = async () => {
    inventory = await inventoryOf(scene, server, temporary);
  };
  const expectState = async (which: 'old' | 'new') => {
    expectSameState(states[which], await look());
  };
  const restore = async () => {
    await takeInventory();
    const { runId } = await root.get('safekeepBackups:restore', { body: { name: backup.name } });
    const run = await endOfRun(root, runId);
    if (run.status.startsWith('succeeded')) lastRestore = run.id;
    return run;
  };
  const undo = async () => {
    await takeInventory();
    const { runId } = await root.get(`safekeepRuns:undo?filterByTk=${lastRestore}`, { method: 'POST' });
    return await endOfRun(root, runId);
  };
  const expectDone = async (run: RunView, state: 'old' | 'new') => {
    expect(run.status, `${JSON.stringify(run.error)}\n${await logOf(root, run.id)}`).toMatch(/^succeeded/);
    const previous = await Safekeep.of(app).previous.read();
    expect(slotsOnlyIn(previous, [run.id]).database?.strategy).toBe(strategy);
    await expectServes();
    await expectState(state);
  };
  const expectServes = async () => {
    expect(app.getMaintaining()?.status).toBe('command_end');
    expect(await AppSupervisor.getInstance().getAppStatus('main')).toBe('running');
    await Safekeep.of(app).control.healthCheck();
    expect(await root.call('things:list?sort=id')).toMatchObject({ status: 200 });
  };
  await takeInventory();

  return {
    ...scene,
    proxy,
    server,
    backup,
    expectState,
    restore,
    undo,
    rememberOld: async () => {
      states.old = await look();
    },
    inventory: () => inventoryOf(scene, server, temporary),
    expectDone,
    expectWhole: async ({ run, state, code, message }) => {
      const failure = expectFailed(run, code);
      if (message) expect(failure.message).toMatch(message);
      await expectServes();
      await expectState(state);
      const titles = (await root.get('things:list?sort=id')).map(({ title }: { title: string }) => title);
      expect(titles).toEqual(state === 'old' ? ['first', 'second', 'third'] : ['first', 'second']);
      expect(existsSync(path.join(storage, 'safekeep/main/journal.json'))).toBe(false);
      await expect.poll(() => inventoryOf(scene, server, temporary), { timeout: 5_000 }).toEqual(inventory);
      const history: RunView[] = await root.get('safekeepRuns:list?pageSize=200');
      expect(history.find(({ id }) => id === run.id)).toMatchObject({ status: 'failed', error: { code } });
    },
    stop: async () => {
      proxy?.accept();
      await scene.host.stop();
      await proxy?.close();
      await server?.drop();
      if (temporaryBefore === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = temporaryBefore;
      removeFolder(temporary);
    },
  };
}

/** The inactive slots of a strategy within the live database do not belong to the state. */
function withoutInactive({ database: { tables, schema }, files }: State): State {
  const isLive = (text: string) => !text.includes('__safekeep_');
  return {
    database: {
      tables: Object.fromEntries(Object.entries(tables).filter(([name]) => isLive(name))),
      schema: schema.split('\n\n').filter(isLive).join('\n\n'),
    },
    files,
  };
}

/** Written all the time, or by every run: their content is looked at elsewhere. */
const EVERYDAY = /(-wal|-shm|-journal)$|^safekeep\/main\/(runs\/|previous\.json$)|^uploads\/|^logs\/|^apps\b/;

/** Everything that a run could leave behind, by name: files, databases, schemas, sessions, child processes. */
async function inventoryOf({ host }: Scene, server: FreshDatabase | null, temporary: string): Promise<string[]> {
  const files = readdirSync(host.storage, { recursive: true, encoding: 'utf8' }).filter((file) => !EVERYDAY.test(file));
  const children = readdirSync('/proc/self/task').flatMap((thread) =>
    readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean),
  );
  return [
    ...files.sort(),
    ...readdirSync(temporary).map((name) => `temporary ${name}`),
    ...children.map((pid) => `process ${pid}`),
    ...(server ? await onServer(host.app, server) : []),
  ];
}

async function onServer(app: Scene['host']['app'], server: FreshDatabase): Promise<string[]> {
  const { username: user } = server;
  const { pool } = app.db.sequelize.connectionManager as unknown as { pool: { size: number } };
  const names = async (sql: string) => (await server.asAdmin(sql)).map(({ name }) => String(name));
  const postgres = server.dialect === 'postgres';
  const sessions = await names(
    postgres
      ? `SELECT pid::text || ' ' || application_name AS name FROM pg_stat_activity WHERE usename = '${user}'`
      : `SELECT CONCAT(id, ' ', COALESCE(db, '')) AS name FROM information_schema.processlist WHERE user = '${user}'`,
  );
  // Databases of other tests stand on the same server; schemas are those of this database.
  const places = await names(
    postgres
      ? `SELECT datname AS name FROM pg_database WHERE datname LIKE '${server.database}%'
          UNION ALL SELECT nspname FROM pg_namespace WHERE nspname LIKE '%safekeep%' ORDER BY 1`
      : `SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name LIKE '${server.database}%' ORDER BY 1`,
  );
  const inactive = postgres
    ? []
    : await names(
        `SELECT table_name AS name FROM information_schema.tables
          WHERE table_schema = '${server.database}' AND table_name LIKE '\\_\\_safekeep%' ORDER BY 1`,
      );
  // The app's own are in its pool, or on their way into it.
  const extra = sessions.length > pool.size ? sessions : [];
  return [...places, ...inactive, ...extra.map((session) => `session ${session}`)];
}
