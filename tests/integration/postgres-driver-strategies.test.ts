import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseConnection, DumpScope } from '../../src/engine/databases/driver';
import { createPostgresDriver } from '../../src/engine/databases/postgres';
import { expectSame, fingerprint } from '../support/compare';
import {
  connectionTo,
  databaseFor,
  everything,
  opener,
  requirePlan,
  session,
  sql,
  stage,
  take,
  testRun,
  type Way,
  WAYS,
} from '../support/postgres-driver';
import { type FreshDatabase, freshDatabase } from '../support/servers';

const PUBLIC: DumpScope = { schemas: ['public'], excludeRowsOf: [], fileTables: [] };

let db: FreshDatabase;
let app: DatabaseConnection;
const roles: string[] = [];

async function start(mayCreateDatabases: boolean, more: Partial<DatabaseConnection> = {}) {
  db = await freshDatabase('postgres', { mayCreateDatabases });
  app = connectionTo(db, more);
}

async function startFor(way: Way) {
  db = await databaseFor(way);
  app = connectionTo(db);
}

async function role(suffix: string): Promise<string> {
  const name = `${db.database}_${suffix}`;
  await db.asAdmin(`CREATE ROLE ${name}`);
  roles.push(name);
  return name;
}

beforeEach(() => void (roles.length = 0));
afterEach(async () => {
  for (const name of roles) await db.asAdmin(`DROP OWNED BY ${name} CASCADE`).catch(() => undefined);
  await db.drop();
  for (const name of roles) await db.asAdmin(`DROP ROLE IF EXISTS ${name}`, 'postgres');
});

describe('an app in a schema of its own', () => {
  const schema = 'Tenant "A" 😀';
  const scope: DumpScope = { schemas: [schema], excludeRowsOf: [`${schema}.runtime`], fileTables: [] };
  const quoted = `"Tenant ""A"" 😀"`;

  it('leaves the sibling’s schema alone while rows are written to it', async () => {
    await start(true, { schema });
    const reader = await role('reader');
    await sql(
      app,
      `CREATE SCHEMA ${quoted}; ${everything(reader, quoted)}
      CREATE SCHEMA sibling; CREATE TABLE sibling.log (id serial, at timestamptz DEFAULT now())`,
    );
    await sql(app, `COMMENT ON SCHEMA ${quoted} IS 'tenant'`);
    const driver = createPostgresDriver(app);
    const before = await fingerprint(app, { ignoreRowsOf: ['runtime', 'log'] });
    const dump = await take(driver, scope);
    expect(dump.backup.tables.map(({ name }) => name)).not.toContain('sibling.log');
    await sql(app, `UPDATE ${quoted}.books SET title = 'changed'; CREATE TABLE ${quoted}.later (id int)`);

    const writer = await session(app);
    let written = 0;
    let writing = true;
    const writes = (async () => {
      while (writing) {
        await writer.query('INSERT INTO sibling.log DEFAULT VALUES');
        written += 1;
      }
    })();
    const plan = await stage(driver, 's1', dump, scope);
    expect(plan.strategy).toBe('schema');
    await driver.switchOver(plan, testRun());
    await driver.discard(plan);
    writing = false;
    await writes;
    await writer.end();
    expect(await sql(app, 'SELECT count(*)::int AS n FROM sibling.log')).toEqual([{ n: written }]);
    expect(written).toBeGreaterThan(10);
    expectSame(before, await fingerprint(app, { ignoreRowsOf: ['runtime', 'log'] }));
  });

  it('is restored into an empty database of another server without the schema', async () => {
    await start(true, { schema: 'tenant' });
    await sql(app, `CREATE SCHEMA tenant; CREATE TABLE tenant.t (id int); INSERT INTO tenant.t VALUES (1)`);
    const own = { schemas: ['tenant'], excludeRowsOf: [], fileTables: [] };
    const driver = createPostgresDriver(app);
    const dump = await take(driver, own);
    await sql(app, 'DROP SCHEMA tenant CASCADE');
    const plan = await stage(driver, 's2', dump, own);
    expect(plan.strategy).toBe('database');
    await driver.switchOver(plan, testRun());
    await driver.discard(plan);
    expect(await sql(app, 'SELECT * FROM tenant.t')).toEqual([{ id: 1 }]);
  });
});

