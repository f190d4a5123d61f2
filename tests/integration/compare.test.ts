/** The comparison that every round trip leans on must be able to fail: one small change each, and it is seen and named. */
import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatabaseConnection } from '../../src/engine/databases/driver';
import * as compare from '../support/compare';
import { type FreshDatabase, freshDatabase } from '../support/servers';
import { checkInvariant, createObjects, READER_ROLE, seedFiles, startWriter } from '../support/zoo';

/** What is changed, how, and what the difference must name. */
type Change = [what: string, change: string, named: RegExp];

const CHANGES: Record<'sqlite' | 'postgres' | 'mariadb', Change[]> = {
  sqlite: [
    [
      'one byte of a blob',
      `UPDATE "zoo Objects" SET bytes = x'00ff' || substr(bytes, 3) WHERE "Ünïcode 🛟" = 'bytes'`,
      /table zoo Objects has \d+ rows with other content/,
    ],
    ['a row', `DELETE FROM zoo_left WHERE id = 2`, /table zoo_left has 1 rows instead of 2/],
    [
      'a type of a value',
      `UPDATE zoo_strict SET a = '1' WHERE id = 1`,
      /table zoo_strict has \d+ rows with other content/,
    ],
    ['an index', `DROP INDEX zoo_partial`, /gone from the schema: -- index zoo_partial/],
    ['a trigger', `DROP TRIGGER zoo_after_insert`, /gone from the schema: -- trigger zoo_after_insert/],
    ['a view', `DROP VIEW "zoo view on view"`, /gone from the schema: -- view zoo view on view/],
    [
      'a column',
      `ALTER TABLE zoo_audit ADD COLUMN added DEFAULT 'it''s'`,
      /-- table zoo_audit.*: «.*» became «.*it''s.*»/,
    ],
    [
      'a counter',
      `UPDATE sqlite_sequence SET seq = 4999 WHERE name = 'zoo_audit'`,
      /gone from the schema: -- counter zoo_audit at 5000/,
    ],
  ],
  postgres: [
    [
      'one byte of a blob',
      `UPDATE "zoo Objects" SET bytes = set_byte(bytes, 7, 99) WHERE length(bytes) > 256`,
      /table public\.zoo Objects has \d+ rows with other content/,
    ],
    ['NULL for empty', `UPDATE "zoo Objects" SET "select" = NULL WHERE "select" = ''`, /table public\.zoo Objects has/],
    [
      'the last bit of a float',
      `UPDATE "zoo Objects" SET exact = 0.3 WHERE short = 0.1::real`,
      /table public\.zoo Objects has/,
    ],
    ['a row', `DELETE FROM zoo_parts WHERE id = 1`, /table public\.zoo_parts_old has 0 rows instead of 1/],
    ['an index', `DROP INDEX zoo_partial`, /gone from the schema: .*zoo_partial; Type: INDEX/],
    ['a default', `ALTER TABLE "zoo Objects" ALTER mood SET DEFAULT 'sad'`, /zoo Objects.* became .*sad/],
    ['a grant', `REVOKE SELECT ON "zoo Objects" FROM "${READER_ROLE}"`, /TABLE "zoo Objects"; Type: ACL/],
    [
      'a grant on a column',
      `REVOKE UPDATE (total) ON "zoo Objects" FROM "${READER_ROLE}"`,
      /COLUMN "zoo Objects"\.total; Type: ACL/,
    ],
    ['a trigger', `DROP TRIGGER "zoo Trigger" ON "zoo Objects"`, /gone from the schema: .*zoo Trigger; Type: TRIGGER/],
    ['a trigger that is off', `ALTER TABLE zoo_audit ENABLE TRIGGER zoo_deferred`, /zoo_deferred; Type: TRIGGER/],
    [
      'a function',
      `CREATE OR REPLACE FUNCTION zoo_add(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT b + a'`,
      /zoo_add\(integer, integer\); Type: FUNCTION/,
    ],
    ['a comment', `COMMENT ON COLUMN "zoo Objects"."select" IS NULL`, /COLUMN "zoo Objects"\."select"; Type: COMMENT/],
    ['a counter', `SELECT setval('zoo_audit_id_seq', 4999)`, /public\.zoo_audit_id_seq at 5000/],
    ['a check constraint', `ALTER TABLE "zoo Objects" DROP CONSTRAINT "zoo check"`, /zoo Objects.*; Type: TABLE/],
    ['a setting of the database', `ALTER DATABASE "{database}" RESET lock_timeout`, /lock_timeout/],
    [
      'a row in a materialised view',
      `REFRESH MATERIALIZED VIEW zoo_snapshot_empty`,
      /table public\.zoo_snapshot_empty is new/,
    ],
  ],
  mariadb: [
    [
      'one byte of a blob',
      "UPDATE `zoo Objects` SET bytes = INSERT(bytes, 7, 1, 'x') WHERE `Ünïcode ß` = 'long'",
      /table zoo Objects has \d+ rows with other content/,
    ],
    ['NULL for empty', "UPDATE `zoo Objects` SET `select` = NULL WHERE `select` = ''", /table zoo Objects has/],
    [
      'the last bit of a float',
      'UPDATE `zoo Objects` SET exact = 0.3 WHERE ABS(exact - 0.3) < 1e-9',
      /table zoo Objects has/,
    ],
    ['a zero date', "UPDATE `zoo Objects` SET day = NULL WHERE day = '0000-00-00'", /table zoo Objects has/],
    ['a row', 'DELETE FROM zoo_parts WHERE id = 1', /table zoo_parts has 1 rows instead of 2/],
    ['an index', 'DROP INDEX zoo_prefix ON `zoo Objects`', /-- table zoo Objects: «.*zoo_prefix/],
    ['a default', "ALTER TABLE `zoo Objects` ALTER latin SET DEFAULT 'ö'", /-- table zoo Objects: .*'ä'.*became.*'ö'/],
    ['a trigger', 'DROP TRIGGER zoo_second', /gone from the schema: -- trigger zoo_second/],
    ['a procedure', 'DROP PROCEDURE `zoo Clear`', /gone from the schema: -- procedure zoo Clear/],
    ['an event', 'DROP EVENT zoo_event', /gone from the schema: -- event zoo_event/],
    ['a view', 'ALTER VIEW zoo_checked AS SELECT what, id FROM zoo_audit', /-- view zoo_checked/],
    ['a counter', 'ALTER TABLE zoo_audit AUTO_INCREMENT = 6000', /-- table zoo_audit: .*5000.*became.*6000/],
    ['a sequence', 'SELECT SETVAL(zoo_counter, 92)', /-- sequence zoo_counter/],
    ['a comment', "ALTER TABLE `zoo Objects` COMMENT = ''", /-- table zoo Objects/],
  ],
};

