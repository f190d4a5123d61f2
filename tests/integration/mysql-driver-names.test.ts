import { describe, expect, it } from 'vitest';
import { createMysqlDriver } from '../../src/engine/databases/mysql';
import { connect, expectSame, fingerprint } from '../support/compare';
import {
  ALL,
  altered,
  anyKeyNames,
  connectionTo,
  databasesOf,
  dropped,
  dumpAll,
  exec,
  fillWithEverything,
  fresh,
  oursIn,
  pictureOf,
  planned,
  rowsOf,
  runOf,
  staged,
} from '../support/mysql-driver';

/** Foreign keys of every kind, and everything else that must follow when tables are renamed. */
const HARD = (p: string) => [
  `CREATE TABLE ${p}tree (id int PRIMARY KEY, up int, CONSTRAINT ${p}tree_up FOREIGN KEY (up) REFERENCES ${p}tree (id) ON DELETE CASCADE)`,
  `CREATE TABLE ${p}egg (id int PRIMARY KEY, hen int)`,
  `CREATE TABLE ${p}hen (id int PRIMARY KEY, egg int, tree int, FOREIGN KEY (egg) REFERENCES ${p}egg (id), FOREIGN KEY (tree) REFERENCES ${p}tree (id) ON UPDATE CASCADE)`,
  `ALTER TABLE ${p}egg ADD FOREIGN KEY (hen) REFERENCES ${p}hen (id) ON DELETE SET NULL`,
  `CREATE TABLE ${p}sums (a int CHECK (a > 0), b int AS (a + 1) STORED, c int AS (a * 2) VIRTUAL, UNIQUE KEY (b), CONSTRAINT small CHECK (a < 1000), KEY \`CONSTRAINT\` (c))`,
  `CREATE TABLE ${p}text (t varchar(99) DEFAULT 'a\\nINSERT INTO \`x\` VALUES (1);' COMMENT 'CONSTRAINT \`x\` FOREIGN KEY (\`a\`) REFERENCES \`${p}egg\` (\`id\`)')`,
  `CREATE SEQUENCE ${p}numbers START WITH 40`,
  `CREATE TABLE ${p}numbered (id int PRIMARY KEY DEFAULT NEXTVAL(${p}numbers), f float)`,
  `INSERT INTO ${p}tree VALUES (1, NULL), (2, 1), (3, 2)`,
  `INSERT INTO ${p}egg VALUES (1, NULL)`,
  `INSERT INTO ${p}hen VALUES (1, 1, 3)`,
  `UPDATE ${p}egg SET hen = 1`,
  `INSERT INTO ${p}sums (a) VALUES (1), (5)`,
  `INSERT INTO ${p}text VALUES ('\\nDROP TABLE \`${p}egg\`;\\n'), ('INSERT INTO \`${p}hen\` VALUES (9,9,9);\\n--'), (DEFAULT)`,
  `INSERT INTO ${p}numbered (f) VALUES (16777216), (0.1)`,
  `CREATE TRIGGER ${p}hen_trigger AFTER INSERT ON ${p}hen FOR EACH ROW INSERT INTO ${p}sums (a) VALUES (NEW.id + 100)`,
];

