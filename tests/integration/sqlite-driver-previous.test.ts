/** SQLite: file records, counts, previous data as a backup, several plans at once, failures of the machine. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunContext } from '../../src/engine/context';
import type { DatabaseConnection, DatabasePlan, DumpScope, FileRecord } from '../../src/engine/databases/driver';
import { createSqliteDriver } from '../../src/engine/databases/sqlite';
import { withSqlite } from '../../src/engine/databases/sqlite/connection';
import type { ManifestDatabase } from '../../src/shared/manifest';
import { expectSame, fingerprint, type Fingerprint } from '../support/compare';
import { mountSmallDisk } from '../support/small-disk';

let folder: string;
let file: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'safekeep-previous-'));
  file = path.join(folder, 'app.sqlite');
  await writeFile(file, '');
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

const connectionTo = (storage: string): DatabaseConnection => ({ dialect: 'sqlite', storage, tablePrefix: '', underscored: false }); // prettier-ignore
const driver = () => createSqliteDriver(connectionTo(file), { switchWaitMs: 300 });
const run: RunContext = { signal: new AbortController().signal, log: () => undefined, progress: () => undefined };
const FILES: DumpScope = {
  excludeRowsOf: [],
  schemas: [],
  fileTables: [
    { table: 'files', collection: 'attachments', key: 'id', filename: 'filename', path: 'path', storageId: 'storageId' }, // prettier-ignore
    { table: 'keyed', collection: 'keyed', key: 'k', filename: 'filename', path: null, storageId: 's' },
    { table: 'not_there', collection: 'gone', key: 'id', filename: 'filename', path: null, storageId: 's' },
  ],
};

const exec = (sql: string[], target = file) =>
  withSqlite(target, {}, async (connection) => {
    for (const statement of sql) await connection.all(statement);
  });
const picture = () => fingerprint(connectionTo(file));

async function allOf<T>(items: AsyncIterable<T> | undefined): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items ?? []) found.push(item);
  return found;
}

interface Dumped {
  backup: ManifestDatabase;
  bytes: Buffer;
  records: FileRecord[];
}

async function dumpAll(scope = FILES, inactive?: DatabasePlan): Promise<Dumped> {
  const subject = driver();
  const facts = await subject.describe(scope, inactive);
  const dump = await subject.dump(scope, run, inactive);
  try {
    const chunks: Buffer[] = [];
    for await (const part of dump.parts) chunks.push(await buffer(part.stream));
    const records = await allOf(dump.fileRecords());
    return { backup: { ...facts, ...(await dump.result()) }, bytes: Buffer.concat(chunks), records };
  } finally {
    await dump.close();
  }
}

async function staged({ backup, bytes }: Dumped, id: string): Promise<DatabasePlan> {
  const { plan } = await driver().plan(id, backup, FILES);
  if (!plan) throw new Error('no plan');
  await driver().stage(plan, backup, async () => Readable.from([bytes]), run);
  await driver().check(plan, backup, run);
  return plan;
}

const TABLES = [
  'CREATE TABLE files (id INTEGER PRIMARY KEY, rowid TEXT, filename TEXT, path TEXT, storageId INTEGER)',
  'CREATE TABLE keyed (k TEXT PRIMARY KEY, filename TEXT, s TEXT) WITHOUT ROWID',
];

describe('file records', () => {
  it('are the same in the dump and in the live database, whatever their values', async () => {
    await exec([
      ...TABLES,
      `INSERT INTO files VALUES (1, 'x', 'it''s "a"' || char(10), NULL, 1), (2, 'x', 'ü😀', 'x/y', 2), (3, 'x', NULL, '', 1), (4, 'x', '', '', 1), (5, 'x', 'a', '', NULL)`,
      `INSERT INTO keyed VALUES ('b', 'second', 'local'), ('a', 'first', 'local')`,
    ]);
    const expected = [
      { collection: 'attachments', key: '1', filename: 'it\'s "a"\n', path: '', storageId: '1' },
      { collection: 'attachments', key: '2', filename: 'ü😀', path: 'x/y', storageId: '2' },
      { collection: 'keyed', key: 'a', filename: 'first', path: '', storageId: 'local' },
      { collection: 'keyed', key: 'b', filename: 'second', path: '', storageId: 'local' },
    ];
    expect(await allOf(driver().fileRecords(FILES))).toEqual(expected);
    expect((await dumpAll()).records).toEqual(expected);
  });

  it('are all read, whatever their number', async () => {
    const many = (table: string, key: string) =>
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3500) INSERT INTO ${table} SELECT ${key}`;
    await exec([
      ...TABLES,
      `${many('files', "i * 3, 'x', 'f' || i, '', 1")} FROM n`,
      `${many('keyed', "'k' || i, 'f', 's'")} FROM n`,
    ]);
    const records = await allOf(driver().fileRecords(FILES));
    expect(records).toHaveLength(7000);
    expect(new Set(records.map(({ collection, key }) => `${collection} ${key}`)).size).toBe(7000);
  });

  it.each(['DELETE', 'WAL'])('are those of the dump while records come and go (%s)', async (mode) => {
    await exec([
      `PRAGMA journal_mode = ${mode}`,
      ...TABLES,
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO files SELECT i, 'x', 'f' || i, '', 1 FROM n",
    ]);
    const write =
      "BEGIN IMMEDIATE; INSERT INTO files (filename, storageId) VALUES ('new', 1); DELETE FROM files WHERE id = (SELECT min(id) FROM files); INSERT INTO keyed SELECT count(*), 'k', 's' FROM keyed; COMMIT;";
    const writer = spawn(process.execPath, [
      '-e',
      `const s=require('sqlite3');const d=new s.Database(process.argv[1]);d.configure('busyTimeout',20000);
       const go=()=>d.exec(process.argv[2],(e)=>{if(e)console.error(e);setImmediate(go)});go();`,
      file,
      write,
    ]);
    children.push(writer);
    const seen = new Set<number>();
    for (let round = 0; round < 3 || (seen.size < 2 && round < 100); round += 1) {
      const { bytes, records } = await dumpAll();
      const copy = path.join(folder, `copy${round}`);
      await writeFile(copy, bytes);
      expect(records).toEqual(await allOf(createSqliteDriver(connectionTo(copy)).fileRecords(FILES)));
      expect(records.filter(({ collection }) => collection === 'attachments')).toHaveLength(2000);
      seen.add(records.length);
    }
  });
});

describe('counting live rows', () => {
  it('is exact, and null for missing tables', async () => {
    await exec([...TABLES, "INSERT INTO keyed VALUES ('a', 'x', 's')", 'CREATE TABLE "we""ird" (x)']);
    const counts = await driver().countRows(['keyed', 'we"ird', 'gone', 'files'], 30_000);
    expect([...(counts ?? [])]).toEqual([
      ['keyed', 1],
      ['we"ird', 0],
      ['gone', null],
      ['files', 0],
    ]);
  });

  it('ends at its time limit: in a long count, and while the file is locked', async () => {
    await exec([
      'CREATE TABLE big (x)',
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) INSERT INTO big SELECT randomblob(400) FROM n',
    ]);
    const counts = await driver().countRows(['big'], 1);
    expect([...(counts ?? [])]).toEqual([['big', null]]);
    const holder = spawn(process.execPath, [
      '-e',
      `const s=require('sqlite3');const d=new s.Database(process.argv[1]);
       d.exec('BEGIN EXCLUSIVE', () => console.log('ok')); setInterval(() => 0, 1000);`,
      file,
    ]);
    children.push(holder);
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    expect(await driver().countRows(['big'], 200)).toEqual(new Map([['big', null]]));
  });
});

describe('several plans at the same time', () => {
  const scene = async () => {
    const pictures: Record<string, Fingerprint> = {};
    const dumps: Record<string, Dumped> = {};
    await exec(['PRAGMA journal_mode = WAL', ...TABLES]);
    for (const name of ['first', 'second', 'third']) {
      await exec([
        `CREATE TABLE ${name}_only (x)`,
        `INSERT INTO ${name}_only VALUES ('${name}')`,
        `INSERT INTO files (filename, storageId) VALUES ('${name}', 1)`,
      ]);
      pictures[name] = await picture();
      dumps[name] = await dumpAll();
    }
    const expectLive = async (name: string) => expectSame(pictures[name] as Fingerprint, await picture());
    const restore = async (name: string, id: string) => {
      const plan = await staged(dumps[name] as Dumped, id);
      await driver().switchOver(plan, run);
      await expectLive(name);
      return plan;
    };
    const turn = async (move: 'switchOver' | 'switchBack', plan: DatabasePlan, name: string) => {
      await driver()[move](plan, run);
      expect(await driver().position(plan)).toBe(move === 'switchOver' ? 'after switchover' : 'before switchover');
      await expectLive(name);
    };
    return { pictures, dumps, expectLive, restore, turn };
  };

  it('are undone and redone in any order, directly to any state', async () => {
    const { restore, turn, expectLive } = await scene();
    const one = await restore('first', 'r1');
    const two = await restore('second', 'r2');
    await turn('switchBack', one, 'third');
    await turn('switchBack', two, 'first');
    await turn('switchOver', one, 'second');
    await turn('switchOver', two, 'third');
    await turn('switchBack', one, 'first');
    const three = await restore('second', 'r3');
    await driver().discard(two);
    await turn('switchOver', one, 'third');
    await turn('switchBack', three, 'first');
    await driver().discard(one);
    await expectLive('first');
    await turn('switchOver', three, 'third');
    await driver().discard(three);
    await expectLive('third');
    expect(await readdir(folder)).toEqual(['app.sqlite']);
  });

  it('inactive data is saved as a backup that restores exactly that state, and its size is reported', async () => {
    const { restore, turn, expectLive } = await scene();
    const one = await restore('first', 'r1');
    await exec(["INSERT INTO files (filename, storageId) VALUES ('since', 1)"]);
    const since = await picture();
    const two = await restore('second', 'r2');
    for (const plan of [one, two]) {
      const slot = path.join(folder, plan.names.previous ?? '');
      expect(await driver().inactiveBytes(plan)).toBe((await stat(slot)).blocks * 512);
    }
    const before = await readFile(path.join(folder, one.names.previous ?? ''));
    const third = await dumpAll(FILES, one);
    const saved = await dumpAll({ ...FILES, excludeRowsOf: ['third_only'] }, two);
    expect(saved.records.map(({ filename }) => filename)).toEqual(['first', 'since']);
    expect(third.records.map(({ filename }) => filename)).toEqual(['first', 'second', 'third']);
    expect(await readFile(path.join(folder, one.names.previous ?? ''))).toEqual(before);
    await expectLive('second');
    await turn('switchBack', one, 'third');
    await driver().discard(one);
    await driver().discard(two);
    await exec(['DELETE FROM files']);
    const again = await staged(third, 'r3');
    await driver().switchOver(again, run);
    await expectLive('third');
    const first = await staged(saved, 'r4');
    await driver().switchOver(first, run);
    expectSame(since, await picture());
    await expect(driver().dump(FILES, run, one)).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' });
    await expect(driver().describe(FILES, two)).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' });
  });
});

describe('failures of the machine', () => {
  it('a full disk is reported with the needed and the free space, and nothing is left', async () => {
    const small = path.join(folder, 'disk');
    const disk = mountSmallDisk(small, 12e6);
    try {
      file = path.join(small, 'app.sqlite');
      await writeFile(file, '');
      await exec(['CREATE TABLE t (x)', 'INSERT INTO t VALUES (zeroblob(5000000))']);
      disk.fill(2e6);
      const error: unknown = await driver()
        .dump(FILES, run)
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'NO_SPACE', params: { folder: small, needed: expect.stringMatching(/^5\.\d MB$/), free: expect.stringMatching(/^[12]\.\d MB$/) } }); // prettier-ignore
      expect((await readdir(small)).sort()).toEqual(['.filler', 'app.sqlite']);

      disk.clear();
      const dumped = await dumpAll();
      disk.fill(1e6);
      const { plan } = await driver().plan('r1', dumped.backup, FILES);
      if (!plan) throw new Error('no plan');
      const stage = driver().stage(plan, dumped.backup, async () => Readable.from([dumped.bytes]), run);
      await expect(stage).rejects.toMatchObject({ code: 'NO_SPACE', message: expect.stringContaining('more than 0 B needed, 0 B free') }); // prettier-ignore
      await driver().discard(plan);
    } finally {
      disk.unmount();
    }
  });

  it('a staged file that cannot be opened or is locked does not count against the backup', async () => {
    await exec(['CREATE TABLE t (x)', 'INSERT INTO t VALUES (1)']);
    const dumped = await dumpAll();
    const plan = await staged(dumped, 'r1');
    const slot = path.join(folder, plan.names.staged ?? '');
    const bytes = await readFile(slot);
    await rm(slot);
    await expect(driver().check(plan, dumped.backup, run)).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    await writeFile(slot, bytes.fill(0x7f, 200));
    await expect(driver().check(plan, dumped.backup, run)).rejects.toMatchObject({ code: 'STAGED_DATA_DIFFERS' });
  });
});