type TestedDialect = keyof typeof CHANGES;
const DIALECTS: TestedDialect[] = ['sqlite', 'postgres', 'mariadb'];

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(path.join(tmpdir(), 'safekeep-compare-'))));
afterAll(() => rm(folder, { recursive: true }));

/** A database of the test's own with what the zoo has beyond the host's tables. */
async function freshZoo(dialect: TestedDialect): Promise<{ target: DatabaseConnection; drop(): Promise<void> }> {
  const fresh: FreshDatabase | null = dialect === 'sqlite' ? null : await freshDatabase(dialect);
  const target: DatabaseConnection = {
    dialect,
    tablePrefix: '',
    underscored: false,
    storage: path.join(folder, 'a.sqlite'),
  };
  if (fresh) {
    const { host, port, username, password, database } = fresh;
    Object.assign(target, { host, port, username, password, database });
  }
  await run(target, 'CREATE TABLE people (id int PRIMARY KEY, name varchar(50))');
  await createObjects(target, 'people', fresh?.asAdmin);
  return { target, drop: async () => fresh?.drop() };
}

const run = (target: DatabaseConnection, sql: string) =>
  compare.withConnection(target, (connection) => connection.query(sql.replace('{database}', target.database ?? '')));

describe.each(DIALECTS)('%s', (dialect) => {
  let target: DatabaseConnection;
  let drop: () => Promise<void>;
  beforeAll(async () => void ({ target, drop } = await freshZoo(dialect)));
  afterAll(() => drop?.());

  test.each(CHANGES[dialect])('the comparison finds and names %s', async (_what, change, named) => {
    const before = await compare.fingerprint(target);
    await run(target, change);
    const after = await compare.fingerprint(target);
    expect(compare.differences(before, after).join('\n')).toMatch(named);
    expect(() => compare.expectSame(before, after)).toThrow(named);
  });

  test('the order of rows does not matter, and reading changes nothing', async () => {
    await run(target, 'DELETE FROM people');
    await run(target, `INSERT INTO people VALUES (1, 'a'), (2, 'b')`);
    const before = await compare.fingerprint(target);
    await run(target, 'DELETE FROM people WHERE id = 1');
    await run(target, `INSERT INTO people VALUES (1, 'a')`);
    compare.expectSame(before, await compare.fingerprint(target));
  });

  test('rows and counters of an ignored table do not matter, its definition does', async () => {
    const options = { ignoreRowsOf: [/^zoo_AUDIT$/i] };
    const before = await compare.fingerprint(target, options);
    await run(target, `INSERT INTO zoo_audit (what) VALUES ('more')`);
    compare.expectSame(before, await compare.fingerprint(target, options));
    await run(target, 'ALTER TABLE zoo_audit ADD more int');
    const after = await compare.fingerprint(target, options);
    expect(compare.differences(before, after).join()).toContain('zoo_audit');
  });

  test('a writer at work keeps the balance, and half a transaction is noticed', async () => {
    const writer = await startWriter(target);
    await writer.more(20);
    await checkInvariant(target);
    await writer.stop();
    expect(await checkInvariant(target)).toBe(writer.committed);
    await run(target, 'DELETE FROM zoo_moves WHERE batch = 5 AND delta > 0');
    await expect(checkInvariant(target)).rejects.toThrow('1 transactions are there by half');
    await run(target, 'DELETE FROM zoo_moves WHERE batch = 5');
    await expect(checkInvariant(target)).rejects.toThrow('accounts do not match');
    await run(target, 'UPDATE zoo_accounts SET amount = amount + 1 WHERE id = 1');
    await expect(checkInvariant(target)).rejects.toThrow('the accounts hold 50001');
  });
});

test('the comparison of folders covers names and bytes', async () => {
  const files = path.join(folder, 'files');
  await seedFiles(files);
  const before = await compare.fingerprintFolder(files);
  const changes: [change: () => Promise<void>, named: RegExp][] = [
    [() => rename(path.join(files, 'names/Å'.normalize('NFC')), path.join(files, 'names/gone')), /"names\/Å" is gone/],
    [() => writeFile(path.join(files, 'empty'), 'x'), /"empty" has 1 bytes instead of 0/],
    [() => writeFile(path.join(files, 'zeros.bin'), Buffer.alloc(5 << 20, 1)), /"zeros.bin" has other content/],
    [() => appendFile(path.join(files, 'new one'), ''), /"new one" is new/],
  ];
  for (const [change, named] of changes) {
    await change();
    const after = await compare.fingerprintFolder(files);
    expect(() => compare.expectSameFiles(before, after)).toThrow(named);
  }
  expect(Object.keys(before)).toHaveLength(new Set(Object.keys(before)).size);
  expect(Object.keys(before).length).toBeGreaterThan(225);
});
