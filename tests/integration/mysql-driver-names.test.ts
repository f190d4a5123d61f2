import { describe, expect, it } from 'vitest';
import type { DatabaseConnection } from '../../src/engine/databases/driver';
import { createMysqlDriver } from '../../src/engine/databases/mysql';
import { expectSame, fingerprint, type Fingerprint } from '../support/compare';
import {
  ALL,
  connectionTo,
  databasesOf,
  dumpAll,
  exec,
  fillWithEverything,
  fresh,
  rowsOf,
  runOf,
  staged,
} from '../support/mysql-driver';
import type { FreshDatabase } from '../support/servers';

/** All but what is ours. */
async function pictureOf(to: DatabaseConnection): Promise<Fingerprint> {
  const { tables, schema } = await fingerprint(to);
  const isOurs = (text: string) => /^(?:-- \w+ )?__safekeep_/.test(text);
  return {
    tables: Object.fromEntries(Object.entries(tables).filter(([name]) => !isOurs(name))),
    schema: schema
      .split('\n\n')
      .filter((text) => !isOurs(text))
      .join('\n\n'),
  };
}

/** The same without the names of foreign keys, by which they are listed. */
function anyKeyNames({ tables, schema }: Fingerprint): Fingerprint {
  const isKey = (line: string) => /^ {2}CONSTRAINT (?:`[^`]*` )?FOREIGN KEY/.test(line);
  const plain = (line: string) => line.replace(/^( {2}CONSTRAINT) `[^`]*` /, '$1 ').replace(/,$/, '');
  const paragraphs = schema.split('\n\n').map((text) => {
    const lines = text.split('\n');
    const keys = lines.filter(isKey).map(plain).sort();
    return lines.map((line) => (isKey(line) ? keys.shift() : line)).join('\n');
  });
  return { tables, schema: paragraphs.join('\n\n') };
}

const oursIn = async (database: FreshDatabase) => {
  const rows = await database.asAdmin(
    `SELECT TABLE_NAME AS n FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '\\_\\_safekeep%'
      UNION SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() AND TRIGGER_NAME LIKE '\\_\\_safekeep%'
      UNION SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_NAME LIKE '\\_\\_safekeep%'
      UNION SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() AND EVENT_NAME LIKE '\\_\\_safekeep%'`,
  );
  return rows.map(({ n }) => String(n));
};

/** Foreign keys of every kind, and what else must follow when tables change their names. */
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

describe('a user with rights on the app’s own database only', () => {
  it('gets everything restored, undone and redone within it', async () => {
    const database = await fresh(false);
    const to = connectionTo(database);
    await fillWithEverything(to);
    await exec(to, ...HARD(''));
    // Of a definer whose sessions and rights are not ours.
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
    expect(await driver.position(plan)).toBe('before switch');
    expectSame(changed, await pictureOf(to));
    const renamed = run.said.find(({ params }) => params?.constraints)?.params?.constraints;
    expect(renamed).toBe('tree.tree_up, zoo_left.zoo_cycle, zoo_right.zoo_back');

    await driver.switch(plan, run);
    expect(await driver.position(plan)).toBe('after switch');
    expectSame(anyKeyNames(before), anyKeyNames(await pictureOf(to)));
    // Those whose names the server makes from the table's have them again.
    const keys = await rowsOf(
      to,
      "SELECT CONSTRAINT_NAME AS n FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME IN ('hen', 'egg', 'tree') ORDER BY 1",
    );
    expect(keys.map(({ n }) => n)).toEqual(['egg_ibfk_1', 'hen_ibfk_1', 'hen_ibfk_2', 'tree_ibfk_1']);
    await expect(exec(to, 'INSERT INTO hen VALUES (7, 77, 1)')).rejects.toThrow(/foreign key/i);
    await expect(exec(to, 'DELETE FROM egg')).rejects.toThrow(/foreign key/i);

    // A backup of what is live now knows nothing of what is aside.
    const between = await dumpAll(to);
    expect(between.backup.tables).toEqual(dumped.backup.tables);
    expect([...between.parts.values()].some((part) => part.includes('__safekeep_r1_'))).toBe(false);
    expect((await driver.plan('r2', between.backup, ALL)).blockers).toEqual([]);

    await driver.undo(plan, run);
    expect(await driver.position(plan)).toBe('before switch');
    expectSame(changed, await pictureOf(to));
    await driver.switch(plan, run);
    await driver.switch(plan, run);
    expectSame(anyKeyNames(before), anyKeyNames(await pictureOf(to)));
    await driver.discard(plan);
    await driver.discard(plan);
    expectSame(anyKeyNames(before), anyKeyNames(await pictureOf(to)));
    expect(await driver.position(plan)).toBe('unclear');
    expect(await oursIn(database)).toEqual([]);
    expect(await databasesOf(database)).toEqual([database.database]);
  });
});
