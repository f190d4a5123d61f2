/** Functions with unqualified names: resolved as in the app, in a backup, a load, a check and an undo. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { DatabaseConnection, DumpScope } from '../../src/engine/databases/driver';
import { createPostgresDriver } from '../../src/engine/databases/postgres';
import { findTools, TOOLS_PATH_VARIABLE } from '../../src/engine/databases/tools';
import { expectSame, fingerprint } from '../support/compare';
import { craft } from '../support/crafted-dump';
import {
  connectionTo,
  databaseFor,
  opener,
  requirePlan,
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

async function start(way: Way) {
  db = await databaseFor(way);
  app = connectionTo(db);
}
afterEach(async () => {
  delete process.env[TOOLS_PATH_VARIABLE];
  await db.drop();
});

/** Each in SQL, which the planner can inline, and in plpgsql, which is run. */
const UNQUALIFIED = `
  CREATE TABLE words (id serial PRIMARY KEY, word text UNIQUE); INSERT INTO words (word) VALUES ('Small'), ('Large');
  CREATE FUNCTION lower_it(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
  CREATE FUNCTION twice(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower_it($1) || lower_it($1)';
  CREATE FUNCTION number_of(text) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT id::bigint FROM words WHERE word = $1';
  CREATE FUNCTION number_in(text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN (SELECT id FROM words WHERE word = $1); END $$;
  CREATE FUNCTION is_word(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN lower_it($1) IN ('small', 'large'); END $$;
  CREATE TABLE things (id serial PRIMARY KEY, size text CHECK (lower_it(size) > '') CHECK (is_word(size)),
    doubled text GENERATED ALWAYS AS (twice(size)) STORED, code text GENERATED ALWAYS AS (twice(size) || '!') STORED, word int REFERENCES words);
  INSERT INTO things (size, word) SELECT CASE WHEN i % 2 = 0 THEN 'Small' ELSE 'Large' END, 1 + i % 2 FROM generate_series(1, 300) i;
  CREATE INDEX things_twice ON things (twice(size)); CREATE INDEX things_number ON things (number_of(size)) WHERE number_in(size) > 0;
  CREATE UNIQUE INDEX things_one ON things (id, number_in(size));
  CREATE DOMAIN known AS text CHECK (is_word(VALUE)); CREATE TABLE named (k known); INSERT INTO named VALUES ('Small');
  CREATE MATERIALIZED VIEW sizes AS SELECT number_of(size) AS n, number_in(size) AS m, count(*) FROM things GROUP BY 1, 2;
  CREATE INDEX sizes_n ON sizes (twice(n::text));`;