describe('a user with privileges on the app’s own database only', () => {
  it('can restore, undo and redo everything within it', async () => {
    const database = await fresh(false);
    const to = connectionTo(database);
    await fillWithEverything(to);
    await exec(to, ...HARD(''));
    // Of a definer with other sessions and privileges.
    await database.asAdmin('CREATE VIEW admins_view AS SELECT id, up FROM tree');
    await database.asAdmin('CREATE SQL SECURITY INVOKER VIEW admins_second AS SELECT COUNT(*) AS n FROM admins_view');
    const before = await fingerprint(to);
    const dumped = await dumpAll(to);
    await exec(
      to,
      'DROP TRIGGER `zoo Trigger`',
      'DROP TRIGGER hen_trigger',
      'CREATE TRIGGER hen_trigger BEFORE INSERT ON egg FOR EACH ROW SET @other = 1',
      'DROP VIEW zoo_checked',
      'CREATE VIEW zoo_checked AS SELECT 1 AS other',
      'DROP PROCEDURE `zoo Clear`',
      'DROP EVENT zoo_event_later',
      'DELETE FROM zoo_parts',
      'DROP TABLE text',
      'CREATE TABLE newer (id int PRIMARY KEY)',
      'CREATE FUNCTION newer_function() RETURNS int RETURN 7',
      'INSERT INTO hen VALUES (2, 1, 3)',
      'SELECT NEXTVAL(numbers)',
      "ALTER TABLE people ADD COLUMN more varchar(10) DEFAULT 'x'",
    );
    const changed = await fingerprint(to);

    const driver = createMysqlDriver(to);
    const planning = await driver.plan('r1', dumped.backup, ALL);
    expect(planning).toMatchObject({ blockers: [], plan: { strategy: 'names' } });
    expect(planning.summary.params).toMatchObject({ prefix: '__safekeep_' });
    expectSame(changed, await fingerprint(to));
    const run = runOf();
    const { plan } = await staged(to, dumped, 'r1', run);
    expect(await driver.position(plan)).toBe('before switchover');
    expectSame(changed, await pictureOf(to));
    const renamed = run.messages.find(({ params }) => params?.constraints)?.params?.constraints;
    expect(renamed).toBe('tree.tree_up, zoo_left.zoo_cycle, zoo_right.zoo_back');

    await driver.switchOver(plan, run);
    expect(await driver.position(plan)).toBe('after switchover');
    expectSame(anyKeyNames(before), anyKeyNames(await pictureOf(to)));
    // Constraints named after the table by the server have their names again.
    const keys = await rowsOf(
      to,
      "SELECT CONSTRAINT_NAME AS n FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME IN ('hen', 'egg', 'tree') ORDER BY 1",
    );
    expect(keys.map(({ n }) => n)).toEqual(['egg_ibfk_1', 'hen_ibfk_1', 'hen_ibfk_2', 'tree_ibfk_1']);
    await expect(exec(to, 'INSERT INTO hen VALUES (7, 77, 1)')).rejects.toThrow(/foreign key/i);
    await expect(exec(to, 'DELETE FROM egg')).rejects.toThrow(/foreign key/i);

    // A backup of the live data contains no inactive data.
    const between = await dumpAll(to);
    expect(between.backup.tables).toEqual(dumped.backup.tables);
    expect([...between.parts.values()].some((part) => part.includes('__safekeep_r1_'))).toBe(false);
    expect((await driver.plan('r2', between.backup, ALL)).blockers).toEqual([]);

    await driver.switchBack(plan, run);
    expect(await driver.position(plan)).toBe('before switchover');
    expectSame(changed, await pictureOf(to));
    await driver.switchOver(plan, run);
    await driver.switchOver(plan, run);
    expectSame(anyKeyNames(before), anyKeyNames(await pictureOf(to)));
    await driver.discard(plan);
    await driver.discard(plan);
    expectSame(anyKeyNames(before), anyKeyNames(await pictureOf(to)));
    expect(await driver.position(plan)).toBe('unclear');
    expect(await oursIn(database)).toEqual([]);
    expect(await databasesOf(database)).toEqual([database.database]);
  });
});

it('leaves other tables alone, and mistakes none of Safekeep’s own for them', async () => {
  const database = await fresh(false);
  const to = connectionTo(database, { tablePrefix: 'p_' });
  await exec(to, ...HARD('p_'), ...HARD('other_'));
  const before = await fingerprint(to);
  const dumped = await dumpAll(to);
  expect(dumped.backup.tables.every(({ name }) => name.startsWith('p_'))).toBe(true);
  await exec(to, 'DELETE FROM p_hen WHERE id = 0', 'INSERT INTO p_hen VALUES (5, 1, 1)', 'DROP TABLE p_text');
  const changed = await fingerprint(to);
  const { driver, plan } = await staged(to, dumped);
  expect(plan.strategy).toBe('names');
  await driver.switchOver(plan, runOf());
  expectSame(anyKeyNames(before), anyKeyNames(await pictureOf(to)));
  expect((await driver.plan('r2', dumped.backup, ALL)).blockers).toEqual([]);
  const again = await dumpAll(to);
  expect(again.backup.tables).toEqual(dumped.backup.tables);
  expect([...again.parts.values()].some((part) => part.includes('__safekeep_r1_'))).toBe(false);
  await driver.switchBack(plan, runOf());
  expectSame(changed, await pictureOf(to));
  await driver.discard(plan);
  expectSame(changed, await fingerprint(to));

  await exec(to, 'CREATE TABLE other_child (id int REFERENCES p_tree (id))');
  expect((await driver.plan('r2', dumped.backup, ALL)).plan).toBeNull();
  // A verification has no switchover.
  expect((await driver.plan('r2', dumped.backup, ALL, 'verify')).plan).toMatchObject({ strategy: 'names' });
});