describe('blocking sessions', () => {
  it('are terminated at the switchover, and new ones see the new data at once', async () => {
    await start(true);
    await sql(app, 'CREATE TABLE t (v int); INSERT INTO t VALUES (1)');
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    await sql(app, 'UPDATE t SET v = 2');
    const plan = await stage(driver, 'x1', dump, PUBLIC);

    const holder = await session(app);
    await holder.query('BEGIN; LOCK TABLE t');
    let trying = true;
    const failures: string[] = [];
    const clients = [1, 2, 3, 4].map(async () => {
      while (trying) {
        const client = await session(app).catch((error: Error) => void failures.push(error.message));
        await client?.query('SELECT pg_sleep(0.01)').catch(() => undefined);
        await client?.end().catch(() => undefined);
      }
    });
    await driver.switchOver(plan, testRun());
    expect(await sql(app, 'SELECT v FROM t')).toEqual([{ v: 1 }]);
    await driver.switchBack(plan, testRun());
    expect(await sql(app, 'SELECT v FROM t')).toEqual([{ v: 2 }]);
    trying = false;
    await Promise.all(clients);
    await expect(holder.query('SELECT 1')).rejects.toThrow();
    await driver.discard(plan);
    expect([...new Set(failures)].filter((text) => !/renamed|terminating|does not exist/.test(text))).toEqual([]);
  });

  it('that write to the app’s tables are terminated, those of siblings are not', async () => {
    await start(false);
    await sql(
      app,
      'CREATE TABLE t (v int); INSERT INTO t VALUES (1); CREATE SCHEMA sibling; CREATE TABLE sibling.t (v int)',
    );
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    const plan = await stage(driver, 'x2', dump, PUBLIC);
    const writer = await session(app);
    await writer.query('BEGIN; INSERT INTO t VALUES (99)');
    const sibling = await session(app);
    await sibling.query('BEGIN; INSERT INTO sibling.t VALUES (5)');
    await driver.switchOver(plan, testRun());
    await expect(writer.query('COMMIT')).rejects.toThrow();
    await sibling.query('COMMIT');
    await sibling.end();
    expect(await sql(app, 'SELECT v FROM t')).toEqual([{ v: 1 }]);
    expect(await sql(app, 'SELECT v FROM sibling.t')).toEqual([{ v: 5 }]);
    await driver.discard(plan);
  });

  it('that cannot be terminated make the switchover fail and change nothing', async () => {
    await start(true);
    await sql(app, 'CREATE TABLE t (v int); INSERT INTO t VALUES (1)');
    const driver = createPostgresDriver(app, { endSessionsMs: 300 });
    const dump = await take(driver, PUBLIC);
    await sql(app, 'UPDATE t SET v = 2');
    const plan = await stage(driver, 'x3', dump, PUBLIC);
    // A superuser's session, which an ordinary role cannot terminate.
    const name = `holder_${db.database}`;
    const endless = db.asAdmin(`SET application_name = '${name}'; SELECT pg_sleep(600)`).catch(() => 'ended');
    await expect(driver.switchOver(plan, testRun())).rejects.toMatchObject({
      code: 'SWITCHOVER_FAILED',
      message: expect.stringContaining(`postgres (${name})`) as string,
    });
    expect(await driver.position(plan)).toBe('before switchover');
    expect(await sql(app, 'SELECT v FROM t')).toEqual([{ v: 2 }]);
    await db.asAdmin(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${name}'`,
      'postgres',
    );
    expect(await endless).toBe('ended');
    await driver.switchOver(plan, testRun());
    expect(await sql(app, 'SELECT v FROM t')).toEqual([{ v: 1 }]);
    await driver.discard(plan);
  });
});

