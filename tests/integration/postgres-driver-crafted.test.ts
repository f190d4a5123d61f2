/** Dumps that were edited, or whose contents look like an attack: refused or harmless, whichever way they are loaded. */
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseConnection, DumpScope } from '../../src/engine/databases/driver';
import { createPostgresDriver } from '../../src/engine/databases/postgres';
import { SafekeepError } from '../../src/engine/errors';
import { expectSame, fingerprint } from '../support/compare';
import { craft, type CraftedEntry } from '../support/crafted-dump';
import {
  altered,
  connectionTo,
  databaseFor,
  opener,
  requirePlan,
  sql,
  stage,
  take,
  type TakenDump,
  testRun,
  WAYS,
} from '../support/postgres-driver';
import type { FreshDatabase } from '../support/servers';

const PUBLIC: DumpScope = { schemas: ['public'], excludeRowsOf: [], fileTables: [] };

const WITH_ROUTINE = 'CREATE FUNCTION own() RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT 1 $$;';
const LOADS = [
  { ...WAYS[0], name: 'database, by pg_restore', more: '' },
  { ...WAYS[0], name: 'database, by a session', more: WITH_ROUTINE },
  { ...WAYS[1], name: 'schema', more: WITH_ROUTINE },
  { ...WAYS[2], name: 'objects', more: '' },
];

/** Text that replaces or follows a text of an entry; FILE is the file that an attack would create. */
interface Attack {
  name: string;
  edit: (entry: CraftedEntry) => void;
}

const ofView = (change: (entry: CraftedEntry) => void) => (entry: CraftedEntry) => {
  if (entry.type === 'VIEW') change(entry);
};
const ofType = (type: string, change: (entry: CraftedEntry) => void) => (entry: CraftedEntry) => {
  if (entry.type === type) change(entry);
};
const appended = (more: string): Attack['edit'] => ofView((entry) => void (entry.definition += more));
const PROGRAM = `COPY public.t FROM PROGRAM 'touch FILE';`;

const ATTACKS: Attack[] = [
  { name: 'a psql command after a definition', edit: appended('\\! touch FILE\n') },
  { name: 'a psql command within a definition', edit: appended('SELECT 1 \\g | touch FILE\n;') },
  { name: 'COPY … PROGRAM as a definition', edit: appended(PROGRAM) },
  { name: 'the end of the transaction', edit: appended('COMMIT; DROP TABLE public.t;') },
  { name: 'a savepoint', edit: appended('ROLLBACK; BEGIN;') },
  { name: 'code to be run at once', edit: appended(`DO $$ BEGIN EXECUTE 'DROP TABLE public.t'; END $$;`) },
  { name: 'a nested comment', edit: appended(`/* /* */ SELECT 1; -- */ */ ${PROGRAM}\n`) },
  { name: 'a comment that ends with a carriage return', edit: appended(`-- x\r${PROGRAM}\n`) },
  {
    name: 'a text that continues on the next line',
    edit: appended(`COMMENT ON TABLE public.t IS E'x'\n'\\'; ${PROGRAM} --';`),
  },
  { name: 'a text without an end', edit: appended(`COMMENT ON TABLE public.t IS 'x; ${PROGRAM}`) },
  {
    name: 'an encoding in which a quote can be part of a character',
    edit: ofType('ENCODING', (entry) => (entry.definition = `SET client_encoding = 'SJIS';\n`)),
  },
  {
    name: 'more than a search path',
    edit: ofType('SEARCHPATH', (entry) => (entry.definition += PROGRAM)),
  },
  {
    name: 'a body that hides the next statement',
    edit: appended(
      `CREATE FUNCTION public.begin() RETURNS int LANGUAGE sql AS 'SELECT 1'; ${PROGRAM} SELECT 1 AS "end"; END;`,
    ),
  },
  { name: 'rows from a program', edit: ofType('TABLE DATA', (entry) => (entry.copy = `${PROGRAM}\n`)) },
  {
    name: 'rows after a statement',
    edit: ofType('TABLE DATA', (entry) => (entry.copy = `DROP TABLE public.t; ${entry.copy}`)),
  },
  { name: 'statements in place of rows', edit: ofType('TABLE DATA', (entry) => (entry.copy = '')) },
  {
    name: 'rows for a sibling',
    edit: ofType('TABLE DATA', (entry) => (entry.copy = 'COPY "sibling"."s" ("v") FROM stdin;\n')),
  },
  { name: 'a change to a sibling', edit: appended('ALTER TABLE "sibling"."s" ADD COLUMN evil int;') },
  { name: 'a grant of a role', edit: appended('GRANT pg_execute_server_program TO PUBLIC;') },
  {
    name: 'an owner’s statement with additions',
    edit: ofType('OPERATOR', (entry) => (entry.drop = `DROP OPERATOR public.=== (int, int); ${PROGRAM} --`)),
  },
];