describe.each(WAYS)(
  'an index, a check, a generated column, a domain and a materialized view on functions, by $strategy',
  (way) => {
    it('are backed up, verified, restored, undone and redone', async () => {
      await start(way);
      await sql(app, UNQUALIFIED);
      const driver = createPostgresDriver(app);
      const before = await fingerprint(app);
      const dump = await take(driver, PUBLIC);
      expect(dump.backup.tables).toContainEqual({ name: 'public.things', rows: 300 });
      await sql(
        app,
        `DELETE FROM things WHERE id < 100; INSERT INTO words (word) VALUES ('Huge'); REFRESH MATERIALIZED VIEW sizes`,
      );
      const changed = await fingerprint(app);
      expect(await driver.countRows(['public.things'], 5000)).toEqual(new Map([['public.things', 201]]));

      const verifying = requirePlan(await driver.plan('v1', dump.backup, PUBLIC, 'verify'));
      await driver.stage(verifying, dump.backup, opener(dump), testRun());
      await driver.check(verifying, dump.backup, testRun());
      await driver.discard(verifying);
      expectSame(changed, await fingerprint(app));

      const run = testRun();
      const plan = await stage(driver, 'q1', dump, PUBLIC, run);
      expect(plan.strategy).toBe(way.strategy);
      expect(run.lines.filter(({ level }) => level !== 'info')).toEqual([]);
      expectSame(changed, await fingerprint(app));
      await driver.switchOver(plan, testRun());
      await driver.switchBack(plan, testRun());
      await driver.switchOver(plan, testRun());
      await driver.switchBack(plan, testRun());
      await driver.discard(plan);
      expectSame(changed, await fingerprint(app));
      const again = await stage(driver, 'q2', dump, PUBLIC);
      await driver.switchOver(again, testRun());
      await driver.discard(again);
      await driver.close();
      expectSame(before, await fingerprint(app));
    });

    it('work on loaded rows, never on live ones', async () => {
      await start(way);
      await sql(
        app,
        `CREATE TABLE rates (v int); INSERT INTO rates VALUES (10); CREATE TABLE t (v int); INSERT INTO t VALUES (1);
      CREATE FUNCTION rate() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(v) FROM rates';
      CREATE MATERIALIZED VIEW m AS SELECT v * rate() AS v FROM t`,
      );
      const driver = createPostgresDriver(app);
      const dump = await take(driver, PUBLIC);
      await sql(app, 'UPDATE rates SET v = 99');
      const plan = await stage(driver, 'q3', dump, PUBLIC);
      await driver.switchOver(plan, testRun());
      expect(await sql(app, 'SELECT v::int FROM m')).toEqual([{ v: 10 }]);
      await driver.discard(plan);
      await driver.close();
    });

    it('that cannot be created are named with the server’s message', async () => {
      await start(way);
      await sql(
        app,
        `CREATE SCHEMA elsewhere; CREATE FUNCTION elsewhere.two() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2';
      CREATE FUNCTION far(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + elsewhere.two()';
      CREATE TABLE t (v int); INSERT INTO t VALUES (1); CREATE INDEX t_far ON t (far(v))`,
      );
      const driver = createPostgresDriver(app);
      const dump = await take(driver, PUBLIC);
      await sql(app, 'DROP INDEX t_far; DROP SCHEMA elsewhere CASCADE');
      await expect(stage(driver, 'q4', dump, PUBLIC)).rejects.toMatchObject({
        code: 'TOOL_FAILED',
        message: expect.stringMatching(/INDEX public\.t_far: ERROR: {2}schema "elsewhere" does not exist/) as string,
      });
      await driver.close();
    });
  },
);

