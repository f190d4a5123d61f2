/** A verification loads a backup and reports whether it can be restored, without disturbing the app. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { TABLES_PART } from '../../src/engine/databases/mysql/dump';
import type { DatabaseDriver, OpenPart } from '../../src/engine/databases/driver';
import { startVerify } from '../../src/server/runs/verify';
import { Safekeep } from '../../src/server/safekeep';
import type { BackupView, InspectAnswer } from '../../src/shared/api';
import type { Manifest } from '../../src/shared/manifest';
import { altered, type Alteration, flipped, resealed } from '../support/altered-archive';
import { expectFailed, expectRefusal, runToEnd, type Scene, startScene } from '../support/bad-day';
import { removeFolder, temporaryFolder } from '../support/child';
import * as compare from '../support/compare';
import { endOfRun, logOf, makeBackup } from '../support/safekeep';
import { type FreshDatabase, freshDatabase } from '../support/servers';
import { checkInvariant, startWriter } from '../support/zoo/writer';
import { targetOf } from '../support/zoo/target';

/** Rows that the writer changes while a verification runs; its own sum is checked instead. */
const WRITERS_ROWS = ['zoo_accounts', 'zoo_moves', 'safekeepRuns', 'safekeepBackups', 'issuedTokens'];

interface Place {
  /** Where the app's data is; null: SQLite. */
  database(): Promise<FreshDatabase | null>;
  strategy: InspectAnswer['plan']['databaseStrategy'];
  /** Makes one object of a dump impossible to load; null where a database of its own does that below. */
  broken: Alteration['dump'] | null;
}

const PLACES: Record<string, Place> = {
  sqlite: {
    database: () => Promise.resolve(null),
    strategy: 'file',
    // A page in the middle, of a table or an index.
    broken: (dump) => Buffer.from(dump).fill(0xff, dump.length >> 1, (dump.length >> 1) + 4096),
  },
  'postgres, as a superuser': {
    database: async () => {
      const database = await freshDatabase('postgres');
      await database.asAdmin(`ALTER ROLE "${database.username}" SUPERUSER`);
      return database;
    },
    strategy: 'database',
    broken: null,
  },
  'postgres, as an owner without further privileges': {
    database: async () => await freshDatabase('postgres', { mayCreateDatabases: false }),
    strategy: 'schema',
    broken: null,
  },
  mariadb: {
    database: async () => await freshDatabase('mariadb'),
    strategy: 'tables',
    broken: (dump, part) =>
      part === TABLES_PART
        ? Buffer.from(dump.toString('latin1').replace('\nCREATE TABLE `things`', '\nSOME NONSENSE;$&'), 'latin1')
        : dump,
  },
};