describe.each(LOADS)('loaded by $name', ({ more, ...way }) => {
  let db: FreshDatabase;
  let app: DatabaseConnection;
  let folder: string;
  let file: string;
  let dump: TakenDump;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'safekeep-crafted-'));
    chmodSync(folder, 0o777);
    file = path.join(folder, 'touched');
    db = await databaseFor(way);
    app = connectionTo(db);
    // With these privileges, only the driver protects the server from an attack.
    await db.asAdmin(`GRANT pg_execute_server_program, pg_read_server_files TO ${db.username}`);
    await sql(
      app,
      `CREATE TABLE t (v text); INSERT INTO t VALUES (repeat('x', 200)), ('two'); CREATE VIEW w AS SELECT v FROM t; ${more}
      CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)`,
    );
    dump = await take(createPostgresDriver(app), PUBLIC);
    if (way.strategy !== 'database') {
      await sql(app, `CREATE SCHEMA sibling; CREATE TABLE sibling.s (v text); INSERT INTO sibling.s VALUES ('s')`);
    }
    await sql(app, `INSERT INTO t VALUES ('live')`);
  });
  afterAll(async () => {
    await db.drop();
    rmSync(folder, { recursive: true });
  });
  afterEach(() => expect(existsSync(file)).toBe(false));

  let number = 0;
  /** Stages and checks. @returns the error, after verifying that live data is unchanged and nothing is left */
  async function outcome(crafted: TakenDump): Promise<unknown> {
    number += 1;
    const driver = createPostgresDriver(app);
    const before = await fingerprint(app);
    const plan = requirePlan(await driver.plan(`a${number}`, crafted.backup, PUBLIC));
    expect(plan.strategy).toBe(way.strategy);
    const error = await driver
      .stage(plan, crafted.backup, opener(crafted), testRun())
      .then(() => driver.check(plan, crafted.backup, testRun()))
      .then(
        () => null,
        (reason: unknown) => reason,
      );
    expect(await driver.position(plan)).toBe('before switchover');
    await driver.discard(plan);
    await driver.close();
    expectSame(before, await fingerprint(app));
    expect(await db.asAdmin(`SELECT datname FROM pg_database WHERE datname LIKE '${db.database}\\_%'`)).toEqual([]);
    expect(await db.asAdmin(`SELECT nspname FROM pg_namespace WHERE nspname LIKE '%safekeep%'`)).toEqual([]);
    return error;
  }

  it.each(ATTACKS)('$name is refused', async ({ edit }) => {
    let isEdited = false;
    const bytes = craft(dump.bytes, (entry) => {
      const before = JSON.stringify(entry);
      edit(entry);
      for (const key of ['definition', 'copy', 'drop'] as const) entry[key] = entry[key].replaceAll('FILE', file);
      isEdited ||= JSON.stringify(entry) !== before;
    });
    expect(isEdited).toBe(true);
    const error = await outcome({ ...dump, bytes });
    expect(error).toBeInstanceOf(SafekeepError);
    expect(error).toMatchObject({ code: expect.stringMatching(/^(ARCHIVE_DAMAGED|TOOL_FAILED)$/) as string });
  });

  it('a refused statement is named by its beginning', async () => {
    const bytes = craft(dump.bytes, appended('COMMIT; DROP TABLE public.t;'));
    expect(await outcome({ ...dump, bytes })).toMatchObject({
      code: 'ARCHIVE_DAMAGED',
      message: expect.stringContaining('never write: COMMIT') as string,
    });
  });

  it('a row that ends the rows, with statements after it, is refused', async () => {
    const attack = `\n\\.\nCOMMIT; DROP TABLE public.t; ${PROGRAM.replace('FILE', file)}\n\\! touch ${file}\n`;
    const error = await outcome(altered(dump, 'x'.repeat(200), attack.padEnd(200, '\n')));
    expect(error).toMatchObject({
      code: expect.stringMatching(/^(ARCHIVE_DAMAGED|TOOL_FAILED|STAGED_DATA_DIFFERS)$/) as string,
    });
  });

  it('tags with line breaks do no harm', async () => {
    const bytes = craft(dump.bytes, (entry) => {
      if (entry.type === 'VIEW') entry.tag = `w\n\\! touch ${file}\nCOMMIT; --`;
    });
    await outcome({ ...dump, bytes });
  });

  it('an honest dump with similar text in names, comments, rows and definitions is restored unchanged', async () => {
    const driver = createPostgresDriver(app);
    const evil = `x\n\\! touch ${file}\n;COMMIT; /* -- \\.\n\\.\n`;
    const quoted = evil.replaceAll(`'`, `''`);
    await sql(
      app,
      `CREATE TABLE "${evil.slice(0, 60)}" (v text DEFAULT '${quoted}'); COMMENT ON TABLE "${evil.slice(0, 60)}" IS '${quoted}';
      INSERT INTO "${evil.slice(0, 60)}" VALUES ('${quoted}'), (E'\\\\.'), (E'a\\r\\n\\\\.\\r\\nb');
      COMMENT ON VIEW w IS E'${quoted.replaceAll('\\', '\\\\')}'; CREATE RULE r AS ON INSERT TO w DO INSTEAD (SELECT 1; SELECT 2)`,
    );
    const routines = `
      CREATE FUNCTION body(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN $1 > 0 THEN 1 END; SELECT 2; END;
      CREATE FUNCTION text() RETURNS text LANGUAGE plpgsql AS $x$ BEGIN RETURN $$${evil}$$; END $x$`;
    if (more) await sql(app, routines);
    const before = await fingerprint(app);
    const honest = await take(driver, PUBLIC);
    await sql(app, 'DROP VIEW w; DROP FUNCTION IF EXISTS body; DELETE FROM t');
    const plan = await stage(driver, 'h1', honest, PUBLIC);
    await driver.switchOver(plan, testRun());
    await driver.discard(plan);
    expectSame(before, await fingerprint(app));
  });
});