describe('the load', () => {
  it('runs in pg_restore itself where possible, and in a session where functions, extensions or the server require it', async () => {
    await start(WAYS[0]);
    const folder = await mkdtemp(path.join(os.tmpdir(), 'safekeep-who-'));
    const log = path.join(folder, 'log');
    const use = async (version = '') => {
      for (const name of ['pg_dump', 'pg_restore']) {
        const [real] = await findTools([name]);
        const answer = version ? `echo '${name} (PostgreSQL) ${version}'; exit` : `exec ${real?.path} --version`;
        const script = `#!/bin/bash\nif [ "$1" = --version ]; then ${answer}; fi\necho "${name} $*" >> ${log}\nexec ${real?.path} "$@"\n`;
        await writeFile(path.join(folder, name), script);
        await chmod(path.join(folder, name), 0o755);
      }
    };
    await use();
    process.env[TOOLS_PATH_VARIABLE] = folder;
    try {
      const driver = createPostgresDriver(app);
      let number = 0;
      const isDirect = async (version?: string) => {
        delete process.env[TOOLS_PATH_VARIABLE];
        await use(version);
        process.env[TOOLS_PATH_VARIABLE] = folder;
        number += 1;
        await writeFile(log, '');
        const dump = await take(driver, PUBLIC);
        await driver.discard(await stage(driver, `d${number}`, dump, PUBLIC));
        const calls = (await readFile(log, 'utf8')).split('\n').filter((line) => line.includes('main.list'));
        expect(calls).toHaveLength(1);
        return calls[0]?.includes('--dbname') === true;
      };
      await sql(app, 'CREATE TABLE t (v int); INSERT INTO t VALUES (1); CREATE VIEW w AS SELECT v FROM t');
      expect(await isDirect()).toBe(true);
      expect(await isDirect('17.2')).toBe(false);
      await sql(app, 'CREATE EXTENSION hstore; CREATE TABLE h (h hstore)');
      expect(await isDirect()).toBe(false);
      await sql(app, 'DROP EXTENSION hstore CASCADE');
      expect(await isDirect()).toBe(true);
      await sql(app, `CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'`);
      expect(await isDirect()).toBe(false);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('functions of extensions', () => {
  it.each(WAYS)('with unqualified names of other functions work, by $strategy', async (way) => {
    await start(way);
    const create = 'CREATE EXTENSION cube; CREATE EXTENSION earthdistance;';
    // In the live schema, from which the app's role cannot move it, only with the third strategy.
    if (way.strategy === 'objects') await db.asAdmin(create);
    else await db.asAdmin(`ALTER ROLE ${db.username} SUPERUSER`);
    if (way.strategy === 'schema') await sql(app, 'CREATE SCHEMA sibling; CREATE TABLE sibling.s ()');
    await sql(
      app,
      `${way.strategy === 'objects' ? '' : create} CREATE TABLE places (lat float, lon float); INSERT INTO places VALUES (52.5, 13.4), (48.1, 11.6);
      CREATE INDEX places_earth ON places USING gist (ll_to_earth(lat, lon))`,
    );
    const driver = createPostgresDriver(app);
    const before = await fingerprint(app);
    const dump = await take(driver, PUBLIC);
    await sql(app, 'DELETE FROM places');
    const plan = await stage(driver, 'e1', dump, PUBLIC);
    expect(plan.strategy).toBe(way.strategy);
    await driver.switchOver(plan, testRun());
    await driver.discard(plan);
    await driver.close();
    expectSame(before, await fingerprint(app));
  });

  it('that stay in the live schema are found there, but nothing else', async () => {
    await start(WAYS[2]);
    await db.asAdmin('CREATE EXTENSION unaccent');
    await sql(
      app,
      `CREATE TABLE words (word text); INSERT INTO words VALUES ('Été');
      CREATE FUNCTION plain(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(unaccent($1))';
      CREATE INDEX words_plain ON words (plain(word))`,
    );
    const driver = createPostgresDriver(app);
    const before = await fingerprint(app);
    const dump = await take(driver, PUBLIC);
    await sql(app, 'DELETE FROM words');
    const plan = await stage(driver, 'u1', dump, PUBLIC);
    expect(plan.strategy).toBe('objects');
    await driver.switchOver(plan, testRun());
    await driver.discard(plan);
    expectSame(before, await fingerprint(app));

    // Live objects that the backup lacks are not used in its place.
    const bad = [
      [`'SELECT v::text FROM later'`, 'CREATE TABLE later (v int); INSERT INTO later VALUES (1)', 'read live tables'],
      [
        `'SELECT later()'`,
        `CREATE FUNCTION later() RETURNS text LANGUAGE sql AS 'SELECT 1::text'`,
        'name live functions',
      ],
    ] as const;
    for (const [body, later, why] of bad) {
      await sql(
        app,
        `SET check_function_bodies = off; CREATE FUNCTION met() RETURNS text LANGUAGE sql STABLE AS ${body};
        CREATE MATERIALIZED VIEW m AS SELECT met() WITH NO DATA`,
      );
      const empty = await take(driver, PUBLIC);
      await sql(app, later);
      const live = await fingerprint(app);
      const filled = { ...empty, bytes: filledView(empty.bytes) };
      await expect(stage(driver, 'u2', filled, PUBLIC)).rejects.toMatchObject({
        code: 'STAGED_DATA_DIFFERS',
        message: expect.stringContaining(why) as string,
      });
      expectSame(live, await fingerprint(app));
      await sql(
        app,
        `DROP MATERIALIZED VIEW m; DROP FUNCTION met; DROP ${why.includes('tables') ? 'TABLE' : 'FUNCTION'} later`,
      );
    }
    await driver.close();
  });
});

/** The same dump as of a database in which the view was filled. */
const filledView = (bytes: Buffer) =>
  craft(bytes, (entry) => {
    if (entry.tag === 'm') entry.definition = entry.definition.replace('WITH NO DATA', '');
  });
