import pg from 'pg';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { DatabaseConnection, DatabasePlan, DumpScope } from '../../src/engine/databases/driver';
import { createPostgresDriver } from '../../src/engine/databases/postgres';
import { expectSame, fingerprint } from '../support/compare';
import { strideOf } from '../support/extent';
import { connectionTo, databaseFor, sql, stage, take, testRun, WAYS } from '../support/postgres-driver';
import type { FreshDatabase } from '../support/servers';

const PUBLIC: DumpScope = { schemas: ['public'], excludeRowsOf: [], fileTables: [] };

/** Small, but with one object of each kind that a switchover treats differently. */
const TABLES = `
  CREATE TYPE mood AS ENUM ('low', 'high');
  CREATE TABLE parent (id serial PRIMARY KEY, feels mood);
  CREATE TABLE child (id int REFERENCES parent, note text);
  CREATE VIEW happy AS SELECT * FROM parent WHERE feels = 'high';
  CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1';
  INSERT INTO parent (feels) VALUES ('low'), ('high'); INSERT INTO child VALUES (1, 'one'), (2, 'two');`;
/** Every row of every table, by hash. */
const ROWS = `SELECT md5(string_agg(v, '|' ORDER BY v)) AS hash FROM (
  SELECT 'p' || p::text AS v FROM public.parent p UNION ALL SELECT 'c' || c::text FROM public.child c) rows`;

/** Of the statements of an exchange. */
const { first, step } = strideOf(3);

const cutConnection = () => Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });

/** before: the statement never reaches the server. after: the server has executed it, and its response is lost. */
type Moment = 'before' | 'after';

/**
 * Cuts the connection at the k-th statement that the work sends, on any of its connections.
 * @returns how many statements there were, and whether the cut happened
 */
async function cutAt(k: number, moment: Moment, work: () => Promise<void>): Promise<{ sent: number; error: unknown }> {
  let sent = 0;
  const query = pg.Client.prototype.query as (this: pg.Client, ...args: unknown[]) => Promise<unknown>;
  const destroy = (client: pg.Client) =>
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: pg.Client, ...args: unknown[]) {
    sent += 1;
    if (sent !== k) return query.apply(this, args) as never;
    const cut = async () => {
      if (moment === 'after') await query.apply(this, args);
      destroy(this);
      throw cutConnection();
    };
    return cut() as never;
  });
  try {
    const error = await work().then(
      () => null,
      (reason: unknown) => reason,
    );
    return { sent, error };
  } finally {
    vi.restoreAllMocks();
  }
}

let db: FreshDatabase;
let app: DatabaseConnection;
afterEach(async () => {
  vi.restoreAllMocks();
  await db.drop();
});

describe.each(WAYS)('a connection cut at every statement, by $strategy', (way) => {
  it.each<Moment>(['before', 'after'])('%s its execution leaves one side or the other', async (moment) => {
    db = await databaseFor(way);
    app = connectionTo(db);
    await sql(app, TABLES);
    const dump = await take(createPostgresDriver(app), PUBLIC);
    const old = await fingerprint(app);
    const rowsOf = async () => (await sql(app, ROWS))[0]?.hash;
    const backup = await rowsOf();
    await sql(app, `UPDATE child SET note = 'changed'; INSERT INTO parent (feels) VALUES (NULL)`);
    const changed = await fingerprint(app);
    const live = await rowsOf();
    let number = 0;
    let driver = createPostgresDriver(app);
    const fresh = async () => {
      await driver.close();
      driver = createPostgresDriver(app);
    };
    const restage = (): Promise<DatabasePlan> => {
      number += 1;
      return stage(driver, `k${number}`, dump, PUBLIC);
    };
    let plan = await restage();
    /** The position that a later process finds; verifies that the rows agree with it. */
    const side = async () => {
      const position = await createPostgresDriver(app).position(plan);
      expect(['before switchover', 'after switchover']).toContain(position);
      expect(await rowsOf()).toBe(position === 'after switchover' ? backup : live);
      return position;
    };
    const cuts = { switchOver: 0, switchBack: 0 };
    const acts = { switchOver: 'after switchover', switchBack: 'before switchover' } as const;
    for (const act of ['switchOver', 'switchBack'] as const) {
      for (let k = 1 + first; ; k += step) {
        const { sent, error } = await cutAt(k, moment, () =>
          act === 'switchBack' ? driver.switchBack(plan, testRun()) : driver.switchOver(plan, testRun()),
        );
        const position = await side();
        if (error)
          expect(error).toMatchObject({
            code: expect.stringMatching(/SWITCHOVER_FAILED|DATABASE_UNREACHABLE/) as string,
          });
        else expect(position).toBe(acts[act]);
        if (sent < k) break;
        cuts[act] = k;
        // From here on as after a crash: another process moves to the side at which the next cut begins.
        await fresh();
        if (act === 'switchBack') {
          if (position === 'before switchover') await driver.switchOver(plan, testRun());
        } else if (position === 'after switchover') await driver.switchBack(plan, testRun());
        if (act === 'switchOver' && way.strategy !== 'database') {
          await driver.discard(plan);
          plan = await restage();
        }
      }
    }
    expect(Math.min(...Object.values(cuts))).toBeGreaterThan(step);
    await fresh();
    await driver.discard(plan);
    expectSame(changed, await fingerprint(app));
    plan = await restage();
    await driver.switchOver(plan, testRun());
    await driver.discard(plan);
    expectSame(old, await fingerprint(app));
    expect(await db.asAdmin(`SELECT datname FROM pg_database WHERE datname LIKE '${db.database}\\_%'`)).toEqual([]);
    expect(await db.asAdmin(`SELECT nspname FROM pg_namespace WHERE nspname LIKE '%safekeep%'`)).toEqual([]);
    expect(await db.asAdmin(`SELECT FROM pg_stat_activity WHERE application_name LIKE 'safekeep k%'`)).toEqual([]);
  });
});
