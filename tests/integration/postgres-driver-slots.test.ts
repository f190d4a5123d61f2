/** Several restores keep their previous data at the same time: each can be switched with the live data, saved as a backup, and dropped. */
import { afterEach, describe, expect, it } from 'vitest';
import type { DatabaseConnection, DatabasePlan, DumpScope } from '../../src/engine/databases/driver';
import { createPostgresDriver } from '../../src/engine/databases/postgres';
import { expectSame, type Fingerprint, fingerprint } from '../support/compare';
import {
  connectionTo,
  databaseFor,
  everything,
  requirePlan,
  session,
  sql,
  stage,
  take,
  type TakenDump,
  testRun,
  type Way,
  WAYS,
} from '../support/postgres-driver';
import type { FreshDatabase } from '../support/servers';

const PUBLIC: DumpScope = { schemas: ['public'], excludeRowsOf: [], fileTables: [] };
/** Objects that name the live schema in a text: correct again only when they are live. */
const NAMING = `
  CREATE FUNCTION books_of(bigint) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.books WHERE author = $1';
  CREATE FUNCTION with_path() RETURNS bigint LANGUAGE plpgsql SET search_path = public AS $$ BEGIN RETURN (SELECT count(*) FROM books); END $$;
  CREATE TABLE numbered (id bigint DEFAULT nextval('odd'), note text DEFAULT 'public.books'); INSERT INTO numbered DEFAULT VALUES;`;

let db: FreshDatabase;
let app: DatabaseConnection;
let reader: string;
let driver: ReturnType<typeof createPostgresDriver>;

async function start(way: Way) {
  db = await databaseFor(way);
  app = connectionTo(db);
  reader = `${db.database}_reader`;
  await db.asAdmin(`CREATE ROLE ${reader}`);
  driver = createPostgresDriver(app);
}

afterEach(async () => {
  await driver.close();
  await db.asAdmin(`DROP OWNED BY ${reader}`).catch(() => undefined);
  await db.drop();
  await db.asAdmin(`DROP OWNED BY ${reader}; DROP ROLE ${reader}`, 'postgres');
});

const ofLive = async (prints: Fingerprint): Promise<Fingerprint> => {
  const isOwn = (name: string) => !name.includes('__safekeep_');
  const tables = Object.fromEntries(Object.entries(prints.tables).filter(([name]) => isOwn(name)));
  return { tables, schema: prints.schema.split('\n\n').filter(isOwn).join('\n\n') };
};
const live = async () => ofLive(await fingerprint(app));

async function leftBehind(): Promise<unknown[]> {
  const databases = await db.asAdmin(`SELECT datname FROM pg_database WHERE datname LIKE '${db.database}\\_%'`);
  return [...databases, ...(await db.asAdmin(`SELECT nspname FROM pg_namespace WHERE nspname LIKE '%safekeep%'`))];
}