describe.each(WAYS)('at the switchover, by $strategy', (way) => {
  it('sessions that lock the data, run long queries, wait or reconnect at once are terminated, and the app sees the new data', async () => {
    await startFor(way);
    await sql(app, 'CREATE TABLE t (v int); INSERT INTO t VALUES (1)');
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    await sql(app, 'UPDATE t SET v = 2');
    const plan = await stage(driver, 'w1', dump, PUBLIC);
    const idle = await Promise.all(Array.from({ length: 60 }, () => session(app)));
    const [writer, reader, asking] = [await session(app), await session(app), await session(app)];
    await writer.query('BEGIN; INSERT INTO t VALUES (99)');
    await reader.query('BEGIN; SELECT * FROM t');
    const asked = asking.query('SELECT pg_sleep(600) FROM t').then(
      () => 'answered',
      () => 'ended',
    );
    let trying = true;
    const seen = new Set<string>();
    const pool = [1, 2, 3].map(async () => {
      while (trying) {
        const client = await session(app).catch(() => null);
        const answer = (await client?.query<{ v: number }>('SELECT v FROM t').catch(() => null)) ?? null;
        if (answer) seen.add(answer.rows.map(({ v }) => v).join());
        await client?.end().catch(() => undefined);
      }
    });
    await driver.switchOver(plan, testRun());
    expect(await sql(app, 'SELECT v FROM t')).toEqual([{ v: 1 }]);
    await driver.switchBack(plan, testRun());
    expect(await sql(app, 'SELECT v FROM t')).toEqual([{ v: 2 }]);
    trying = false;
    await Promise.all(pool);
    // No session has ever seen anything but one side or the other.
    expect([...seen].filter((rows) => rows !== '1' && rows !== '2')).toEqual([]);
    await expect(writer.query('COMMIT')).rejects.toThrow();
    await db.asAdmin(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${db.username}' AND query LIKE '%pg_sleep%'`,
      'postgres',
    );
    expect(await asked).toBe('ended');
    await Promise.all([...idle, reader, asking].map((client) => client.end().catch(() => undefined)));
    await driver.discard(plan);
    await driver.close();
  });

  it('a session that cannot be terminated is named, and nothing has changed', async () => {
    await startFor(way);
    await sql(app, 'CREATE TABLE t (v int); INSERT INTO t VALUES (1)');
    const driver = createPostgresDriver(app, { endSessionsMs: 300 });
    const dump = await take(driver, PUBLIC);
    await sql(app, 'UPDATE t SET v = 2');
    const live = await fingerprint(app);
    const plan = await stage(driver, 'w2', dump, PUBLIC);
    const name = `holder_${db.database}`;
    // A superuser's session, which an ordinary role cannot terminate.
    const holder = db
      .asAdmin(`SET application_name = '${name}'; BEGIN; INSERT INTO t VALUES (3); SELECT pg_sleep(600)`)
      .catch(() => 'ended');
    const isThere = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = '${name}' AND query LIKE '%pg_sleep%' AND state = 'active'
      AND pid IN (SELECT pid FROM pg_locks WHERE relation = 't'::regclass)`;
    await expect.poll(() => db.asAdmin(isThere), { timeout: 20_000 }).toEqual([{ n: 1 }]);
    await expect(driver.switchOver(plan, testRun())).rejects.toMatchObject({
      code: 'SWITCHOVER_FAILED',
      // A plain role sees only the user of other roles' sessions.
      message: expect.stringContaining('postgres') as string,
    });
    expect(await driver.position(plan)).toBe('before switchover');
    await db.asAdmin(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${name}'`,
      'postgres',
    );
    expect(await holder).toBe('ended');
    await driver.discard(plan);
    expectSame(live, await fingerprint(app));
    await driver.close();
  });
});

describe.each([
  { ...WAYS[0], inactive: 'database' },
  { ...WAYS[1], inactive: 'schema' },
  { ...WAYS[2], inactive: 'objects' },
])('a verification where a restore goes by $strategy', (way) => {
  it('loads and checks despite obstacles to a switchover, and leaves no trace', async () => {
    await startFor(way);
    const reader = await role('reader');
    await sql(
      app,
      `${everything(reader)} CREATE SCHEMA sibling; CREATE VIEW sibling.uses AS SELECT id, title FROM public.books`,
    );
    await db.asAdmin(`SELECT lo_from_bytea(0, 'x')`);
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    await sql(app, `DELETE FROM child; INSERT INTO parent VALUES (50, 'new')`);
    const live = await fingerprint(app);
    expect((await driver.plan('v1', dump.backup, PUBLIC)).blockers[0]?.reason.params?.objects).toBe(
      'view sibling.uses',
    );
    const planning = await driver.plan('v1', dump.backup, PUBLIC, 'verify');
    expect(planning).toMatchObject({ blockers: [], warnings: [], downtime: { text: 'The app stays available.' } });
    const plan = requirePlan(planning);
    expect(plan.strategy).toBe(way.inactive);
    await driver.stage(plan, dump.backup, opener(dump), testRun());
    await driver.check(plan, dump.backup, testRun());
    const tables = dump.backup.tables.map((table) => (table.name === 'public.child' ? { ...table, rows: 77 } : table));
    await expect(driver.check(plan, { ...dump.backup, tables }, testRun())).rejects.toMatchObject({
      message: expect.stringContaining('table public.child has 2 rows instead of 77') as string,
    });
    await sql(app, `SET lock_timeout = '5s'; UPDATE authors SET name = name WHERE id < 10`);
    await driver.discard(plan);
    await driver.close();
    expectSame(live, await fingerprint(app));
    expect(await db.asAdmin(`SELECT datname FROM pg_database WHERE datname LIKE '${db.database}\\_%'`)).toEqual([]);
  });
});

