import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseConnection, DumpScope } from '../../src/engine/databases/driver';
import { createPostgresDriver } from '../../src/engine/databases/postgres';
import { expectSame, fingerprint } from '../support/compare';
import { connectionTo, databaseFor, everything, sql, stage, take, testRun } from '../support/postgres-driver';
import type { FreshDatabase } from '../support/servers';

const PUBLIC: DumpScope = { schemas: ['public'], excludeRowsOf: ['public.runtime'], fileTables: [] };

const changeEverything = (schema = 'public') => `
  SET search_path = ${schema};
  UPDATE books SET title = 'changed'; DELETE FROM child; DROP VIEW cheap; CREATE TABLE later (id int);
  ALTER TABLE parent ADD COLUMN more int; INSERT INTO later VALUES (1); RESET search_path;`;

interface Situation {
  name: string;
  strategy: 'database' | 'schema' | 'objects';
  mayCreateDatabases: boolean;
  asSuperuser?: boolean;
  hstoreBy?: 'admin' | 'app';
}

const SITUATIONS: Situation[] = [
  { name: 'an owner who can create databases', strategy: 'database', mayCreateDatabases: true, hstoreBy: 'app' },
  { name: 'a superuser', strategy: 'database', mayCreateDatabases: true, asSuperuser: true, hstoreBy: 'admin' },
  { name: 'a plain owner', strategy: 'schema', mayCreateDatabases: false },
  { name: 'a plain owner in another’s schema', strategy: 'objects', mayCreateDatabases: false, hstoreBy: 'admin' },
];

describe.each(SITUATIONS)('$name', (situation) => {
  let db: FreshDatabase;
  let connection: DatabaseConnection;
  let reader: string;

  beforeAll(async () => {
    db = await databaseFor(situation);
    reader = `${db.database}_reader`;
    await db.asAdmin(`CREATE ROLE ${reader}`);
    if (situation.asSuperuser) await db.asAdmin(`ALTER ROLE ${db.username} SUPERUSER`);
    connection = connectionTo(db);
    await sql(connection, everything(reader));
    if (situation.hstoreBy) {
      const create = 'CREATE EXTENSION hstore';
      await (situation.hstoreBy === 'admin' ? db.asAdmin(create) : sql(connection, create));
      await sql(connection, `CREATE TABLE bag (h hstore); INSERT INTO bag VALUES ('a=>1, "b c"=>NULL')`);
    }
    await db.asAdmin(`ALTER DATABASE ${db.database} SET work_mem = '5MB'; COMMENT ON DATABASE ${db.database} IS 'mine';
      GRANT TEMPORARY ON DATABASE ${db.database} TO ${reader}; ALTER DATABASE ${db.database} CONNECTION LIMIT 50;
      ALTER DATABASE ${db.database} SET search_path = "$user", public, "odd name";
      ALTER ROLE ${db.username} IN DATABASE ${db.database} SET statement_timeout = '1h'`);
  });
  afterAll(async () => {
    await db.asAdmin(`DROP OWNED BY ${reader}`);
    await db.drop();
    await db.asAdmin(`DROP OWNED BY ${reader}; DROP ROLE ${reader}`, 'postgres');
  });

  it('is restored row by row and object by object, and can be undone, redone and cleaned up', async () => {
    const driver = createPostgresDriver(connection);
    const run = testRun();
    const ignoring = { ignoreRowsOf: ['runtime'] };
    const before = await fingerprint(connection, ignoring);
    const dump = await take(driver, PUBLIC);
    await sql(connection, changeEverything());
    const changed = await fingerprint(connection);

    const planning = await driver.plan('r1', dump.backup, PUBLIC);
    expect(planning.blockers).toEqual([]);
    expect(planning.warnings).toEqual([]);
    expect(planning.plan?.strategy).toBe(situation.strategy);
    const plan = await stage(driver, 'r1', dump, PUBLIC, run);
    expect(run.lines.filter(({ level }) => level !== 'info')).toEqual([]);
    expect(await driver.position(plan)).toBe('before switchover');
    expectSame(changed, await fingerprint(connection));

    await driver.switchOver(plan, run);
    expect(await driver.position(plan)).toBe('after switchover');
    expect(await createPostgresDriver(connection).position(plan)).toBe('after switchover');
    expect(await sql(connection, 'SELECT count(*)::int AS n FROM books')).toEqual([{ n: 2000 }]);

    await driver.switchBack(plan, run);
    expect(await driver.position(plan)).toBe('before switchover');
    await driver.switchOver(plan, run);
    expect(await driver.position(plan)).toBe('after switchover');
    await driver.switchBack(plan, run);
    await driver.discard(plan);
    await driver.discard(plan);
    expectSame(changed, await fingerprint(connection));

    const again = await stage(driver, 'r2', dump, PUBLIC, run);
    await driver.switchOver(again, run);
    await driver.discard(again);
    expectSame(before, await fingerprint(connection, ignoring));
    expect(await sql(connection, 'SELECT * FROM runtime')).toEqual([]);
    await driver.close();
  });
});
