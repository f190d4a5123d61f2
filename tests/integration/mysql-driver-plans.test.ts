/** Previous data of several restores at the same time: each can be switched with the live data, saved as a backup, and dropped. */
import { describe, expect, it } from 'vitest';
import type { DatabaseConnection, DatabasePlan } from '../../src/engine/databases/driver';
import { createMysqlDriver } from '../../src/engine/databases/mysql';
import { readStoredObjects } from '../../src/engine/databases/mysql/stored-objects-file';
import { expectSame, type Fingerprint } from '../support/compare';
import {
  ALL,
  anyKeyNames,
  connectionTo,
  databasesOf,
  dumpAll,
  type Dumped,
  exec,
  fresh,
  oursIn,
  pictureOf,
  rowsOf,
  runOf,
  staged,
  statementsOf,
} from '../support/mysql-driver';

/** Differences between the states: the same names for other things, keys of every kind, tables that one has and another lacks. */
const FIRST = [
  "CREATE TABLE people (id int PRIMARY KEY, name varchar(20) DEFAULT 'x')",
  'INSERT INTO people (id) VALUES (1), (2)',
  'CREATE TABLE tree (id int PRIMARY KEY, up int, CONSTRAINT tree_up FOREIGN KEY (up) REFERENCES tree (id) ON DELETE CASCADE)',
  'CREATE TABLE egg (id int PRIMARY KEY, hen int)',
  'CREATE TABLE hen (id int PRIMARY KEY, egg int, tree int, FOREIGN KEY (egg) REFERENCES egg (id), FOREIGN KEY (tree) REFERENCES tree (id))',
  'ALTER TABLE egg ADD FOREIGN KEY (hen) REFERENCES hen (id) ON DELETE SET NULL',
  'CREATE TABLE log (what int, f float, PRIMARY KEY (what))',
  'CREATE TRIGGER watch AFTER INSERT ON hen FOR EACH ROW INSERT INTO log VALUES (NEW.id, 16777216)',
  'CREATE FUNCTION one() RETURNS int RETURN 1',
  'CREATE VIEW seen AS SELECT what FROM log',
  'CREATE SEQUENCE numbers START WITH 40',
  'CREATE TABLE numbered (id int PRIMARY KEY DEFAULT NEXTVAL(numbers))',
  'INSERT INTO tree VALUES (1, NULL), (2, 1)',
  'INSERT INTO egg VALUES (1, NULL)',
  'INSERT INTO hen VALUES (1, 1, 2)',
  'UPDATE egg SET hen = 1',
];
const SECOND = [
  'DROP VIEW seen',
  'CREATE VIEW seen AS SELECT id FROM tree',
  'DROP TRIGGER watch',
  'CREATE TRIGGER watch BEFORE INSERT ON egg FOR EACH ROW SET @x = 2',
  'CREATE TABLE second_only (id int, tree int, FOREIGN KEY (tree) REFERENCES tree (id))',
  'INSERT INTO tree VALUES (3, 2)',
  'INSERT INTO second_only VALUES (1, 3)',
];
const THIRD = [
  'DROP FUNCTION one',
  'CREATE FUNCTION one() RETURNS int RETURN 3',
  'DROP TABLE second_only, people',
  'CREATE TABLE third_only (id int PRIMARY KEY)',
  'INSERT INTO third_only VALUES (3)',
  'SELECT NEXTVAL(numbers)',
  'DROP TRIGGER watch',
  'ALTER TABLE hen ADD COLUMN more varchar(10) DEFAULT "x"',
];

type Move = 'switchOver' | 'switchBack';

