import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseConnection, DumpScope } from '../../src/engine/databases/driver';
import { createPostgresDriver } from '../../src/engine/databases/postgres';
import { expectSame, fingerprint } from '../support/compare';
import {
  altered,
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
import type { FreshDatabase } from '../support/servers';

const PUBLIC: DumpScope = { schemas: ['public'], excludeRowsOf: [], fileTables: [] };

let db: FreshDatabase;
let app: DatabaseConnection;
let folder: string;

async function start(way: Way) {
  db = await databaseFor(way);
  app = connectionTo(db);
  await sql(app, `CREATE TABLE t (v int); INSERT INTO t VALUES (1)`);
}

beforeEach(async () => void (folder = await mkdtemp(path.join(os.tmpdir(), 'safekeep-truth-'))));
afterEach(async () => {
  await rm(folder, { recursive: true });
  await db.drop();
});

interface Broken {
  name: string;
  /** Run as the administrator before the backup. */
  make: string;
  /** Run as the administrator before the restore. */
  then: string;
  expected: string;
}

const BROKEN: Broken[] = [
  {
    name: 'a function in a missing language',
    make: `CREATE TRUSTED LANGUAGE other HANDLER plpgsql_call_handler; GRANT USAGE ON LANGUAGE other TO PUBLIC;
      CREATE FUNCTION public.f() RETURNS int LANGUAGE other AS 'BEGIN RETURN 1; END'`,
    then: 'DROP LANGUAGE other CASCADE',
    expected: 'FUNCTION public.f(): ERROR:  language "other" does not exist',
  },
  {
    name: 'rows that violate a rule',
    make: `CREATE TABLE public.parent (id int PRIMARY KEY); CREATE TABLE public.child (id int REFERENCES public.parent);
      ALTER TABLE public.child DISABLE TRIGGER ALL; INSERT INTO public.child VALUES (7); ALTER TABLE public.child ENABLE TRIGGER ALL`,
    then: 'DROP TABLE public.child, public.parent',
    expected:
      'FK CONSTRAINT public.child child_id_fkey: ERROR:  insert or update on table "child" violates foreign key constraint',
  },
  {
    name: 'an operator class that only a superuser can create',
    make: `CREATE OPERATOR CLASS public.odd FOR TYPE int USING btree AS OPERATOR 1 <, FUNCTION 1 btint4cmp(int, int);
      CREATE INDEX ON public.t (v public.odd)`,
    then: 'DROP OPERATOR CLASS public.odd USING btree CASCADE; DROP OPERATOR FAMILY IF EXISTS public.odd USING btree',
    expected: 'public.odd: ERROR:  must be superuser to create an operator',
  },
  {
    name: 'a type of a missing extension',
    make: 'CREATE SCHEMA ext; GRANT USAGE ON SCHEMA ext TO PUBLIC; CREATE EXTENSION hstore SCHEMA ext; CREATE TABLE public.bag (h ext.hstore)',
    then: 'DROP EXTENSION hstore CASCADE; DROP SCHEMA ext; DROP TABLE public.bag',
    expected: 'TABLE public.bag: ERROR:  schema "ext" does not exist',
  },
  {
    name: 'a view on a missing column',
    make: 'CREATE VIEW public.w AS SELECT v AS twice FROM public.t',
    then: 'DROP VIEW public.w',
    expected: 'VIEW public.w: ERROR:  column t.g does not exist',
  },
];

describe.each(WAYS)('a dump in which one object cannot be restored, by $strategy', (way) => {
  it.each(BROKEN)('fails and names it: $name', async ({ make, then, expected }) => {
    await start(way);
    await db.asAdmin(make);
    const owner = db.username;
    await db.asAdmin(`DO $$ DECLARE r record; BEGIN FOR r IN SELECT oid::regclass AS c FROM pg_class
      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND relowner <> '${owner}'::regrole
      LOOP EXECUTE format('ALTER TABLE %s OWNER TO ${owner}', r.c); END LOOP; END $$`);
    const driver = createPostgresDriver(app);
    const whole = await take(driver, PUBLIC);
    const dump = expected.includes('t.g ') ? altered(whole, '"t"."v" AS "twice"', '"t"."g" AS "twice"') : whole;
    await db.asAdmin(then);
    await sql(app, 'INSERT INTO t VALUES (2)');
    const live = await fingerprint(app);
    const backup = { ...dump.backup, extensions: [] };
    const plan = requirePlan(await driver.plan('z1', backup, PUBLIC));
    expect(plan.strategy).toBe(way.strategy);
    await expect(driver.stage(plan, backup, opener(dump), testRun())).rejects.toMatchObject({
      code: 'TOOL_FAILED',
      message: expect.stringContaining(expected) as string,
    });
    expect(await driver.position(plan)).toBe('before switchover');
    await driver.discard(plan);
    expectSame(live, await fingerprint(app));
    expect(await db.asAdmin(`SELECT datname FROM pg_database WHERE datname LIKE '${db.database}\\_%'`)).toEqual([]);
  });

  it('is detected when a materialized view was not populated', async () => {
    await start(way);
    await sql(
      app,
      'CREATE MATERIALIZED VIEW m AS SELECT v FROM t; CREATE MATERIALIZED VIEW never AS SELECT v FROM t WITH NO DATA',
    );
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    const plan = await stage(driver, 'z2', dump, PUBLIC);
    await driver.discard(plan);
    const unfilled = altered(dump, 'REFRESH MATERIALIZED VIEW "public"."m";', 'SET row_security = off;');
    await expect(stage(driver, 'z3', unfilled, PUBLIC)).rejects.toMatchObject({
      code: 'STAGED_DATA_DIFFERS',
      message: expect.stringContaining('these materialized views are empty: m') as string,
    });
  });

  it('keeps policies for existing roles, and skips the others with a warning', async () => {
    await start(way);
    const gone = `${db.database}_gone`;
    await db.asAdmin(`CREATE ROLE ${gone}`);
    await sql(
      app,
      `CREATE POLICY shared ON t FOR SELECT TO ${gone}, "${db.username}" USING (v > 0); CREATE POLICY "only ON" ON t TO ${gone} USING (true);
      COMMENT ON POLICY "only ON" ON t IS 'for them'; CREATE POLICY every ON t AS RESTRICTIVE USING (v < 9) WITH CHECK (v < 9)`,
    );
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    expect(dump.backup.roles).toEqual([gone]);
    await db.asAdmin(`DROP OWNED BY ${gone}; DROP ROLE ${gone}`);
    expect((await driver.plan('z4', dump.backup, PUBLIC)).warnings).toMatchObject([{ code: 'roles' }]);
    await sql(app, 'DROP POLICY every ON t');
    // As a backup that was made before the roles of policies were recorded.
    const older = { ...dump, backup: { ...dump.backup, roles: [] } };
    const run = testRun();
    const plan = await stage(driver, 'z4', older, PUBLIC, run);
    expect(run.lines.filter(({ level }) => level === 'warn').map(({ text }) => text)).toEqual([
      expect.stringMatching(/skipped: "only ON" ON "public[a-z0-9_]*"\."t"$/),
    ]);
    await driver.switchOver(plan, run);
    await driver.discard(plan);
    const policies = await sql(
      app,
      'SELECT policyname, permissive, roles::text, cmd, qual, with_check FROM pg_policies ORDER BY 1',
    );
    expect(policies).toEqual([
      {
        policyname: 'every',
        permissive: 'RESTRICTIVE',
        roles: '{public}',
        cmd: 'ALL',
        qual: '(v < 9)',
        with_check: '(v < 9)',
      },
      {
        policyname: 'shared',
        permissive: 'PERMISSIVE',
        roles: `{${db.username}}`,
        cmd: 'SELECT',
        qual: '(v > 0)',
        with_check: null,
      },
    ]);
  });
});

describe.each(WAYS.filter(({ strategy }) => strategy !== 'database'))('next to a sibling, by $strategy', (way) => {
  it('keeps foreign keys to its tables, which block no session while the backup is staged', async () => {
    await start(way);
    await sql(
      app,
      `CREATE SCHEMA sibling; CREATE TABLE sibling.customers (id int PRIMARY KEY, name text); INSERT INTO sibling.customers VALUES (1, 'one');
      CREATE TABLE orders (id int, customer int CONSTRAINT "of" REFERENCES sibling.customers); INSERT INTO orders VALUES (10, 1);
      COMMENT ON CONSTRAINT "of" ON orders IS 'who'`,
    );
    const driver = createPostgresDriver(app);
    const before = await fingerprint(app, { ignoreRowsOf: ['customers'] });
    const dump = await take(driver, PUBLIC);
    await sql(app, 'UPDATE orders SET id = 11');
    const changed = await fingerprint(app, { ignoreRowsOf: ['customers'] });
    const planning = await driver.plan('s1', dump.backup, PUBLIC);
    expect(planning.warnings).toMatchObject([{ code: 'foreignKeys', current: 'orders.of' }]);
    const plan = await stage(driver, 's1', dump, PUBLIC);
    const writer = await session(app);
    await writer.query(
      `SET lock_timeout = '20s'; INSERT INTO sibling.customers VALUES (2, 'two'); UPDATE sibling.customers SET name = 'x'`,
    );
    await driver.switchOver(plan, testRun());
    await expect(sql(app, 'INSERT INTO orders VALUES (12, 3)')).rejects.toThrow('violates foreign key constraint "of"');
    await driver.switchBack(plan, testRun());
    await driver.switchOver(plan, testRun());
    await driver.switchBack(plan, testRun());
    await driver.discard(plan);
    expectSame(changed, await fingerprint(app, { ignoreRowsOf: ['customers'] }));
    const again = await stage(driver, 's2', dump, PUBLIC);
    await driver.switchOver(again, testRun());
    await driver.discard(again);
    expectSame(before, await fingerprint(app, { ignoreRowsOf: ['customers'] }));

    // A row that the backup references is gone by the time of the switchover.
    await sql(app, 'DELETE FROM orders; DELETE FROM sibling.customers');
    const live = await fingerprint(app);
    const last = await stage(driver, 's3', dump, PUBLIC);
    await expect(driver.switchOver(last, testRun())).rejects.toMatchObject({
      code: 'SWITCHOVER_FAILED',
      message: expect.stringContaining('violates foreign key constraint "of"') as string,
    });
    await driver.discard(last);
    expectSame(live, await fingerprint(app));
    await writer.end();
  });

  it('is refused when a foreign key of the sibling references the app’s tables', async () => {
    await start(way);
    await sql(
      app,
      `ALTER TABLE t ADD PRIMARY KEY (v); CREATE SCHEMA sibling; CREATE TABLE sibling.uses (v int REFERENCES t)`,
    );
    const driver = createPostgresDriver(app);
    const { backup } = await take(driver, PUBLIC);
    const { plan, blockers } = await driver.plan('s4', backup, PUBLIC);
    expect(plan).toBeNull();
    expect(blockers.map(({ reason }) => reason.params?.objects)).toEqual([
      'constraint uses_v_fkey on table sibling.uses',
    ]);
    // A verification disconnects nothing.
    expect((await driver.plan('s4', backup, PUBLIC, 'verify')).plan?.strategy).toBe(way.strategy);
  });

  it('never touches its rows, written after the backup, in the restore or its undo', async () => {
    await start(way);
    await sql(
      app,
      'CREATE SCHEMA sibling; CREATE TABLE sibling.t (v int, note text); INSERT INTO sibling.t VALUES (1, NULL)',
    );
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    expect(dump.backup.tables.map(({ name }) => name)).toEqual(['public.t']);
    await sql(
      app,
      `INSERT INTO t VALUES (2); INSERT INTO sibling.t SELECT i, 'é' || i FROM generate_series(2, 500) i;
      CREATE INDEX later ON sibling.t (v)`,
    );
    const sibling = async () => {
      const { tables, schema } = await fingerprint(app);
      const own = schema.split('\n\n').filter((part) => part.includes('sibling'));
      return { rows: tables['sibling.t'], own };
    };
    const after = await sibling();
    expect(after.rows?.rows).toBe(500);
    expect(after.own.join()).toContain('CREATE INDEX later');
    const plan = await stage(driver, 'b1', dump, PUBLIC);
    await driver.switchOver(plan, testRun());
    expect(await sql(app, 'SELECT v FROM t')).toEqual([{ v: 1 }]);
    expect(await sibling()).toEqual(after);
    await driver.switchBack(plan, testRun());
    expect(await sql(app, 'SELECT v FROM t')).toEqual([{ v: 1 }, { v: 2 }]);
    expect(await sibling()).toEqual(after);
    await driver.discard(plan);
    expect(await sibling()).toEqual(after);
  });

  it('lets the app read, write and change its tables while the backup is staged', async () => {
    await start(way);
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    const plan = await stage(driver, 'l1', dump, PUBLIC);
    const [held] = await db.asAdmin(
      `SELECT count(*)::int AS n FROM pg_locks l JOIN pg_stat_activity a USING (pid) JOIN pg_class c ON c.oid = l.relation
        WHERE a.application_name = 'safekeep l1' AND c.relnamespace = 'public'::regnamespace`,
    );
    expect(held).toEqual({ n: 0 });
    // A second of waiting would be a failure: none of this waits for the open transaction.
    await sql(
      app,
      `SET lock_timeout = '1s'; SELECT * FROM t; INSERT INTO t VALUES (5); UPDATE t SET v = 6 WHERE v = 5; DELETE FROM t WHERE v = 6;
      ALTER TABLE t ADD COLUMN more text; CREATE INDEX ON t (v); CREATE TABLE later (id serial PRIMARY KEY); INSERT INTO later DEFAULT VALUES;
      CREATE VIEW seen AS SELECT * FROM later; TRUNCATE later; CREATE TYPE mood AS ENUM ('a')`,
    );
    const changed = await fingerprint(app);
    await driver.switchOver(plan, testRun());
    expect(
      await sql(app, `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`),
    ).toEqual([{ relname: 't' }]);
    await driver.switchBack(plan, testRun());
    await driver.discard(plan);
    expectSame(changed, await fingerprint(app));
  });
});

describe('objects in a schema of another role', () => {
  /** Kinds that NocoBase does not create, but others can. */
  const MORE = `
    CREATE STATISTICS both_of ON author, price FROM books; CREATE AGGREGATE total_of(int) (sfunc = int4pl, stype = int);
    CREATE FUNCTION atomic(a int) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) + $1 FROM books; END;
    CREATE PROCEDURE nothing(INOUT b books) LANGUAGE plpgsql AS 'BEGIN NULL; END';
    CREATE FUNCTION same(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
    CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same); CREATE TABLE ruled (v int CHECK (v === v)); INSERT INTO ruled VALUES (1);
    CREATE COLLATION plain (locale = 'C'); CREATE TABLE named (v text COLLATE plain DEFAULT 'books'::regclass::text);
    CREATE TYPE pair AS (a int, b mood); CREATE TABLE pairs (p pair); INSERT INTO pairs VALUES (ROW(1, 'ok'));
    CREATE TEXT SEARCH CONFIGURATION words (COPY = pg_catalog.english); CREATE INDEX ON books USING gin (to_tsvector('words', title));
    CREATE RULE kept AS ON DELETE TO scratch DO INSTEAD NOTHING; CREATE TABLE empty ();`;

  it('are moved whatever their kind, back and forth', async () => {
    await start(WAYS[2]);
    const reader = `${db.database}_reader`;
    await db.asAdmin(`CREATE ROLE ${reader}`);
    await sql(app, `${everything(reader)} ${MORE}`);
    const driver = createPostgresDriver(app);
    const before = await fingerprint(app);
    const dump = await take(driver, PUBLIC);
    await sql(
      app,
      `DELETE FROM child; CREATE TABLE later (v mood); DROP FUNCTION atomic;
      ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM ${reader};
      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT INSERT ON TABLES TO ${reader} WITH GRANT OPTION`,
    );
    const changed = await fingerprint(app);
    const plan = await stage(driver, 'm1', dump, PUBLIC);
    await driver.switchOver(plan, testRun());
    await driver.switchBack(plan, testRun());
    await driver.discard(plan);
    expectSame(changed, await fingerprint(app));
    const again = await stage(driver, 'm2', dump, PUBLIC);
    await driver.switchOver(again, testRun());
    await driver.switchBack(again, testRun());
    await driver.switchOver(again, testRun());
    await driver.discard(again);
    expectSame(before, await fingerprint(app));
    await db.asAdmin(`DROP OWNED BY ${reader}; DROP ROLE ${reader}`);
  });

  it('are restored manually as described in docs/recovery.md', async () => {
    await start(WAYS[2]);
    await sql(app, everything(`"${db.database}"`).replace(/ALTER DEFAULT[^;]*;/, ''));
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    await sql(app, 'DELETE FROM child; CREATE TABLE later (id int); DROP VIEW cheap');
    const before = await fingerprint(app);
    const plan = await stage(driver, 'qwertyui', dump, PUBLIC);
    await driver.switchOver(plan, testRun());
    const page = await readFile('docs/recovery.md', 'utf8');
    const block = /object by object \(`objects`\)[^]*?```sh\n([^]*?)```/.exec(page)?.[1] ?? '';
    const { host, port, username, password } = db;
    const env = { ...process.env, PGHOST: host, PGPORT: String(port), PGUSER: username, PGPASSWORD: password };
    execFileSync('bash', ['-ec', block.replaceAll('-d nocobase', `-d ${db.database}`)], {
      cwd: folder,
      env,
      stdio: 'pipe',
    });
    await sql(app, 'DROP SCHEMA public_restored CASCADE; DROP SCHEMA public__safekeep_qwertyui');
    expectSame(before, await fingerprint(app));
  });

  it('are not loaded when the load would run a function on live objects, or refer to them', async () => {
    await start(WAYS[2]);
    await sql(
      app,
      `CREATE FUNCTION seen(int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT FROM public.t WHERE v = $1)';
      CREATE MATERIALIZED VIEW m AS SELECT public.seen(v) FROM t`,
    );
    const driver = createPostgresDriver(app);
    const bad = await take(driver, PUBLIC);
    const live = await fingerprint(app);
    await expect(stage(driver, 'n1', bad, PUBLIC)).rejects.toMatchObject({
      code: 'STAGED_DATA_DIFFERS',
      message: expect.stringContaining('these functions ran during the load and name the live schema: seen') as string,
    });
    await driver.discard(requirePlan(await driver.plan('n1', bad.backup, PUBLIC)));
    expectSame(live, await fingerprint(app));
    await sql(app, `DROP MATERIALIZED VIEW m; CREATE TABLE named (c regclass); INSERT INTO named VALUES ('t')`);
    await expect(stage(driver, 'n2', await take(driver, PUBLIC), PUBLIC)).rejects.toMatchObject({
      message: expect.stringContaining('these columns refer to live objects: named.c') as string,
    });
  });
});
