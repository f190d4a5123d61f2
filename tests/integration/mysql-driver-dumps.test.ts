/** Every feature of a table, as the installed dump tool writes it and the driver reads it back. */
import { describe, expect, it } from 'vitest';
import { createMysqlDriver } from '../../src/engine/databases/mysql';
import { expectSame, fingerprint, type Fingerprint } from '../support/compare';
import {
  ALL,
  altered,
  anyKeyNames,
  connectionTo,
  dumpAll,
  exec,
  fillWithEverything,
  fresh,
  inFrontOfTheDumpTool,
  pictureOf,
  planned,
  rowsOf,
  runOf,
  staged,
  statementsOf,
} from '../support/mysql-driver';

const EVERYTHING = [...statementsOf('schema.sql'), ...statementsOf('schema-mariadb.sql')];

/** Rows of this table contain the time at which they were written. */
const timeless = ({ tables: { history: _, ...tables }, schema }: Fingerprint): Fingerprint => ({ tables, schema });

describe.each(['tables', 'names'] as const)('with the strategy %s', (strategy) => {
  it('a schema with every feature is backed up without a warning about statements, and restored', async () => {
    const to = connectionTo(await fresh(strategy === 'tables'));
    await exec(to, "SET time_zone = '+00:00'", ...EVERYTHING);
    const before = await fingerprint(to);
    const run = runOf();
    const dumped = await dumpAll(to, ALL, run);
    expect(run.messages.filter(({ text }) => text.includes('does not recognize'))).toEqual([]);
    await exec(to, 'DROP TABLE `many ``odd" \'names; -- ü`, `pair`, `kinds`', 'DELETE FROM `listed`', 'UPDATE `booked` SET `id` = 7'); // prettier-ignore
    const changed = await fingerprint(to);
    const { driver, plan } = await staged(to, dumped);
    expect(plan.strategy).toBe(strategy);
    expectSame(changed, await pictureOf(to));
    await driver.switchOver(plan, runOf());
    expectSame(timeless(anyKeyNames(before)), timeless(anyKeyNames(await pictureOf(to))));
    expect(await rowsOf(to, 'SELECT x FROM history')).toEqual([{ x: '7' }]);
    await driver.switchBack(plan, runOf());
    expectSame(changed, await pictureOf(to));
    await driver.discard(plan);
    expectSame(changed, await fingerprint(to));
  });

  it('archives whose second part has its name from before 0.1.0 are readable', async () => {
    const to = connectionTo(await fresh(strategy === 'tables'));
    await fillWithEverything(to);
    const before = await fingerprint(to);
    const dumped = await dumpAll(to);
    const second = dumped.parts.get('2-stored-objects.sql');
    if (!second) throw new Error('the dump has no second part');
    const parts = new Map(dumped.parts).set('2-programs.sql', second);
    parts.delete('2-stored-objects.sql');
    const old = { ...dumped, parts, backup: { ...dumped.backup, parts: ['1-tables.sql', '2-programs.sql'] } };
    await exec(to, 'DROP VIEW zoo_checked', 'DROP TRIGGER `zoo Trigger`', 'DROP FUNCTION zoo_add');
    const { driver, plan } = await staged(to, old);
    await driver.switchOver(plan, runOf());
    expectSame(anyKeyNames(before), anyKeyNames(await pictureOf(to)));
  });
});

it('an unknown statement is a warning of the backup, once, and refused under other names', async () => {
  const to = connectionTo(await fresh(false));
  await exec(to, 'CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)');
  const more = 'CALL `of a later release`(1);\\nCALL `and again`(2);\\nOPTIMIZE TABLE `t`;\\n';
  await inFrontOfTheDumpTool(`$REAL "$@" | sed 's/^-- Dump completed/${more}&/'`);
  const run = runOf();
  const dumped = await dumpAll(to, ALL, run);
  expect(String(dumped.parts.get('1-tables.sql'))).toContain('CALL `and again`(2);\n');
  const reported = run.messages
    .filter(({ text }) => text.includes('does not recognize'))
    .map(({ params }) => params?.statement);
  expect(reported).toEqual(['CALL …(#);', 'OPTIMIZE TABLE …;']);
  await expect(staged(to, dumped)).rejects.toMatchObject({ code: 'ARCHIVE_DAMAGED' });
  await createMysqlDriver(to).discard(await planned(to, dumped));
  const cured = altered(dumped, '1-tables.sql', (sql) => sql.replace(/^(?:CALL|OPTIMIZE).*\n/gm, ''));
  await staged(to, cured, 'r2');
});