describe.each(['tables', 'names'] as const)('with the strategy %s', (strategy) => {
  /** Three states, two of them as dumps, the third live. `more` is in all of them. */
  const scene = async (more: string[] = []) => {
    const database = await fresh(strategy === 'tables');
    const to = connectionTo(database);
    const pictures: Record<string, Fingerprint> = {};
    const look = async (name: string) => (pictures[name] = anyKeyNames(await pictureOf(to)));
    await exec(to, ...FIRST, ...more);
    await look('first');
    const first = await dumpAll(to);
    await exec(to, ...SECOND);
    await look('second');
    const second = await dumpAll(to);
    await exec(to, ...THIRD);
    await look('third');
    const driver = createMysqlDriver(to);
    const expectLive = async (name: string) => {
      expectSame(pictures[name] as Fingerprint, anyKeyNames(await pictureOf(to)));
      await worksIn(to);
    };
    const restore = async (dumped: Dumped, id: string) => {
      const { plan } = await staged(to, dumped, id);
      expect(plan.strategy).toBe(strategy);
      await driver.switchOver(plan, runOf());
      return plan;
    };
    const turn = async (move: Move, plan: DatabasePlan, name: string) => {
      await driver[move](plan, runOf());
      expect(await driver.position(plan)).toBe(move === 'switchOver' ? 'after switchover' : 'before switchover');
      await expectLive(name);
    };
    return { database, to, driver, pictures, first, second, look, expectLive, restore, turn };
  };

  it('two restores are undone and redone in any order, directly to any state', async () => {
    const { database, to, driver, first, second, expectLive, restore, turn } = await scene();
    const one = await restore(first, 'r1');
    await expectLive('first');
    const two = await restore(second, 'r2');
    await expectLive('second');
    expect(await driver.position(one)).toBe('after switchover');

    await turn('switchBack', one, 'third');
    await turn('switchBack', two, 'first');
    await turn('switchOver', one, 'second');
    await turn('switchOver', two, 'third');
    await turn('switchBack', two, 'second');
    await turn('switchBack', one, 'first');
    await turn('switchBack', one, 'first');

    // Inactive data is neither in a backup nor an obstacle to a restore.
    const between = await dumpAll(to);
    expect(between.backup.tables).toEqual(first.backup.tables);
    expect([...between.parts.values()].some((part) => part.includes('__safekeep_r'))).toBe(false);
    const three = await restore(second, 'r3');
    await expectLive('second');
    await turn('switchBack', one, 'second');
    await turn('switchBack', three, 'first');
    await driver.discard(two);
    await expectLive('first');
    await turn('switchOver', one, 'second');
    await turn('switchOver', three, 'second');
    await driver.discard(one);
    await expectLive('second');
    await turn('switchBack', three, 'second');
    await driver.discard(three);
    await expectLive('second');
    expect(await oursIn(database)).toEqual([]);
    expect(await databasesOf(database)).toEqual([database.database]);
  });

  it('changes made while a state is live stay with it', async () => {
    const { to, driver, first, second, look, restore, turn } = await scene();
    const one = await restore(first, 'r1');
    await exec(to, 'INSERT INTO tree VALUES (7, 1)', 'CREATE TABLE later (id int, tree int, FOREIGN KEY (tree) REFERENCES tree (id))', 'DROP VIEW seen', 'CREATE PROCEDURE p() SELECT 1'); // prettier-ignore
    await look('changed first');
    const two = await restore(second, 'r2');
    await turn('switchBack', one, 'third');
    await exec(to, 'DROP TABLE third_only', 'CREATE TRIGGER watch BEFORE INSERT ON log FOR EACH ROW SET @x = 9', 'DELETE FROM numbered'); // prettier-ignore
    await look('changed third');
    await turn('switchBack', two, 'changed first');
    await turn('switchOver', two, 'changed third');
    await driver.discard(one);
    await turn('switchBack', two, 'changed first');
    await driver.discard(two);
  });

  it('any sequence of moves preserves each state', async () => {
    const { database, driver, first, second, expectLive, restore } = await scene();
    const held = new Map<DatabasePlan, string>();
    let live = 'third';
    const perform = async (plan: DatabasePlan, move: Move) => {
      await driver[move](plan, runOf());
      const inactive = held.get(plan) ?? '';
      held.set(plan, live);
      live = inactive;
      await expectLive(live);
    };
    for (const [id, name, dumped] of [
      ['r1', 'first', first],
      ['r2', 'second', second],
      ['r3', 'first', first],
    ] as const) {
      // prettier-ignore
      held.set(await restore(dumped, id), live);
      live = name;
    }
    const random = numbers(20);
    for (let step = 0; step < 14; step += 1) {
      const plans = [...held.keys()];
      const plan = plans[Math.floor(random() * plans.length)] as DatabasePlan;
      const move = (await driver.position(plan)) === 'after switchover' ? 'switchBack' : 'switchOver';
      if (step === 9) {
        await driver.discard(plan);
        held.delete(plan);
        await expectLive(live);
      } else await perform(plan, move);
    }
    for (const plan of held.keys()) await driver.discard(plan);
    await expectLive(live);
    expect(await oursIn(database)).toEqual([]);
    expect(await databasesOf(database)).toEqual([database.database]);
  });

  it('inactive data is saved as a backup that restores exactly that state', async () => {
    // The schema of the fixtures has tables of some of the names.
    const more = statementsOf('schema.sql').filter((sql) => !/^[A-Z ]+ `(?:tree|egg|hen)`/.test(sql));
    const scenery = await scene([...more, ...statementsOf('schema-mariadb.sql').filter((sql) => !/`(?:numbers|numbered|history)`/.test(sql))]); // prettier-ignore
    const { database, to, driver, pictures, first, second, expectLive, restore, turn } = scenery;
    const one = await restore(first, 'r1');
    const two = await restore(second, 'r2');
    const run = runOf();
    const third = await dumpAll(to, ALL, run, one);
    const saved = await dumpAll(to, ALL, run, two);
    // Inactive names appear nowhere.
    const text = (dumped: Dumped, part: string) => String(dumped.parts.get(part)).replace(/^-- Host: .*$/m, '');
    for (const part of third.parts.keys()) expect(text(third, part)).not.toContain('__safekeep_');
    expect(run.messages.filter(({ text }) => text.includes('does not recognize'))).toEqual([]);
    const rows = ({ backup }: Dumped) => Object.fromEntries(backup.tables.map((table) => [table.name, table.rows]));
    const rowsIn = ({ tables }: Fingerprint) =>
      Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, table.rows]));
    expect(rows(third)).toEqual(rowsIn(pictures.third as Fingerprint));
    expect(rows(saved)).toEqual(rowsIn(pictures.first as Fingerprint));
    const { dataBytes: _, ...facts } = third.backup;
    expect(facts).toMatchObject({ dialect: 'mariadb', collation: first.backup.collation, tablePrefix: '' });
    await expectLive('second');

    await turn('switchBack', one, 'third');
    // Byte for byte the same as a backup of the live state, including names of constraints.
    const live = await dumpAll(to);
    expect(byTable(text(third, '1-tables.sql'))).toEqual(byTable(text(live, '1-tables.sql')));
    const objects = (dumped: Dumped) => readStoredObjects(String(dumped.parts.get('2-stored-objects.sql')));
    expect(objects(third)).toEqual(objects(live));
    await driver.discard(one);
    await driver.discard(two);
    await exec(to, 'DROP TABLE log', 'DELETE FROM second_only').catch(() => undefined);
    const again = await restore(saved, 'r4');
    await expectLive('first');
    await driver.discard(again);
    await restore(third, 'r5');
    await expectLive('third');
    await expect(dumpAll(to, ALL, runOf(), one)).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' });
    await expect(driver.describe(ALL, two)).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' });
    expect((await databasesOf(database)).length).toBe(strategy === 'tables' ? 3 : 1);
  });

  it('staged data can be saved too, with skipped rows, but not after tables were dropped from it', async () => {
    const { to, driver, first, pictures } = await scene();
    const { plan } = await staged(to, first);
    const scope = { ...ALL, excludeRowsOf: ['tree', 'people'] };
    const saved = await dumpAll(to, scope, runOf(), plan);
    const expected = Object.entries((pictures.first as Fingerprint).tables)
      .map(([name, { rows }]) =>
        scope.excludeRowsOf.includes(name) ? { name, rows: 0, dataExcluded: true } : { name, rows },
      ) // prettier-ignore
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(saved.backup.tables).toEqual(expected);
    const side = strategy === 'tables' ? plan.names.staged : to.database;
    const table = strategy === 'tables' ? 'log' : (await rowsOf(to, "SELECT aside FROM __safekeep_r1_places WHERE name = 'log'"))[0]?.aside; // prettier-ignore
    await exec({ ...to, database: side }, `DROP TABLE \`${table}\``);
    await expect(dumpAll(to, ALL, runOf(), plan)).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' });
    await driver.discard(plan);
  });
});

/** Foreign keys are enforced, and their names are free for others. */
async function worksIn(to: DatabaseConnection): Promise<void> {
  await expect(exec(to, 'INSERT INTO hen (id, egg, tree) VALUES (77, 99, 1)')).rejects.toThrow(/foreign key/i);
  await expect(exec(to, 'INSERT INTO tree VALUES (77, 99)')).rejects.toThrow(/foreign key/i);
}

/** The pieces of a dump in an order that does not depend on the names in the database. */
function byTable(sql: string): string[] {
  const corrections = sql.indexOf('\n-- Exact FLOAT values');
  const end = corrections < 0 ? sql.length : corrections;
  const pieces = sql
    .slice(0, end)
    .split(/(?=^--\n-- (?:Table|Sequence) structure for |^\/\*!40103 SET TIME_ZONE=@OLD)/m);
  return [
    ...pieces.sort(),
    ...sql
      .slice(end)
      .split(/(?=^UPDATE )/m)
      .sort(),
  ];
}

/** A small generator of numbers that is the same on every run (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