describe('failures', () => {
  const scene = async () => {
    const database = await fresh(false);
    const to = connectionTo(database);
    await exec(
      to,
      'CREATE TABLE t (id int PRIMARY KEY)',
      'INSERT INTO t VALUES (1)',
      'CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t (id))',
      'CREATE TRIGGER watch BEFORE INSERT ON t FOR EACH ROW SET @x = 1',
      'CREATE VIEW seen AS SELECT id FROM t',
      'CREATE FUNCTION one() RETURNS int RETURN 1',
    );
    const dumped = await dumpAll(to);
    await exec(to, 'INSERT INTO t VALUES (2)', 'DROP VIEW seen', 'CREATE VIEW later AS SELECT 1 AS one');
    return { database, to, dumped, changed: await fingerprint(to), driver: createMysqlDriver(to) };
  };

  it('a view that cannot be created makes the switchover roll back', async () => {
    const { to, dumped, changed, driver } = await scene();
    const broken = altered(dumped, '2-stored-objects.sql', (sql) =>
      sql.replace(/`t`\.`id` AS `id`/, '`t`.`nosuch` AS `id`'),
    );
    const { plan } = await staged(to, broken);
    await expect(driver.switchOver(plan, runOf())).rejects.toMatchObject({
      code: 'SWITCHOVER_FAILED',
      message: expect.stringMatching(/view seen: .*nosuch/),
    });
    expect(await driver.position(plan)).toBe('before switchover');
    expectSame(changed, await pictureOf(to));
    await driver.discard(plan);
    expectSame(changed, await fingerprint(to));
  });

  it.each([
    ['trigger', /SET @x = 1/, 'SET NEW.nosuch = 1', /trigger watch: .*nosuch/],
    ['function', /RETURN 1/, 'RETURN (', /function one: /],
  ])('a %s that cannot be created fails the staging', async (_kind, from, toText, message) => {
    const { database, to, dumped, changed } = await scene();
    const broken = altered(dumped, '2-stored-objects.sql', (sql) => sql.replace(from, toText));
    await expect(staged(to, broken)).rejects.toMatchObject({
      code: 'TOOL_FAILED',
      message: expect.stringMatching(message),
    });
    await createMysqlDriver(to).discard(await planned(to, dumped));
    expectSame(changed, await fingerprint(to));
    expect(await oursIn(database)).toEqual([]);
  });

  it.each([
    ['another statement', 'DELETE FROM `t`;\n-- Dump completed'],
    ['a second statement on a line', 'INSERT INTO `u` VALUES (9,NULL); DELETE FROM `t`;\n-- Dump completed'],
    ['another database’s table', 'DROP TABLE IF EXISTS `mysql`.`t`;\n-- Dump completed'],
    ['a table created from live rows', 'CREATE TABLE `x` AS SELECT * FROM t;\n-- Dump completed'],
  ])('a dump with %s is refused, and nothing live changes', async (_what, statement) => {
    const { database, to, dumped, changed } = await scene();
    const evil = altered(dumped, '1-tables.sql', (sql) => sql.replace('-- Dump completed', statement));
    await expect(staged(to, evil)).rejects.toMatchObject({ code: 'ARCHIVE_DAMAGED' });
    await createMysqlDriver(to).discard(await planned(to, dumped));
    expectSame(changed, await fingerprint(to));
    expect(await oursIn(database)).toEqual([]);
  });

  it('a session of another user locks a table: refused in the end, and nothing has changed', async () => {
    const { database, to, dumped, changed, driver } = await scene();
    const { plan } = await staged(to, dumped);
    const other = { ...to, username: `${database.username}x` };
    await database.asAdmin(`CREATE USER '${other.username}'@'%' IDENTIFIED BY '${to.password}'`);
    dropped.push(() => database.asAdmin(`DROP USER '${other.username}'@'%'`, 'mysql'));
    await database.asAdmin(`GRANT SELECT, UPDATE ON \`${database.database}\`.* TO '${other.username}'@'%'`);
    const holder = await connect(other);
    await holder.query('START TRANSACTION');
    await holder.query('UPDATE t SET id = 7 WHERE id = 2');
    await expect(driver.switchOver(plan, runOf())).rejects.toMatchObject({ code: 'SWITCHOVER_FAILED' });
    expect(await driver.position(plan)).toBe('before switchover');
    await holder.query('ROLLBACK');
    await holder.close();
    expectSame(changed, await pictureOf(to));
    await driver.switchOver(plan, runOf());
    await driver.switchBack(plan, runOf());
    expectSame(changed, await pictureOf(to));
  });
});