describe('in a schema next to others', () => {
  it.each(LOADS.slice(2))('a function that the load runs cannot write to other tables: $name', async (way) => {
    const db = await databaseFor(way);
    try {
      const app = connectionTo(db);
      await sql(
        app,
        `CREATE SCHEMA sibling; CREATE TABLE sibling.s (v int); INSERT INTO sibling.s VALUES (1); CREATE TABLE t (v int);
        INSERT INTO t VALUES (1); CREATE FUNCTION evil(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM sibling.s; RETURN 1; END $$;
        CREATE MATERIALIZED VIEW m AS SELECT evil(v) FROM t; INSERT INTO sibling.s VALUES (2)`,
      );
      const driver = createPostgresDriver(app);
      const dump = await take(driver, PUBLIC);
      await expect(stage(driver, 'f1', dump, PUBLIC)).rejects.toMatchObject({
        code: 'STAGED_DATA_DIFFERS',
        message: expect.stringContaining('sibling.s') as string,
      });
      await driver.close();
      expect(await sql(app, 'SELECT * FROM sibling.s')).toEqual([{ v: 2 }]);
    } finally {
      await db.drop();
    }
  });
});

it('psql is never started', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name));
  expect(files.length).toBeGreaterThan(100);
  const naming = files.filter((name) => /['"`/]psql\b/.test(readFileSync(path.join('src', name), 'utf8')));
  expect(naming).toEqual([]);
});
