import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseConnection, DumpScope } from '../../src/engine/databases/driver';
import { createPostgresDriver } from '../../src/engine/databases/postgres';
import { type PostgresServer, startPostgres } from '../support/postgres';
import { opener, requirePlan, sql, stage, take, testRun } from '../support/postgres-driver';

const PUBLIC: DumpScope = { schemas: ['public'], excludeRowsOf: [], fileTables: [] };

let server: PostgresServer;
let authority: string;
let app: DatabaseConnection;

beforeAll(async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'safekeep-tls-'));
  const openssl = (args: string) => execFileSync('openssl', args.split(' '), { cwd: folder, stdio: 'pipe' });
  openssl(
    'req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.crt -days 2 -subj /CN=db -addext subjectAltName=IP:127.0.0.1',
  );
  authority = readFileSync(path.join(folder, 'server.crt'), 'utf8');
  server = await startPostgres({
    settings: { wal_level: 'logical', max_prepared_transactions: 5, ssl: 'on' },
    files: { 'server.crt': authority, 'server.key': readFileSync(path.join(folder, 'server.key'), 'utf8') },
  });
  await rm(folder, { recursive: true });
});
afterAll(() => server.stop());

async function asAdmin(text: string, database = 'app') {
  const { host, port, superuser: user, password } = server;
  const client = new pg.Client({ host, port, user, password, database });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

/** Prepends rules to pg_hba.conf during `work`. */
async function withRules(rules: string[], work: () => Promise<void>) {
  const client = new pg.Client({ ...server, user: server.superuser, database: 'postgres' });
  await client.connect();
  const { rows } = await client.query<{ file: string }>(`SELECT current_setting('hba_file') AS file`);
  const file = rows[0]?.file ?? '';
  const before = readFileSync(file, 'utf8');
  try {
    writeFileSync(file, `${rules.join('\n')}\n${before}`);
    await client.query('SELECT pg_reload_conf()');
    await work();
  } finally {
    writeFileSync(file, before);
    await client.query('SELECT pg_reload_conf()');
    await client.end();
  }
}

/** The server's response to a connection without TLS. */
function knock(connection: DatabaseConnection): Promise<string> {
  return sql(connection, 'SELECT 1').then(
    () => 'come in',
    (error: Error) => error.message,
  );
}

beforeEach(async () => {
  await asAdmin(`CREATE ROLE app LOGIN CREATEDB PASSWORD 'pw'`, 'postgres');
  await asAdmin('CREATE DATABASE app OWNER app', 'postgres');
  const { host, port } = server;
  app = {
    dialect: 'postgres',
    host,
    port,
    username: 'app',
    password: 'pw',
    database: 'app',
    tablePrefix: '',
    underscored: false,
  };
  await sql(app, 'CREATE TABLE t (v int); INSERT INTO t VALUES (1)');
});
afterEach(async () => {
  await asAdmin('DROP DATABASE app WITH (FORCE)', 'postgres');
  await asAdmin('DROP ROLE app', 'postgres');
});

async function restore(id: string) {
  const driver = createPostgresDriver(app);
  const dump = await take(driver, PUBLIC);
  await sql(app, 'UPDATE t SET v = 2');
  const plan = await stage(driver, id, dump, PUBLIC);
  await driver.switchOver(plan, testRun());
  expect(await sql(app, 'SELECT v FROM t')).toEqual([{ v: 1 }]);
  await driver.discard(plan);
  return plan.strategy;
}

describe('objects bound to the live database', () => {
  it('block a restore with a remedy: prepared transactions, replication slots, subscriptions', async () => {
    const driver = createPostgresDriver(app);
    const { backup } = await take(driver, PUBLIC);
    const blockers = async () => {
      // A verification has no obstacles.
      expect((await driver.plan('b', backup, PUBLIC, 'verify')).blockers).toEqual([]);
      return (await driver.plan('b', backup, PUBLIC)).blockers.map(({ reason, remedy }) => [
        reason.params?.name,
        remedy.params?.statement,
      ]);
    };
    await sql(app, `BEGIN; INSERT INTO t VALUES (3); PREPARE TRANSACTION 'half'`);
    expect(await blockers()).toEqual([['half', undefined]]);
    await sql(app, `ROLLBACK PREPARED 'half'`);
    await asAdmin(`SELECT pg_create_logical_replication_slot('feed', 'pgoutput')`);
    expect(await blockers()).toEqual([['feed', `SELECT pg_drop_replication_slot('feed')`]]);
    await asAdmin(`SELECT pg_drop_replication_slot('feed')`);
    await asAdmin(`CREATE SUBSCRIPTION inflow CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false)`);
    expect(await blockers()).toEqual([['inflow', 'DROP SUBSCRIPTION "inflow"']]);
    await asAdmin(`ALTER SUBSCRIPTION inflow SET (slot_name = NONE); DROP SUBSCRIPTION inflow`);
    expect(await blockers()).toEqual([]);
  });

  it.each([
    ['large objects', `SELECT lo_from_bytea(0, 'x')`, `SELECT lo_get(max(oid)) FROM pg_largeobject_metadata`],
    ['publications', 'CREATE PUBLICATION p', 'SELECT pubname FROM pg_publication'],
    ['foreign servers', 'CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw', 'SELECT srvname FROM pg_foreign_server'],
    [
      'default privileges',
      'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC',
      'SELECT defaclacl::text FROM pg_default_acl',
    ],
  ])('stay where they are when they belong to no schema: %s', async (_name, create, look) => {
    await asAdmin('CREATE EXTENSION postgres_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO app', 'app');
    await asAdmin('CREATE SCHEMA ext; ALTER EXTENSION postgres_fdw SET SCHEMA ext');
    await sql(app, create);
    const before = await sql(app, look);
    expect(before).toHaveLength(1);
    expect(await restore('k')).toBe('schema');
    expect(await sql(app, look)).toEqual(before);
  });
});

describe('the connection', () => {
  it('uses TLS for the tools as well, and an untrusted certificate is refused', async () => {
    await withRules(['hostssl all app all scram-sha-256', 'host all app all reject'], async () => {
      await expect.poll(() => knock(app), { timeout: 10_000 }).toMatch(/rejects/);
      app.tls = { ca: authority };
      expect(await restore('t1')).toBe('database');
      app.tls = { rejectUnauthorized: false };
      expect(await restore('t2')).toBe('database');
      const driver = createPostgresDriver({ ...app, tls: {} });
      await expect(driver.describe(PUBLIC)).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    });
  });

  it('never shows the password in the arguments of a process', async () => {
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    const plan = requirePlan(await driver.plan('p', dump.backup, { ...PUBLIC }));
    let shown = '';
    await driver.stage(
      { ...plan },
      dump.backup,
      async (name) => {
        shown += execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
        return opener(dump)(name);
      },
      testRun(),
    );
    shown += execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    await driver.discard(plan);
    expect(shown.split('\n').filter((line) => /pg_restore|pg_dump/.test(line) && line.includes('pw'))).toEqual([]);
  });

  it('can be limited to one database by pg_hba.conf: the restore then needs no second one', async () => {
    await withRules(['host app app all scram-sha-256', 'host all app all reject'], async () => {
      await expect.poll(() => knock({ ...app, database: 'postgres' }), { timeout: 10_000 }).toMatch(/rejects/);
      expect(await restore('h')).toBe('schema');
    });
  });
});