describe.each(Object.entries(PLACES))('on %s', (_place, { database: makeDatabase, strategy, broken }) => {
  const systemsFolder = process.env.TMPDIR;
  const temporary = temporaryFolder('verify-tmp');
  let database: FreshDatabase | null = null;
  let scene: Scene;
  let safekeep: Safekeep;
  let name: string;
  let file: string;
  let archive: Buffer;

  beforeAll(async () => {
    database = await makeDatabase();
    scene = await startScene({ database: database ?? 'sqlite' });
    process.env.TMPDIR = temporary;
    safekeep = Safekeep.of(scene.host.app);
    ({ name } = await makeBackup(scene.root, { note: 'the good one' }));
    file = path.join(scene.backups, `${name}.safekeep.zip`);
    archive = readFileSync(file);
    await scene.remember();
  });
  afterEach(async () => {
    writeFileSync(file, archive);
    await scene.expectUntouched();
    expect(await leftBehind()).toEqual({ temporary: [], schemas: database ? schemasAtFirst : [], sessions: [] });
  });
  afterAll(async () => {
    process.env.TMPDIR = systemsFolder;
    await scene?.host.stop();
    await database?.drop();
    removeFolder(temporary);
  });

  let schemasAtFirst: string[] = [];
  beforeAll(async () => {
    schemasAtFirst = await schemas();
  });

  /** The scene looks for databases and files; sessions get time to end. */
  async function leftBehind() {
    let sessions: string[] = [];
    await vi.waitFor(async () => expect((sessions = await ownSessions())).toEqual([]), 10_000).catch(() => undefined);
    return { temporary: readdirSync(temporary), schemas: await schemas(), sessions };
  }

  async function schemas(): Promise<string[]> {
    if (database?.dialect !== 'postgres') return [];
    const rows = await database.asAdmin(`SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg_%' ORDER BY 1`);
    return rows.map(({ nspname }) => String(nspname));
  }

  /** Sessions of this app's user that are not the app's own pool. */
  async function ownSessions(): Promise<string[]> {
    if (!database) return [];
    const { username, dialect } = database;
    const sql =
      dialect === 'postgres'
        ? `SELECT application_name AS who FROM pg_stat_activity WHERE usename = '${username}' AND application_name <> ''`
        : `SELECT concat(db, ' ', command) AS who FROM information_schema.processlist
             WHERE user = '${username}' AND (db IS NULL OR db <> '${username}')`;
    return (await database.asAdmin(sql)).map(({ who }) => String(who));
  }

  /** Returns how many there were. */
  async function endOwnSessions(): Promise<number> {
    if (!database) return 0;
    const { username, dialect } = database;
    if (dialect === 'postgres') {
      const own = `usename = '${username}' AND application_name <> ''`;
      return (await database.asAdmin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${own}`)).length;
    }
    const own = `user = '${username}' AND (db IS NULL OR db <> '${username}')`;
    const found = await database.asAdmin(`SELECT id FROM information_schema.processlist WHERE ${own}`);
    for (const { id } of found) await database.asAdmin(`KILL ${String(id)}`).catch(() => undefined);
    return found.length;
  }

  const checking = async () => await runToEnd(scene.root, 'safekeepBackups:verify', { name });
  const listed = async (): Promise<BackupView | undefined> => {
    const rows: BackupView[] = await scene.root.get('safekeepBackups:list');
    return rows.find((row) => row.name === name);
  };

  /** Verification of the altered archive fails, and list and run log report it. */
  async function expectRefuted(bytes: Buffer, code: string, step: string, named: string | RegExp): Promise<void> {
    writeFileSync(file, bytes);
    const run = await checking();
    const { message } = expectFailed(run, code);
    expect(message).toMatch(named);
    expect(run.step).toBe(step);
    const row = await listed();
    expect(row).toMatchObject({ status: 'succeeded', verified: { result: 'failed', runId: run.id, detail: message } });
    expect(await logOf(scene.root, run.id)).toContain(message);
  }

  const countingOneMore = ({ database: counted }: Manifest) => {
    const things = counted?.tables.find((table) => /(^|\.)things$/.test(table.name));
    if (!things?.rows) throw new Error('the backup holds no things');
    things.rows += 1;
  };

  it('an intact backup is verified while users work, and the result is stored', async () => {
    const inspected: InspectAnswer = await scene.root.get('safekeepBackups:inspect', { body: { name } });
    expect(inspected.plan.databaseStrategy).toBe(strategy);
    expect(inspected.plan).toMatchObject({
      undoHours: 72,
      downtime: expect.stringMatching(/away|unavailable/) as string,
    });
    expect((await listed())?.verified).toBeNull();

    const target = targetOf(scene.host);
    const writer = await startWriter(target);
    const look = () => compare.fingerprint(target, { ignoreRowsOf: WRITERS_ROWS });
    const before = await look();
    const archiveBefore = readFileSync(file);
    const { runId } = await scene.root.get('safekeepBackups:verify', { body: { name } });
    const [run] = await Promise.all([endOfRun(scene.root, runId), writer.more(10)]);
    await writer.stop();
    compare.expectSame(before, await look());
    expect(await checkInvariant(target)).toBeGreaterThanOrEqual(10);
    await compare.withConnection(target, async ({ query }) => {
      for (const table of ['zoo_accounts', 'zoo_moves']) await query(`DROP TABLE ${table}`);
    });
    expect(readFileSync(file).equals(archiveBefore)).toBe(true);

    expect(run, await logOf(scene.root, runId)).toMatchObject({ status: 'succeeded', step: 'drop', percent: 100 });
    const { manifest } = inspected;
    const rows = manifest.database?.tables.reduce((sum, table) => sum + (table.rows ?? 0), 0) ?? 0;
    expect(rows).toBeGreaterThan(10);
    expect(rows).toBeLessThan(1000);
    const verified = {
      result: 'restorable',
      runId,
      detail: `Loaded into a temporary database: ${manifest.database?.tables.length} tables, ${rows} rows match.`,
    };
    expect(await listed()).toMatchObject({ note: 'the good one', verified });
    expect(await scene.root.get(`safekeepBackups:get?filterByTk=${name}`)).toMatchObject({ verified });
    expect(await logOf(scene.root, runId)).toMatch(/\d+ entries, 3 uploaded files/);
    await scene.root.get(`safekeepBackups:update?filterByTk=${name}`, { body: { note: 'still good' } });
    await scene.host.app.db.getRepository('safekeepBackups').destroy({ truncate: true });
    await scene.host.app.restart();
    expect(await listed()).toMatchObject({ note: 'still good', verified });
    await scene.root.get('safekeepBackups:rescan', { method: 'POST' });
    expect(await listed()).toMatchObject({ note: 'still good', verified });
  });

  it('a row that is missing in the dump is noticed', async () => {
    const bytes = await altered(archive, { manifest: countingOneMore });
    await expectRefuted(bytes, 'STAGED_DATA_DIFFERS', 'checkStaged', 'things');
  });

  it('a table that is missing in the dump is noticed', async () => {
    const ghost = `${database?.dialect === 'postgres' ? 'public.' : ''}ghost`;
    const bytes = await altered(archive, {
      manifest: ({ database: counted }) => void counted?.tables.push({ name: ghost, rows: 0 }),
    });
    await expectRefuted(bytes, 'STAGED_DATA_DIFFERS', 'checkStaged', 'ghost');
  });

  it('an uploaded file with a flipped bit is found, behind a valid seal', async () => {
    const bytes = resealed(flipped(archive, archive.indexOf('two two two')));
    await expectRefuted(bytes, 'ARCHIVE_DAMAGED', 'checksum', 'two.bin');
  });

  it('a truncated dump is found', async () => {
    const bytes = await altered(archive, { dump: (dump) => dump.subarray(0, dump.length >> 1) });
    writeFileSync(file, bytes);
    const run = await checking();
    expect(run.status).toBe('failed');
    expect(run.error?.code, run.error?.message).toMatch(/^(TOOL_FAILED|ARCHIVE_DAMAGED|STAGED_DATA_DIFFERS)$/);
    expect(await listed()).toMatchObject({ verified: { result: 'failed', runId: run.id } });
  });

  if (broken) {
    it('a dump with an object that cannot be loaded is found', async () => {
      writeFileSync(file, await altered(archive, { dump: broken }));
      const run = await checking();
      expect(run.status).toBe('failed');
      expect(run.error?.code, run.error?.message).toMatch(/^(TOOL_FAILED|STAGED_DATA_DIFFERS)$/);
      expect(await listed()).toMatchObject({ verified: { result: 'failed', runId: run.id } });
    });
  }

  it('a truncated archive stays in the list as failed, and an intact copy in its place is verified again', async () => {
    writeFileSync(file, archive.subarray(0, archive.length >> 1));
    expectFailed(await checking(), 'ARCHIVE_TRUNCATED');
    await scene.root.get('safekeepBackups:rescan', { method: 'POST' });
    expect(await listed()).toMatchObject({ verified: { result: 'failed' }, bytes: archive.length });
    const refused = await scene.root.call('safekeepBackups:restore', { body: { name } });
    expectRefusal(refused, 422, 'ARCHIVE_TRUNCATED');
    writeFileSync(file, archive);
    expect((await listed())?.verified?.result).toBe('failed');
    expect(await checking()).toMatchObject({ status: 'succeeded' });
    expect((await listed())?.verified?.result).toBe('restorable');
  });

  it('a backup that cannot be loaded here has its checksums verified only, and the result shows it', async () => {
    const other = database ? 'sqlite' : 'postgres';
    const bytes = await altered(archive, {
      manifest: (manifest) => {
        if (manifest.database) manifest.database.dialect = other;
      },
    });
    writeFileSync(file, bytes);
    const run = await checking();
    expect(run).toMatchObject({ status: 'succeeded with warnings', warnings: 1, error: null });
    const { verified } = (await scene.root.get(`safekeepBackups:get?filterByTk=${name}`)) as BackupView;
    expect(verified).toMatchObject({ result: 'bytes only', runId: run.id });
    expect(verified?.detail).toContain(`The backup is from ${other}`);
    expect(await logOf(scene.root, run.id)).toContain('was not loaded');
  });

  if (strategy === 'database' || strategy === 'schema') {
    it('a database that works here, but not where it is loaded from a dump, is found before it is needed', async () => {
      const verifying = async () => {
        const made = await makeBackup(scene.root, { contents: ['database'] });
        expect(made.verified).toBeNull();
        const run = await runToEnd(scene.root, 'safekeepBackups:verify', { name: made.name });
        await scene.root.get(`safekeepBackups:destroy?filterByTk=${made.name}`, { method: 'POST' });
        return run;
      };
      await compare.withConnection(targetOf(scene.host), async ({ query }) => {
        await query('CREATE TABLE zz_ranks (id bigint)');
        await query(
          'CREATE FUNCTION rank_of(bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT count(*) FROM zz_ranks WHERE id <= $1); END$$',
        );
        await query('CREATE INDEX things_by_rank ON things (rank_of(id))');
      });
      try {
        // The function names its table without a schema, and finds it as it does in the app.
        expect(await verifying()).toMatchObject({ status: 'succeeded', error: null });
        // The table it reads is loaded after the one whose rows it checks.
        await compare.withConnection(targetOf(scene.host), async ({ query }) => {
          await query('INSERT INTO zz_ranks VALUES (0)');
          await query('ALTER TABLE things ADD CONSTRAINT things_ranked CHECK (rank_of(id) > 0)');
        });
        const run = await verifying();
        expect(expectFailed(run, 'TOOL_FAILED').message).toMatch(/TABLE DATA public\.things: .*things_ranked/);
        expect(run.step).toBe('stageDatabase');
      } finally {
        await compare.withConnection(targetOf(scene.host), async ({ query }) => {
          await query('DROP FUNCTION rank_of CASCADE');
          await query('DROP TABLE zz_ranks');
        });
      }
    });
  }

  if (strategy === 'file') {
    it('a schedule can start it, without a user', async () => {
      const { runId } = await startVerify(safekeep, name, { userId: null, name: null, trigger: 'schedule' });
      const run = await endOfRun(scene.root, runId);
      expect(run).toMatchObject({ status: 'succeeded', trigger: 'schedule', startedBy: null, backupName: name });
    });

    it('is refused without enough space, and the result of the backup stays', async () => {
      const before = await listed();
      const bytes = await altered(archive, {
        manifest: (manifest) => {
          if (manifest.database) manifest.database.dataBytes = 1e15;
        },
      });
      writeFileSync(file, bytes);
      const { message } = expectFailed(await checking(), 'NO_SPACE');
      expect(message).toContain('1000.0 TB');
      writeFileSync(file, archive);
      expect(await listed()).toEqual(before);
    });

    it('a backup that failed verification does not displace an intact one when old ones are deleted', async () => {
      const failed = await makeBackup(scene.root, { contents: ['files'] });
      const other = path.join(scene.backups, `${failed.name}.safekeep.zip`);
      writeFileSync(other, flipped(readFileSync(other), 100));
      const run = await runToEnd(scene.root, 'safekeepBackups:verify', { name: failed.name });
      expectFailed(run, 'ARCHIVE_DAMAGED');
      await scene.root.get('safekeepSettings:update', { body: { maxBackups: 2 } });
      const newest = await makeBackup(scene.root, { contents: ['files'] });
      const rows: BackupView[] = await scene.root.get('safekeepBackups:list?sort=startedAt');
      expect(rows.map((row) => row.name)).toEqual([name, failed.name, newest.name]);
      await scene.root.get('safekeepSettings:update', { body: { maxBackups: 30 } });
      for (const gone of [failed.name, newest.name]) {
        await scene.root.get(`safekeepBackups:destroy?filterByTk=${gone}`, { method: 'POST' });
      }
      await scene.remember();
    });
  }

  /** Does something when the driver comes to that point, however fast the rest is: cancels, unless another thing is given. */
  function actingAt(point: 'stage' | 'check', act: () => unknown = () => safekeep.runs.active?.cancel()): void {
    const make = safekeep.driver.bind(safekeep);
    const spied = vi.spyOn(safekeep, 'driver').mockImplementation(() => {
      const driver = make();
      const stage: DatabaseDriver['stage'] = (plan, backup, openPart, run) => {
        const opened: OpenPart = async (part) => {
          const stream = await openPart(part);
          if (point === 'stage') await act();
          return stream;
        };
        return driver.stage(plan, backup, opened, run);
      };
      const check: DatabaseDriver['check'] = async (...args) => {
        if (point === 'check') await act();
        return await driver.check(...args);
      };
      const own: Partial<DatabaseDriver> = { stage, check };
      return new Proxy(driver, {
        get: (target, key: keyof DatabaseDriver) => {
          const value = own[key] ?? target[key];
          return typeof value === 'function' && !own[key] ? (value as () => unknown).bind(target) : value;
        },
      });
    });
    onTestFinished(() => spied.mockRestore());
  }

  it.each(['stage', 'check'] as const)(
    'cancelled in the middle (%s), it leaves nothing and stores no result',
    async (at) => {
      const before = await listed();
      actingAt(at);
      const run = await checking();
      expectFailed(run, 'CANCELLED');
      expect(run.step).toBe(at === 'stage' ? 'stageDatabase' : 'checkStaged');
      expect((await listed())?.verified).toEqual(before?.verified);
    },
  );

  if (strategy === 'file') return;

  it('a session that the server ends fails the run and not the backup', async () => {
    const before = await listed();
    let ended = 0;
    let isOver = false;
    const endSessions = async () => {
      while (ended === 0 && !isOver) ended = await endOwnSessions();
    };
    actingAt('stage', () => void endSessions());
    const run = await checking();
    isOver = true;
    expect(ended).toBeGreaterThan(0);
    expectFailed(run, 'DATABASE_UNREACHABLE');
    expect((await listed())?.verified).toEqual(before?.verified);
  });
});