describe('extensions', () => {
  it('that are in a schema are moved with it, back and forth', async () => {
    await start(true);
    await db.asAdmin(`ALTER ROLE ${db.username} SUPERUSER`);
    await sql(
      app,
      `CREATE EXTENSION hstore; CREATE SCHEMA sibling; CREATE TABLE sibling.t (h public.hstore);
      CREATE TABLE t (h hstore); INSERT INTO t VALUES ('a=>1'); CREATE EXTENSION cube; CREATE EXTENSION earthdistance`,
    );
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    expect(dump.backup.extensions.map(({ name }) => name)).toEqual(['hstore', 'cube', 'earthdistance']);
    await sql(app, 'UPDATE t SET h = NULL');
    const changed = await fingerprint(app);
    const plan = await stage(driver, 'e1', dump, PUBLIC);
    expect(plan.strategy).toBe('schema');
    const home = `SELECT DISTINCT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname <> 'plpgsql'`;
    for (const act of ['switchOver', 'switchBack', 'switchOver'] as const) {
      await driver[act](plan, testRun());
      expect(await sql(app, home)).toEqual([{ nspname: 'public' }]);
      expect(await sql(app, `SELECT h -> 'a' AS a FROM t`)).toEqual([{ a: act === 'switchOver' ? '1' : null }]);
    }
    await driver.switchBack(plan, testRun());
    await driver.discard(plan);
    expectSame(changed, await fingerprint(app));
  });

  it('that the app’s role cannot move stay where they are, and those it cannot create are named with a remedy', async () => {
    await start(false);
    await sql(
      app,
      `CREATE EXTENSION hstore; CREATE TABLE t (h hstore, i int); INSERT INTO t VALUES ('a=>1', 1);
      CREATE INDEX t_h ON t USING gin (h); CREATE VIEW has_a AS SELECT * FROM t WHERE h @> 'a=>1'`,
    );
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    const before = await fingerprint(app);
    await sql(app, 'DELETE FROM t');
    const plan = await stage(driver, 'e2', dump, PUBLIC);
    expect(plan.strategy).toBe('objects');
    await driver.switchOver(plan, testRun());
    await driver.discard(plan);
    expectSame(before, await fingerprint(app));
    const backup = {
      ...dump.backup,
      extensions: [
        { name: 'nonsense', version: '1', schema: 'public' },
        { name: 'pageinspect', version: '1', schema: 'public' },
      ],
    };
    const other = await driver.plan('e2', backup, PUBLIC);
    expect(other.plan).toBeNull();
    expect(other.blockers.map(({ reason }) => reason.params?.extension)).toEqual(['nonsense', 'pageinspect']);
  });

  it('are created where the live database lacks them', async () => {
    await start(true);
    await sql(app, `CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE TABLE t (h ext.hstore)`);
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    await sql(app, 'DROP EXTENSION hstore CASCADE; DROP SCHEMA ext');
    const plan = await stage(driver, 'e3', dump, PUBLIC);
    await driver.switchOver(plan, testRun());
    expect(await sql(app, `SELECT h FROM t`)).toEqual([]);
    await driver.discard(plan);
  });
});