describe.each(WAYS)('previous data of several restores, by $strategy', (way) => {
  it('can be switched with the live data in any order', async () => {
    await start(way);
    await sql(app, everything(reader) + NAMING);
    const backups: TakenDump[] = [];
    const contents: Fingerprint[] = [];
    for (const change of [
      'SELECT 1',
      `DELETE FROM child; CREATE TABLE second (id int)`,
      `DROP VIEW cheap; UPDATE books SET title = 'c'`,
    ]) {
      await sql(app, change);
      backups.push(await take(driver, PUBLIC));
      contents.push(await live());
    }
    await sql(app, `INSERT INTO parent VALUES (77, 'original')`);
    const original = await live();
    const [first, second, third] = contents as [Fingerprint, Fingerprint, Fingerprint];

    const restored: DatabasePlan[] = [];
    for (const [i, backup] of backups.entries()) {
      const plan = await stage(driver, `r${i}`, backup, PUBLIC);
      expect(plan.strategy).toBe(way.strategy);
      await driver.switchOver(plan, testRun());
      restored.push(plan);
      expectSame(contents[i] as Fingerprint, await live());
    }
    const [one, two, three] = restored as [DatabasePlan, DatabasePlan, DatabasePlan];
    const expectAll = async (prints: Fingerprint, positions: string[]) => {
      expectSame(prints, await live());
      const fresh = createPostgresDriver(app);
      expect(await Promise.all(restored.map((plan) => fresh.position(plan)))).toEqual(positions);
      // The contents of the slots are visible nowhere else.
      const { backup } = await take(fresh, PUBLIC);
      expect(backup.tables.filter(({ name }) => !name.startsWith('public.'))).toEqual([]);
      expect((await fresh.plan('x', backup, PUBLIC)).plan?.strategy).toBe(way.strategy);
    };
    const [before, after] = ['before switchover', 'after switchover'];
    await expectAll(third, [after, after, after]);
    // Directly back to the data from before all of them.
    await driver.switchBack(one, testRun());
    await expectAll(original, [before, after, after]);
    await driver.switchBack(two, testRun());
    await expectAll(first, [before, before, after]);
    await driver.switchOver(one, testRun());
    await expectAll(third, [after, before, after]);
    await driver.switchOver(two, testRun());
    await expectAll(original, [after, after, after]);
    await driver.switchBack(three, testRun());
    await expectAll(second, [after, after, before]);
    // The slot of one is dropped in the meantime: the others still work.
    await driver.discard(two);
    await driver.discard(two);
    await expect(driver.switchBack(two, testRun())).rejects.toMatchObject({ code: 'SWITCHOVER_FAILED' });
    expectSame(second, await live());
    expect(await driver.position(two)).toBe('unclear');
    await driver.switchOver(three, testRun());
    expectSame(original, await live());
    await driver.switchBack(one, testRun());
    expectSame(first, await live());
    await driver.discard(one);
    await driver.discard(three);
    expectSame(first, await fingerprint(app));
    expect(await leftBehind()).toEqual([]);
  });

  it('is saved as a backup that restores the same data', async () => {
    await start(way);
    await sql(app, everything(reader) + NAMING);
    const scope: DumpScope = {
      schemas: ['public'],
      excludeRowsOf: ['public.runtime'],
      fileTables: [
        { table: 'public.files', collection: 'files', key: 'id', filename: 'name', path: 'path', storageId: 'storage' },
      ],
    };
    await sql(
      app,
      `CREATE TABLE files (id serial, name text, path text, storage bigint);
      INSERT INTO files (name, path, storage) SELECT 'f' || i, NULLIF('p' || i, 'p3'), 1 FROM generate_series(1, 2500) i;
      INSERT INTO files (name, storage) VALUES (NULL, 1), ('', 1), ('x', NULL)`,
    );
    await sql(app, 'DELETE FROM runtime');
    const wanted = await live();
    const whole = await take(driver, scope);
    await sql(app, `UPDATE books SET title = 'newer'; CREATE TABLE later (id int); DELETE FROM files`);
    const newer = await take(driver, scope);
    await sql(app, 'SELECT 1');
    const back = await stage(driver, 's0', whole, scope);
    await driver.switchOver(back, testRun());
    // The backup is live; the slot of a further restore receives it.
    const plan = await stage(driver, 's1', newer, scope);
    await driver.switchOver(plan, testRun());
    const liveNow = await live();

    const facts = await driver.describe(scope, plan);
    expect(facts).toEqual({ ...(await driver.describe(scope)), dataBytes: facts.dataBytes });
    const run = testRun();
    const saving = await driver.dump(scope, run, plan);
    const chunks: Buffer[] = [];
    for await (const part of saving.parts) for await (const chunk of part.stream) chunks.push(chunk as Buffer);
    const saved: TakenDump = { backup: { ...facts, ...(await saving.result()) }, bytes: Buffer.concat(chunks) };
    const records = [];
    for await (const record of saving.fileRecords() ?? []) records.push(record);
    expect(records).toHaveLength(2500);
    expect(records.slice(1, 4)).toEqual([
      { collection: 'files', key: '2', filename: 'f2', path: 'p2', storageId: '1' },
      { collection: 'files', key: '3', filename: 'f3', path: '', storageId: '1' },
      { collection: 'files', key: '4', filename: 'f4', path: 'p4', storageId: '1' },
    ]);
    await saving.close();
    expect(saved.backup.tables).toEqual(whole.backup.tables);
    expect(Object.keys(saved.backup.schemasInDump ?? {})).toEqual(way.strategy === 'database' ? [] : ['public']);
    expectSame(liveNow, await live());

    await driver.discard(plan);
    await driver.discard(back);
    const verifying = requirePlan(await driver.plan('v1', saved.backup, scope, 'verify'));
    await driver.discard(verifying);
    const again = await stage(driver, 's2', saved, scope);
    await driver.switchOver(again, testRun());
    expectSame(wanted, await live());
    expect(await sql(app, 'SELECT books_of(2)::int AS n, with_path()::int AS all')).toEqual([{ n: 10, all: 2000 }]);
    await driver.switchBack(again, testRun());
    await driver.discard(again);
    expectSame(liveNow, await fingerprint(app));
    await expect(driver.dump(scope, run, again)).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' });
    await expect(driver.describe(scope, again)).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' });
  });
});

