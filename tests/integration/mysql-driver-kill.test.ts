import { expect, describe, it } from 'vitest';
import type { DatabaseConnection, DatabasePlan } from '../../src/engine/databases/driver';
import { createMysqlDriver } from '../../src/engine/databases/mysql';
import { MysqlSession, type MysqlRow } from '../../src/engine/databases/mysql/connection';
import { expectSame, fingerprint } from '../support/compare';
import { sampleOf, strideOf } from '../support/extent';
import {
  connectionTo,
  databasesOf,
  dumpAll,
  exec,
  fresh,
  oursIn,
  pictureOf,
  pieces,
  planned,
  runOf,
  staged,
} from '../support/mysql-driver';

/** Simulates the death of the process instead of the k-th statement that changes anything, or right after it. */
interface Death {
  statement: number;
  when: 'before' | 'after';
}

/** Of the statements of whatever is killed. */
const { first, step } = strideOf(3);

const CHANGES = /^\s*(?:CREATE|DROP|RENAME|INSERT|UPDATE|DELETE|COMMIT|START|LOCK|UNLOCK)/;

/** Works with a driver whose connections are cut at that statement. @returns whether it ended before that */
async function dies(
  to: DatabaseConnection,
  { statement, when }: Death,
  work: (driver: ReturnType<typeof createMysqlDriver>) => Promise<unknown>,
) {
  const { rows, close } = MysqlSession.prototype;
  const killed = new Error('killed');
  const cut = (session: MysqlSession) => (session as unknown as { core: { destroy(): void } }).core.destroy();
  let left = statement;
  let isDead = false;
  MysqlSession.prototype.rows = async function (
    this: MysqlSession,
    ...args: Parameters<typeof rows>
  ): Promise<MysqlRow[]> {
    const isNow = !isDead && CHANGES.test(args[0]) && (left -= 1) < 0;
    if (isDead || (isNow && when === 'before')) {
      isDead = true;
      cut(this);
      throw killed;
    }
    const found = await rows.apply(this, args);
    if (!isNow) return found;
    isDead = true;
    cut(this);
    throw killed;
  };
  MysqlSession.prototype.close = async function (this: MysqlSession) {
    if (isDead) cut(this);
    else await close.call(this);
  };
  try {
    await work(createMysqlDriver(to)).catch((error: unknown) => {
      if (!isDead) throw error;
    });
    return !isDead;
  } finally {
    MysqlSession.prototype.rows = rows;
    MysqlSession.prototype.close = close;
  }
}

const LIVE = [
  'CREATE TABLE parent (id int PRIMARY KEY, child_id int)',
  'CREATE TABLE child (id int PRIMARY KEY, parent_id int, FOREIGN KEY (parent_id) REFERENCES parent (id))',
  'ALTER TABLE parent ADD FOREIGN KEY (child_id) REFERENCES child (id)',
  'INSERT INTO parent VALUES (1, NULL)',
  'INSERT INTO child VALUES (1, 1)',
  'CREATE TABLE log (what int)',
  'CREATE TRIGGER track AFTER INSERT ON child FOR EACH ROW INSERT INTO log VALUES (NEW.id)',
  'CREATE VIEW seen AS SELECT what FROM log',
  'CREATE FUNCTION one() RETURNS int RETURN 1',
];
const CHANGE = [
  'INSERT INTO child VALUES (2, 1)',
  'DROP VIEW seen',
  'DROP TRIGGER track',
  'CREATE TRIGGER track BEFORE INSERT ON parent FOR EACH ROW SET @x = 1',
  'CREATE TABLE newer (id int PRIMARY KEY)',
  'DROP FUNCTION one',
  'CREATE FUNCTION one() RETURNS int RETURN 2',
];