describe('blockers of a plain owner', () => {
  it('name each statement that removes them', async () => {
    await start(false);
    await sql(app, 'CREATE TABLE t (id int PRIMARY KEY)');
    const dump = await take(createPostgresDriver(app), PUBLIC);
    await db.asAdmin(`ALTER DATABASE ${db.database} OWNER TO postgres; ALTER SCHEMA public OWNER TO postgres;
      GRANT USAGE ON SCHEMA public TO ${db.username}; CREATE SCHEMA reports; CREATE VIEW reports.all_t AS SELECT * FROM public.t;
      CREATE VIEW public.own AS SELECT id FROM public.t; CREATE FUNCTION public.uses(public.t) RETURNS int LANGUAGE sql AS 'SELECT 1'`);
    try {
      const tables = [...dump.backup.tables, { name: 'public.own', rows: 1 }];
      const { plan, blockers } = await createPostgresDriver(app).plan('b1', { ...dump.backup, tables }, PUBLIC);
      expect(plan).toBeNull();
      expect(blockers.map(({ reason, remedy }) => remedy.params?.statement ?? reason.params?.objects)).toEqual([
        `GRANT CREATE ON DATABASE "${db.database}" TO "${db.username}"`,
        'view reports.all_t',
        `GRANT CREATE, USAGE ON SCHEMA "public" TO "${db.username}"`,
        'function public.uses(public.t), view public.own',
        `ALTER TABLE "public"."own" OWNER TO "${db.username}"`,
      ]);
      await db.asAdmin(`GRANT CREATE ON SCHEMA "public" TO ${db.username}; GRANT CREATE ON DATABASE ${db.database} TO ${db.username};
        DROP VIEW reports.all_t, public.own; DROP FUNCTION public.uses; CREATE TABLE public.theirs (id int)`);
      const driver = createPostgresDriver(app);
      const staged = await stage(driver, 'b1', dump, PUBLIC);
      expect(staged.strategy).toBe('objects');
      await driver.switchOver(staged, testRun());
      await driver.discard(staged);
      expect(await db.asAdmin('SELECT * FROM public.theirs')).toEqual([]);
    } finally {
      await db.asAdmin(`ALTER DATABASE ${db.database} OWNER TO ${db.username}`);
    }
  });

  it('include more tables than the server has locks for', async () => {
    await start(false);
    await sql(app, 'CREATE TABLE t (id int)');
    const { backup } = await take(createPostgresDriver(app), PUBLIC);
    const tables = Array.from({ length: 20_000 }, (_, i) => ({ name: `public.t${i}`, rows: 0 }));
    const { blockers } = await createPostgresDriver(app).plan('b2', { ...backup, tables }, PUBLIC);
    expect(blockers[0]?.remedy.params?.statement).toMatch(/^ALTER SYSTEM SET max_locks_per_transaction = \d+$/);
  });
});

describe.each(WAYS)('roles, by $strategy', (way) => {
  const { strategy } = way;
  it('that are missing here are reported before, and the privileges of all others survive', async () => {
    await startFor(way);
    const [kept, lost] = [await role('kept'), await role('lost')];
    await sql(
      app,
      `CREATE TABLE t (id int); GRANT SELECT ON t TO ${kept}, ${lost}; GRANT USAGE ON SCHEMA public TO ${lost};
      CREATE TABLE u (id int); GRANT INSERT ON u TO ${lost}; GRANT DELETE ON u TO ${kept}`,
    );
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    expect(dump.backup.roles).toEqual([kept, lost]);
    await db.asAdmin(`DROP OWNED BY ${lost}; DROP ROLE ${lost}`);
    const planning = await driver.plan('g1', dump.backup, PUBLIC);
    expect(planning.warnings).toMatchObject([{ code: 'roles', current: kept }]);
    expect(planning.warnings[0]?.remedy.params?.statements).toBe(`CREATE ROLE "${lost}"`);
    const run = testRun();
    const plan = await stage(driver, 'g1', dump, PUBLIC, run);
    expect(plan.strategy).toBe(strategy);
    expect(run.lines.filter(({ level }) => level === 'warn').map(({ text }) => text)).toEqual([
      `PostgreSQL: ERROR:  role "${lost}" does not exist`,
    ]);
    await driver.switchOver(plan, run);
    await driver.discard(plan);
    const privileges = `SELECT has_table_privilege('${kept}', 't', 'SELECT') AS t, has_table_privilege('${kept}', 'u', 'DELETE') AS u`;
    expect(await sql(app, privileges)).toEqual([{ t: true, u: true }]);
  });

  it('that own objects keep them where the app’s role can assign them, and lose them with a warning otherwise', async () => {
    await startFor(way);
    const [member, stranger] = [await role('member'), await role('stranger')];
    await db.asAdmin(`GRANT ${member} TO ${db.username}; GRANT CREATE, USAGE ON SCHEMA public TO ${member}`);
    await sql(app, `CREATE TABLE t (id int); ALTER TABLE t OWNER TO ${member}`);
    const driver = createPostgresDriver(app);
    const owner = `SELECT tableowner AS owner FROM pg_tables WHERE tablename = 't'`;
    const restore = async (id: string) => {
      const dump = await take(driver, PUBLIC);
      const run = testRun();
      const plan = await stage(driver, id, dump, PUBLIC, run);
      await driver.switchOver(plan, run);
      await driver.discard(plan);
      return run.lines.filter(({ level }) => level === 'warn').map(({ text }) => text);
    };
    expect(await restore('o1')).toEqual([]);
    expect(await sql(app, owner)).toEqual([{ owner: member }]);
    await db.asAdmin(`ALTER TABLE t OWNER TO ${stranger}; GRANT ALL ON t TO ${db.username}`);
    if (strategy === 'objects') {
      const { blockers } = await driver.plan('o2', (await take(driver, PUBLIC)).backup, PUBLIC);
      const statement = `ALTER TABLE "public"."t" OWNER TO "${db.username}"`;
      expect(blockers.map(({ remedy }) => remedy.params?.statement)).toEqual([statement]);
      return;
    }
    expect(await restore('o2')).toContainEqual(expect.stringContaining('other owners cannot be set here'));
    expect(await sql(app, owner)).toEqual([{ owner: db.username }]);
  });
});

