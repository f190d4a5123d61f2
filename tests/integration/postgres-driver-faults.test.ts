/** A server that is full, restarts, terminates or refuses sessions during a load: this counts against the server, never the backup. */
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseConnection, DumpScope, OpenPart } from '../../src/engine/databases/driver';
import { createPostgresDriver } from '../../src/engine/databases/postgres';
import { SafekeepError } from '../../src/engine/errors';
import { findProgram, removeFolder, temporaryFolder, versionedFolders } from '../support/child';
import { expectSame, type Fingerprint, fingerprint } from '../support/compare';
import { opener, requirePlan, sql, take, type TakenDump, testRun } from '../support/postgres-driver';
import { type PostgresServer, startPostgres } from '../support/postgres';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk';
import { systemUser } from '../support/system-user';

const PUBLIC: DumpScope = { schemas: ['public'], excludeRowsOf: [], fileTables: [] };
const MEGABYTE = 1024 * 1024;
/** Half of a dump of this size has been sent when the fault happens. */
const FILL = `INSERT INTO big SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, 20000) i`;

let server: PostgresServer;
let disk: SmallDisk;
let folder: string;
let app: DatabaseConnection;

async function asAdmin(text: string, database = 'postgres'): Promise<Record<string, string>[]> {
  const { host, port, superuser: user, password } = server;
  const client = new pg.Client({ host, port, user, password, database });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, string>>(text)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Kills the server and starts it again, as after a crash. */
async function restart() {
  const [row] = await asAdmin('SHOW data_directory');
  control(row?.['data_directory'] ?? '', 'restart');
}

function control(data: string, act: 'restart' | 'stop') {
  const pgCtl = findProgram(
    ['pg_ctl'],
    versionedFolders('/usr/lib/postgresql', 'bin'),
    'apt-get install postgresql-15',
  );
  const args = ['-D', data, '-m', 'immediate', '-w', '-l', path.join(data, 'log'), act];
  execFileSync(pgCtl, args, { ...systemUser('postgres'), cwd: data, stdio: 'ignore' });
}

beforeAll(async () => {
  folder = temporaryFolder('small-disk');
  disk = mountSmallDisk(folder, 160 * MEGABYTE);
  const user = systemUser('postgres');
  const space = path.join(folder, 'space');
  mkdirSync(space);
  if (user) chownSync(space, user.uid, user.gid);
  server = await startPostgres();
  await asAdmin(`CREATE TABLESPACE small LOCATION '${space}'`);
});
afterAll(async () => {
  const [row] = await asAdmin('SHOW data_directory');
  control(row?.['data_directory'] ?? '', 'stop');
  await server.stop();
  disk.unmount();
  removeFolder(folder);
});

const LOADS = [
  { name: 'by pg_restore', strategy: 'database', more: '' },
  { name: 'by a session', strategy: 'database', more: `CREATE FUNCTION own() RETURNS int LANGUAGE sql AS 'SELECT 1'` },
  { name: 'in a transaction', strategy: 'schema', more: '' },
] as const;

describe.each(LOADS)('a load $name', ({ strategy, more }) => {
  let dump: TakenDump;
  let live: Fingerprint;
  let driver: ReturnType<typeof createPostgresDriver>;

  beforeEach(async () => {
    await asAdmin(`CREATE ROLE app LOGIN ${strategy === 'database' ? 'CREATEDB' : ''} PASSWORD 'pw'`);
    await asAdmin('GRANT CREATE ON TABLESPACE small TO app');
    await asAdmin('CREATE DATABASE app OWNER app TABLESPACE small');
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
    await asAdmin('ALTER SCHEMA public OWNER TO app', 'app');
    await sql(app, `CREATE TABLE big (id int PRIMARY KEY, v text); ${FILL}; CREATE TABLE small (v int); ${more}`);
    driver = createPostgresDriver(app);
    dump = await take(driver, PUBLIC);
    await sql(app, 'INSERT INTO small VALUES (1)');
    live = await fingerprint(app);
  });
  afterEach(async () => {
    disk.clear();
    await driver.close();
    await asAdmin(`ALTER ROLE app CONNECTION LIMIT -1`);
    await asAdmin('DROP DATABASE app WITH (FORCE)');
    await asAdmin('DROP OWNED BY app; DROP ROLE app');
  });

  /** Stages, and triggers a fault when the load is in the middle of the dump. */
  async function failing(happen: () => Promise<void>) {
    const plan = requirePlan(await driver.plan('f1', dump.backup, PUBLIC));
    expect(plan.strategy).toBe(strategy);
    let happened = false;
    const open: OpenPart = async (name) => {
      if (happened) return opener(dump)(name);
      return Readable.from(
        (async function* () {
          for (let at = 0; at < dump.bytes.length; at += 65_536) {
            // Only a load of the rows reads this far.
            if (at > dump.bytes.length / 2 && !happened) {
              happened = true;
              await happen();
            }
            yield dump.bytes.subarray(at, at + 65_536);
          }
        })(),
      );
    };
    const error: unknown = await driver.stage(plan, dump.backup, open, testRun()).then(
      () => null,
      (reason: unknown) => reason,
    );
    disk.clear();
    await asAdmin(`ALTER ROLE app CONNECTION LIMIT -1`);
    expect(await driver.position(plan)).toBe('before switchover');
    await driver.discard(plan);
    expectSame(live, await fingerprint(app));
    expect(await asAdmin(`SELECT datname FROM pg_database WHERE datname LIKE 'app\\_%'`)).toEqual([]);
    return error;
  }

  it('that finds the disk full reports that', async () => {
    const error = await failing(async () => {
      await Promise.resolve();
      try {
        // Little, so that the rows that are still to come do not fit even when the server is far ahead.
        disk.fill(MEGABYTE / 16);
      } catch (error) {
        // The server was faster: there is nothing left.
        expect(error).toMatchObject({ code: 'ENOSPC' });
      }
    });
    expect(error).toMatchObject({
      code: 'SERVER_FAILED',
      message: expect.stringMatching(/TABLE DATA public\.big: ERROR: .*No space left on device/) as string,
    });
  });

  it('whose server restarts reports that', async () => {
    expect(await failing(restart)).toMatchObject({ code: 'DATABASE_UNREACHABLE' });
  });

  it('whose session is terminated reports that', async () => {
    const error = await failing(async () => {
      const loading = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'safekeep f1' AND query LIKE 'COPY%'`;
      await expect.poll(() => asAdmin(loading), { timeout: 20_000 }).toHaveLength(1);
    });
    expect(error).toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringMatching(/terminating connection|closed the connection/) as string,
    });
  });

  it('whose statement is cancelled reports that', async () => {
    const error = await failing(async () => {
      const loading = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'safekeep f1' AND query LIKE 'COPY%'`;
      await expect.poll(() => asAdmin(loading), { timeout: 20_000 }).toHaveLength(1);
    });
    expect(error).toMatchObject({
      code: 'SERVER_FAILED',
      message: expect.stringContaining('canceling statement') as string,
    });
  });

  it('whose dump turns out to be damaged reports that, however much has been sent', async () => {
    const error = await failing(() => Promise.reject(new SafekeepError('ARCHIVE_DAMAGED', { detail: 'one bit' })));
    expect(error).toMatchObject({ code: 'ARCHIVE_DAMAGED', message: expect.stringContaining('one bit') as string });
  });

  it('that cannot open another connection reports that', async () => {
    const plan = requirePlan(await driver.plan('c1', dump.backup, PUBLIC));
    let parts = 0;
    const open: OpenPart = async (name) => {
      parts += 1;
      // One is opened for the list and, where pg_restore loads, two more for its checks.
      if (parts === (strategy === 'database' && !more ? 4 : 1)) await asAdmin('ALTER ROLE app CONNECTION LIMIT 1');
      return opener(dump)(name);
    };
    const holder = new pg.Client({ host: app.host, port: app.port, user: 'app', password: 'pw', database: 'app' });
    await holder.connect();
    const staging = driver.stage(plan, dump.backup, open, testRun());
    await expect(staging).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringContaining('too many connections') as string,
    });
    await asAdmin(`ALTER ROLE app CONNECTION LIMIT -1`);
    await holder.end();
    await driver.discard(plan);
    expectSame(live, await fingerprint(app));
  });

  it('of an invalid dump still counts against the dump', async () => {
    const plan = requirePlan(await driver.plan('w1', dump.backup, PUBLIC));
    const bytes = Buffer.from(dump.bytes.toString('latin1').replace('1\tc4ca', 'x\tc4ca'), 'latin1');
    await expect(driver.stage(plan, dump.backup, opener({ bytes }), testRun())).rejects.toMatchObject({
      code: 'TOOL_FAILED',
      message: expect.stringContaining('TABLE DATA public.big: ERROR:  invalid input syntax') as string,
    });
    await driver.discard(plan);
  });
});
