/** File records: those of a dump are exactly the ones that its restore brings, whatever is written in the meantime. */
import { describe, expect, it } from 'vitest';
import type { DumpScope, FileRecord } from '../../src/engine/databases/driver';
import { createMysqlDriver } from '../../src/engine/databases/mysql';
import { connect } from '../support/compare';
import { allOf, connectionTo, dumpAll, exec, fresh, rowsOf, runOf, staged } from '../support/mysql-driver';

const SCOPE: DumpScope = {
  excludeRowsOf: [],
  schemas: [],
  fileTables: [
    { table: 'a_files', collection: 'attachments', key: 'id', filename: 'filename', path: 'path', storageId: 'storageId' }, // prettier-ignore
    { table: 'z_files', collection: 'others', key: 'id', filename: 'filename', path: null, storageId: 'storageId' },
    { table: 'not_there', collection: 'gone', key: 'id', filename: 'filename', path: null, storageId: 'storageId' },
  ],
};

const TABLES = [
  'CREATE TABLE a_files (id bigint AUTO_INCREMENT PRIMARY KEY, filename varchar(255), path text, storageId bigint, size int AS (id * 2) VIRTUAL)', // prettier-ignore
  'CREATE TABLE middle (id int PRIMARY KEY, pad varchar(2000))',
  "INSERT INTO middle SELECT seq, REPEAT('x', 2000) FROM seq_1_to_3000",
  'CREATE TABLE z_files (storageId varchar(20), id char(36), hidden int INVISIBLE DEFAULT 3, filename varchar(255) CHARACTER SET latin1)', // prettier-ignore
];

const sorted = (records: FileRecord[]) => records.map((record) => JSON.stringify(record)).sort();

it('are the same in the dump and in the live database, whatever their values', async () => {
  const to = connectionTo(await fresh());
  await exec(
    to,
    ...TABLES,
    `INSERT INTO a_files (filename, path, storageId) VALUES ('it''s "a" \\\\ b\\n.txt', NULL, 1), ('ü😀', 'x/y', 2), (NULL, '', 1), ('', '', 1), ('a', '', NULL)`,
    `INSERT INTO z_files (storageId, id, filename) VALUES ('local', '6ccd780c-baba-1026-9564-5b8c656024db', 'äöü'), ('1', NULL, 'x')`,
  );
  const expected = [
    { collection: 'attachments', key: '1', filename: 'it\'s "a" \\ b\n.txt', path: '', storageId: '1' },
    { collection: 'attachments', key: '2', filename: 'ü😀', path: 'x/y', storageId: '2' },
    { collection: 'others', key: '6ccd780c-baba-1026-9564-5b8c656024db', filename: 'äöü', path: '', storageId: 'local' }, // prettier-ignore
    { collection: 'others', key: '', filename: 'x', path: '', storageId: '1' },
  ];
  expect(await allOf(createMysqlDriver(to).fileRecords(SCOPE))).toEqual(expected);
  expect((await dumpAll(to, SCOPE)).records).toEqual(expected);
  expect((await dumpAll(to, { ...SCOPE, excludeRowsOf: ['a_files'] })).records).toEqual(expected.slice(2));
});

it('are those of the dump while records come and go', async () => {
  const to = connectionTo(await fresh());
  await exec(to, ...TABLES, "INSERT INTO a_files (filename, path, storageId) SELECT CONCAT('f', seq), '', 1 FROM seq_1_to_4000"); // prettier-ignore
  const writer = await connect(to);
  let writing = true;
  let written = 0;
  const writes = (async () => {
    for (; writing; written += 1) {
      await writer.query('START TRANSACTION');
      await writer.query(`INSERT INTO a_files (filename, path, storageId) VALUES ('new ${written}', 'a', 1)`);
      await writer.query(`INSERT INTO z_files (storageId, id, filename) VALUES ('1', '${written}', 'z${written}')`);
      await writer.query('DELETE FROM a_files ORDER BY id LIMIT 1');
      await writer.query('COMMIT');
    }
  })();
  const seen = new Set<string>();
  try {
    for (let round = 0; round < 3; round += 1) {
      const dumped = await dumpAll(to, SCOPE);
      const { driver, plan } = await staged(to, dumped, `r${round}`);
      const loaded = createMysqlDriver({ ...to, database: plan.names.staged });
      expect(sorted(dumped.records)).toEqual(sorted(await allOf(loaded.fileRecords(SCOPE))));
      // One snapshot: as many of one kind as of the other.
      const count = (collection: string) => dumped.records.filter((record) => record.collection === collection).length;
      expect(count('attachments')).toBe(4000);
      seen.add(String(count('others')));
      await driver.discard(plan);
    }
  } finally {
    writing = false;
    await writes;
    await writer.close();
  }
  expect(seen.size).toBeGreaterThan(1);
});

describe('counting live rows', () => {
  it('is exact, and null for missing tables', async () => {
    const to = connectionTo(await fresh());
    await exec(to, ...TABLES, 'CREATE TABLE `we``ird` (x int)', 'INSERT INTO `we``ird` VALUES (1), (2)');
    const counts = await createMysqlDriver(to).countRows(['middle', 'we`ird', 'gone', 'a_files'], 30_000);
    expect([...(counts ?? [])]).toEqual([
      ['middle', 3000],
      ['we`ird', 2],
      ['gone', null],
      ['a_files', 0],
    ]);
  });

  it('ends at its time limit, even on a locked table', async () => {
    const to = connectionTo(await fresh());
    await exec(to, ...TABLES);
    const holder = await connect(to);
    await holder.query('LOCK TABLES middle WRITE');
    const counts = await createMysqlDriver(to).countRows(['middle', 'a_files'], 300);
    expect([...(counts ?? [])]).toEqual([
      ['middle', null],
      ['a_files', 0],
    ]);
    await holder.query('UNLOCK TABLES');
    await holder.close();
    expect(await createMysqlDriver(to).countRows(['middle'], 0)).toEqual(new Map([['middle', null]]));
    // No count is still running on the server.
    expect(await rowsOf(to, "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE INFO LIKE '%COUNT(*) FROM `middle`%' AND ID <> CONNECTION_ID()")).toEqual([{ n: '0' }]); // prettier-ignore
  });
});

it('uses no disk of this machine that could be measured', async () => {
  const to = connectionTo(await fresh());
  await exec(to, 'CREATE TABLE t (id int)');
  const { driver, plan } = await staged(to, await dumpAll(to), 'r1', runOf());
  expect(await driver.inactiveBytes(plan)).toBeNull();
  await driver.discard(plan);
});