describe('a slot in a database that is switched over', () => {
  it('is neither lost nor dropped along, and no restore switches its database over', async () => {
    await start(WAYS[0]);
    await sql(app, 'CREATE TABLE t (v int); INSERT INTO t VALUES (1)');
    const dump = await take(driver, PUBLIC);
    await sql(app, 'UPDATE t SET v = 2');
    const outer = await stage(driver, 'o1', dump, PUBLIC);
    expect(outer.strategy).toBe('database');
    await driver.switchOver(outer, testRun());
    await db.asAdmin(`ALTER ROLE ${db.username} NOCREATEDB`);
    await sql(app, 'UPDATE t SET v = 3');
    const inner = await stage(driver, 'i1', dump, PUBLIC);
    expect(inner.strategy).toBe('schema');
    await driver.switchOver(inner, testRun());
    await db.asAdmin(`ALTER ROLE ${db.username} CREATEDB`);
    expect((await driver.plan('n1', dump.backup, PUBLIC)).plan?.strategy).toBe('schema');

    await driver.switchBack(outer, testRun());
    expect(await sql(app, 'SELECT v FROM t')).toEqual([{ v: 2 }]);
    expect(await driver.position(inner)).toBe('unclear');
    await expect(driver.discard(outer)).rejects.toMatchObject({
      message: expect.stringContaining('data of another restore') as string,
    });
    await driver.switchOver(outer, testRun());
    await driver.switchBack(inner, testRun());
    expect(await sql(app, 'SELECT v FROM t')).toEqual([{ v: 3 }]);
    await driver.switchOver(inner, testRun());
    await driver.switchBack(outer, testRun());
    await driver.discard(inner);
    await driver.discard(outer);
    expect(await sql(app, 'SELECT v FROM t')).toEqual([{ v: 2 }]);
    expect(await leftBehind()).toEqual([]);
  });
});

describe('the contents of the live database', () => {
  it('file records of live data, and of the dump’s own snapshot', async () => {
    await start(WAYS[1]);
    await sql(app, `CREATE TABLE f (id serial, name text, st int); INSERT INTO f (name, st) VALUES ('a', 1), ('b', 2)`);
    const table = { table: 'public.f', collection: 'f', key: 'id', filename: 'name', path: null, storageId: 'st' };
    const scope = {
      ...PUBLIC,
      fileTables: [table, { ...table, table: 'public.missing' }, { ...table, storageId: 'gone' }],
    };
    const dump = await driver.dump(scope, testRun());
    await sql(app, `DELETE FROM f WHERE name = 'a'; INSERT INTO f (name, st) VALUES ('c', 1)`);
    for await (const part of dump.parts) for await (const _chunk of part.stream);
    const names = async (records: AsyncIterable<{ filename: string }> | undefined) => {
      const found: string[] = [];
      for await (const { filename } of records ?? []) found.push(filename);
      return found;
    };
    expect(await names(dump.fileRecords())).toEqual(['a', 'b']);
    expect(await names(dump.fileRecords())).toEqual(['a', 'b']);
    await dump.close();
    expect(await names(driver.fileRecords(scope))).toEqual(['b', 'c']);
    expect(
      await driver.inactiveBytes(requirePlan(await driver.plan('b1', (await take(driver, PUBLIC)).backup, PUBLIC))),
    ).toBeNull();
  });

  it('row counts within a limit, and null beyond it', async () => {
    await start(WAYS[1]);
    await sql(
      app,
      `CREATE TABLE a (v int); INSERT INTO a SELECT generate_series(1, 1000); CREATE TABLE b () INHERITS (a); INSERT INTO b VALUES (1);
      CREATE TABLE locked (v int); CREATE SCHEMA other; CREATE TABLE other."x.y" (v int)`,
    );
    const count = (tables: string[], limit: number) => driver.countRows(tables, limit);
    expect(await count(['public.a', 'public.b', 'public.no', 'other.x.y'], 60_000)).toEqual(
      new Map([
        ['public.a', 1000],
        ['public.b', 1],
        ['public.no', null],
        ['other.x.y', 0],
      ]),
    );
    const holder = await session(app);
    await holder.query('BEGIN; LOCK TABLE locked');
    // It comes back while the lock is held: nobody lets go of it before.
    const counted = await count(['public.locked', 'public.a'], 700);
    expect(counted?.get('public.locked')).toBeNull();
    await holder.end();
    await expect(createPostgresDriver({ ...app, port: 1 }).countRows(['public.a'], 500)).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
    });
  });
});