describe.each(['tables', 'names'] as const)('killed with the strategy %s', (strategy) => {
  const scene = async () => {
    const database = await fresh(strategy === 'tables');
    const to = connectionTo(database);
    await exec(to, ...LIVE);
    const old = await fingerprint(to);
    const dumped = await dumpAll(to);
    await exec(to, ...CHANGE);
    const changed = await fingerprint(to);
    const { driver, plan } = await staged(to, dumped);
    expect(plan.strategy).toBe(strategy);
    return { database, to, driver, plan, dumped, before: changed, after: old };
  };

  it.each(['switchOver', 'switchBack'] as const)(
    'before or after any statement of %s, is completed or rolled back',
    async (direction) => {
      const { to, driver, plan, before, after } = await scene();
      const positions = new Set<string>();
      const sides = { switchOver: after, switchBack: before };
      const opposite = { switchOver: 'switchBack', switchBack: 'switchOver' } as const;
      const settled = async (way: 'switchOver' | 'switchBack') => {
        await driver[way](plan, runOf());
        expect(await driver.position(plan)).toBe(way === 'switchOver' ? 'after switchover' : 'before switchover');
        expectSame(sides[way], await pictureOf(to));
      };
      if (direction === 'switchBack') await settled('switchOver');
      const { count, exchange } = await statementsOf(to, plan, direction);
      expect(count).toBeGreaterThan(10);
      const all = Array.from(Array(count).keys());
      for (const when of ['before', 'after'] as const) {
        // Right after the tables are exchanged neither side is whole.
        for (const statement of new Set([...sampleOf(all, 6), exchange])) {
          expect(await dies(to, { statement, when }, (dying) => dying[direction](plan, runOf()))).toBe(false);
          const position = await driver.position(plan);
          positions.add(position);
          if (position === 'unclear') await expect(driver.discard(plan)).rejects.toMatchObject({ code: 'INTERNAL' });
          // Completed in turns; the opposite move then begins from a complete side.
          if ((statement % 2 === 0) === (when === 'before')) await settled(direction);
          await settled(opposite[direction]);
        }
        // Their number does not depend on the kind of kill.
        const isWhole = await dies(to, { statement: count, when }, (dying) => dying[direction](plan, runOf()));
        expect(isWhole).toBe(true);
        await settled(opposite[direction]);
      }
      await settled(direction);
      expect([...positions].sort()).toEqual(['after switchover', 'before switchover', 'unclear']);
    },
  );

  it('while completing or rolling back a killed switchover, the third process still succeeds', async () => {
    const { to, driver, plan, before, after } = await scene();
    for (let statement = first; ; statement += step) {
      // Right after the tables have moved: most of the work remains then.
      const { exchange } = await statementsOf(to, plan, 'switchOver');
      await dies(to, { statement: exchange, when: 'after' }, (dying) => dying.switchOver(plan, runOf()));
      expect(await driver.position(plan)).toBe('unclear');
      const way = statement % 2 ? 'switchOver' : 'switchBack';
      const completed = await dies(to, { statement, when: 'before' }, (dying) => dying[way](plan, runOf()));
      await driver.switchBack(plan, runOf());
      expectSame(before, await pictureOf(to));
      if (completed) break;
    }
    await driver.switchOver(plan, runOf());
    expectSame(after, await pictureOf(to));
  });

  it('at any statement of a discard, the next one leaves nothing behind', async () => {
    const { database, to, driver, plan, dumped, after } = await scene();
    await driver.switchOver(plan, runOf());
    for (let statement = first, again = plan; ; statement += step) {
      const completed = await dies(to, { statement, when: 'after' }, (dying) => dying.discard(again));
      // The live side is always certain: making it live does nothing, making the other side live is refused.
      await driver
        .switchOver(again, runOf())
        .catch((error: { code: string }) => expect(error.code).toBe('SWITCHOVER_FAILED'));
      expectSame(after, await pictureOf(to));
      await driver.discard(again);
      expect(await oursIn(database)).toEqual([]);
      expect(await databasesOf(database)).toEqual([database.database]);
      expect(await driver.position(again)).toBe('unclear');
      expectSame(after, await pictureOf(to));
      if (completed) break;
      ({ plan: again } = await staged(to, dumped, `n${statement}`));
      await driver.switchOver(again, runOf());
    }
  });

  it('at any statement of its staging, a discard leaves nothing behind', async () => {
    const { database, to, driver, plan, dumped, before } = await scene();
    await driver.discard(plan);
    for (let statement = first; ; statement += step) {
      const id = `s${statement}`;
      const next = await planned(to, dumped, id);
      const completed = await dies(to, { statement, when: 'after' }, (dying) =>
        dying.stage(next, dumped.backup, async (name) => pieces(dumped.parts.get(name)), runOf()),
      );
      await driver.discard(next);
      expect(await oursIn(database)).toEqual([]);
      expect(await databasesOf(database)).toEqual([database.database]);
      if (completed) break;
    }
    expectSame(before, await fingerprint(to));
  });
});

/** How many statements the switchover or the rollback sends, and the number of the one that moves the tables. */
async function statementsOf(to: DatabaseConnection, plan: DatabasePlan, direction: 'switchOver' | 'switchBack') {
  const seen: string[] = [];
  const { rows } = MysqlSession.prototype;
  MysqlSession.prototype.rows = async function (this: MysqlSession, ...args: Parameters<typeof rows>) {
    if (CHANGES.test(args[0])) seen.push(args[0]);
    return rows.apply(this, args);
  };
  try {
    const driver = createMysqlDriver(to);
    await driver[direction](plan, runOf());
    const [count, exchange] = [seen.length, seen.findIndex((sql) => sql.startsWith('RENAME'))];
    await driver[direction === 'switchOver' ? 'switchBack' : 'switchOver'](plan, runOf());
    return { count, exchange };
  } finally {
    MysqlSession.prototype.rows = rows;
  }
}