describe.each(WAYS)('after a crash, by $strategy', (way) => {
  const isDatabase = way.strategy === 'database';
  it('another process finds the slot and cleans up', async () => {
    await startFor(way);
    await sql(app, 'CREATE TABLE t (v int); INSERT INTO t VALUES (1)');
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    const before = await fingerprint(app);
    const never = requirePlan(await driver.plan('c0', dump.backup, PUBLIC));
    const next = createPostgresDriver(app);
    expect(await next.position(never)).toBe('before switchover');
    await next.discard(never);
    const plan = await stage(driver, 'c1', dump, PUBLIC);
    expect(await next.position(plan)).toBe('before switchover');
    await next.discard(plan);
    await next.discard(plan);
    expectSame(before, await fingerprint(app));
    await expect(driver.switchOver(plan, testRun())).rejects.toMatchObject({ code: 'SWITCHOVER_FAILED' });
    await driver.close();
    expect(await db.asAdmin(`SELECT datname FROM pg_database WHERE datname LIKE '${db.database}\\_%'`)).toEqual([]);
  });

  it('a position that is no longer certain is reported as unclear', async () => {
    await startFor(way);
    await sql(app, 'CREATE TABLE t (v int)');
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    const back = await stage(driver, 'p1', dump, PUBLIC);
    await driver.switchOver(back, testRun());
    await driver.switchBack(back, testRun());
    await driver.discard(back);
    expect(await driver.position(back)).toBe('before switchover');
    const plan = await stage(driver, 'p2', dump, PUBLIC);
    await driver.switchOver(plan, testRun());
    await driver.discard(plan);
    expect(await driver.position(plan)).toBe('unclear');
    await expect(driver.switchBack(plan, testRun())).rejects.toMatchObject({ code: 'SWITCHOVER_FAILED' });
    await driver.close();
  });

  it('objects that only resemble the inactive slot are never dropped', async () => {
    await startFor(way);
    await sql(app, 'CREATE TABLE t (v int)');
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    const plan = requirePlan(await driver.plan('c2', dump.backup, PUBLIC));
    const inactive = plan.names[isDatabase ? 'inactive' : 'aside0'] ?? '';
    const inside = isDatabase ? { ...app, database: inactive } : app;
    await sql(app, `CREATE ${isDatabase ? 'DATABASE' : 'SCHEMA'} "${inactive}"`);
    const table = isDatabase ? 'mine' : `"${inactive}".mine`;
    await sql(inside, `CREATE TABLE ${table} (id int)`);
    await driver.discard(plan);
    await expect(driver.switchOver(plan, testRun())).rejects.toMatchObject({ code: 'SWITCHOVER_FAILED' });
    expect(await sql(inside, `SELECT * FROM ${table}`)).toEqual([]);
  });
});
