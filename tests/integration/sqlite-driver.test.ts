import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunContext } from '../../src/engine/context';
import type { DatabaseConnection, DumpScope } from '../../src/engine/databases/driver';
import { createSqliteDriver } from '../../src/engine/databases/sqlite';
import { type SqliteRow, type SqliteValue, withSqlite } from '../../src/engine/databases/sqlite/connection';
import type { ManifestDatabase } from '../../src/shared/manifest';
import type { Message } from '../../src/shared/runs';

let folder: string;
let file: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'safekeep sqlite’s-'));
  file = path.join(folder, "it's.sqlite");
  await writeFile(file, '', { mode: 0o640 });
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

const connectionTo = (storage: string): DatabaseConnection => ({
  dialect: 'sqlite',
  storage,
  tablePrefix: '',
  underscored: false,
});
const driver = () => createSqliteDriver(connectionTo(file), { switchWaitMs: 300 });
const ALL: DumpScope = { excludeRowsOf: [], schemas: [], fileTables: [] };

function runOf(controller = new AbortController()): RunContext & { messages: Message[]; cancel(): void } {
  const messages: Message[] = [];
  return {
    messages,
    signal: controller.signal,
    log: (_level, message) => messages.push(message),
    progress: () => undefined,
    cancel: () => controller.abort(),
  };
}

const exec = (sql: string[], target = file) =>
  withSqlite(target, {}, async (connection) => {
    for (const statement of sql) await connection.all(statement);
  });
const all = (sql: string, params: SqliteValue[] = [], target = file) =>
  withSqlite(target, {}, (connection) => connection.all(sql, params));

async function dumpAll(scope = ALL, run = runOf()): Promise<{ backup: ManifestDatabase; bytes: Buffer }> {
  const subject = driver();
  const facts = await subject.describe(scope);
  const dump = await subject.dump(scope, run);
  try {
    const chunks: Buffer[] = [];
    for await (const part of dump.parts) chunks.push(await buffer(part.stream));
    return { backup: { ...facts, ...(await dump.result()) }, bytes: Buffer.concat(chunks) };
  } finally {
    await dump.close();
  }
}

async function staged(bytes: Buffer, backup: ManifestDatabase, id = 'r1') {
  const subject = driver();
  const { plan } = await subject.plan(id, backup, ALL);
  if (!plan) throw new Error('no plan');
  await subject.stage(plan, backup, async () => Readable.from([bytes]), runOf());
  await subject.check(plan, backup, runOf());
  return { subject, plan };
}

/** Another process with a connection to the file; resolves once it has run its statements. */
async function foreignSession(sql: string): Promise<ChildProcess> {
  const script = `const s = require('sqlite3'); const d = new s.Database(process.argv[1]);
    d.configure('busyTimeout', 10000);
    const loop = (q) => d.exec(q, (e) => { if (e) { console.error(e); process.exit(1); } console.log('ok'); });
    loop(process.argv[2]); setInterval(() => 0, 1000);`;
  const child = spawn(process.execPath, ['-e', script, file, sql], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', reject);
  });
  return child;
}

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const HARD_VALUES: SqliteValue[] = [
  'C:\\temp\\',
  "it's",
  "\\'",
  'a\r\nb',
  '',
  null,
  '😀 مرحبا עולם 中文',
  'x'.repeat(1 << 20),
  EVERY_BYTE,
  9007199254740991,
  -1.5e300,
  '9223372036854775807',
];

async function fillWithEverything(journalMode: string) {
  await exec([
    'PRAGMA page_size = 8192',
    'PRAGMA auto_vacuum = 2',
    "PRAGMA encoding = 'UTF-16le'",
    `PRAGMA journal_mode = ${journalMode}`,
    'CREATE TABLE "va""lues" (id INTEGER PRIMARY KEY AUTOINCREMENT, v)',
    'CREATE TABLE norowid (k TEXT PRIMARY KEY, v) WITHOUT ROWID',
    "INSERT INTO norowid VALUES ('a', 1), ('b', 2)",
    'CREATE TABLE loose (x TEXT)',
    "INSERT INTO loose (rowid, x) VALUES (5, 'five'), (1000, 'thousand')",
    'CREATE TABLE calc (a INTEGER, b INTEGER GENERATED ALWAYS AS (a * 2) STORED)',
    'INSERT INTO calc (a) VALUES (1), (2)',
    "CREATE VIRTUAL TABLE search USING fts5(x, content='loose', content_rowid='rowid')",
    "INSERT INTO search (search) VALUES ('rebuild')",
    'CREATE VIEW one AS SELECT x FROM loose',
    'CREATE VIEW two AS SELECT x FROM one',
    'CREATE TABLE log (at TEXT)',
    "CREATE TRIGGER onloose AFTER DELETE ON loose BEGIN INSERT INTO log VALUES ('gone'); END",
    "INSERT INTO sqlite_sequence VALUES ('va\"lues', 41)",
    'PRAGMA user_version = 7',
    'PRAGMA application_id = 99',
  ]);
  await withSqlite(file, {}, async (connection) => {
    for (const value of HARD_VALUES) await connection.all('INSERT INTO "va""lues" (v) VALUES (?)', [value]);
  });
}

/** Long values by their hash: a megabyte is slow to compare and useless to print. */
const brief = (rows: SqliteRow[]) =>
  rows.map((row) => {
    const text = JSON.stringify(row);
    return text.length < 500 ? text : createHash('sha256').update(text).digest('hex');
  });

async function everything() {
  const queries = [
    'SELECT id, v, typeof(v) t, CAST(v AS BLOB) b FROM "va""lues"',
    'SELECT * FROM norowid',
    'SELECT rowid, * FROM loose',
    'SELECT * FROM calc',
    'SELECT * FROM two',
    "SELECT rowid FROM search WHERE search MATCH 'thousand'",
    'SELECT * FROM sqlite_sequence',
    'SELECT type, name, sql FROM sqlite_master ORDER BY name',
    'PRAGMA user_version',
    'PRAGMA application_id',
    'PRAGMA page_size',
    'PRAGMA auto_vacuum',
    'PRAGMA encoding',
    'PRAGMA journal_mode',
  ];
  return withSqlite(file, {}, async (connection) => {
    const found = [];
    for (const query of queries) found.push([query, brief(await connection.all(query))]);
    return found;
  });
}

describe.each([['DELETE'], ['WAL']])('a round trip in journal mode %s', (journalMode) => {
  it('restores every value, object and setting, undoes and redoes it', async () => {
    await fillWithEverything(journalMode);
    const before = await everything();
    const { backup, bytes } = await dumpAll();
    expect(backup.tables).toContainEqual({ name: 'va"lues', rows: HARD_VALUES.length });
    expect(backup.tables).toContainEqual({ name: 'search', rows: null });

    await exec(['DROP VIEW two', 'DELETE FROM calc', "UPDATE loose SET x = 'changed'", 'CREATE TABLE newer (x)']);
    const changed = await all('SELECT name FROM sqlite_master ORDER BY name');
    const { subject, plan } = await staged(bytes, backup);
    expect(await subject.position(plan)).toBe('before switchover');
    expect(await all('SELECT name FROM sqlite_master ORDER BY name')).toEqual(changed);

    await subject.switchOver(plan, runOf());
    expect(await subject.position(plan)).toBe('after switchover');
    expect(await everything()).toEqual(before);
    expect((await stat(file)).mode & 0o777).toBe(0o640);

    await subject.switchBack(plan, runOf());
    expect(await subject.position(plan)).toBe('before switchover');
    expect(await all('SELECT name FROM sqlite_master ORDER BY name')).toEqual(changed);
    expect(await all('SELECT x FROM loose')).toEqual([{ x: 'changed' }, { x: 'changed' }]);

    await subject.switchOver(plan, runOf());
    expect(await everything()).toEqual(before);
    await subject.switchOver(plan, runOf());
    await subject.discard(plan);
    await subject.discard(plan);
    await subject.switchBack(plan, runOf());
    expect(await subject.position(plan)).toBe('unclear');
    await expect(subject.switchOver(plan, runOf())).rejects.toMatchObject({ code: 'SWITCHOVER_FAILED' });
    expect(await readdir(folder)).toEqual([path.basename(file)]);
    expect(await everything()).toEqual(before);
  });

  it('dumps one snapshot while another process writes', async () => {
    await exec([
      `PRAGMA journal_mode = ${journalMode}`,
      'CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER, pad)',
    ]);
    await exec([
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) ' +
        'INSERT INTO account SELECT i, 100, randomblob(500) FROM n',
    ]);
    const transfer =
      'BEGIN IMMEDIATE; UPDATE account SET amount = amount - 1 WHERE id = 1; UPDATE account SET amount = amount + 1 WHERE id = 4000; COMMIT;';
    const moments = new Set<number>();
    const writer = spawn(process.execPath, [
      '-e',
      `const s=require('sqlite3');const d=new s.Database(process.argv[1]);d.configure('busyTimeout',20000);
       const go=()=>d.exec(process.argv[2],(e)=>{if(e)console.error(e);setImmediate(go)});go();`,
      file,
      transfer,
    ]);
    children.push(writer);
    // At least four, and until the writer has started: on a busy machine that takes time.
    for (let round = 0; round < 4 || (moments.size < 2 && round < 100); round += 1) {
      const { bytes } = await dumpAll();
      const copy = path.join(folder, `copy${round}`);
      await writeFile(copy, bytes);
      const [row] = await all('SELECT sum(amount) s, min(amount) m FROM account', [], copy);
      expect(row?.s).toBe(400_000);
      moments.add(Number(row?.m));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(moments.size).toBeGreaterThan(1);
  });

  it('refuses the switchover while another process locks the file, and performs it afterwards', async () => {
    await exec([`PRAGMA journal_mode = ${journalMode}`, 'CREATE TABLE t (x)', 'INSERT INTO t VALUES (1)']);
    const { backup, bytes } = await dumpAll();
    await exec(['INSERT INTO t VALUES (2)']);
    const { subject, plan } = await staged(bytes, backup);
    for (const sql of ['BEGIN; SELECT * FROM t;', 'BEGIN IMMEDIATE; INSERT INTO t VALUES (3);']) {
      const session = await foreignSession(sql);
      await expect(subject.switchOver(plan, runOf())).rejects.toMatchObject({ code: 'SWITCHOVER_FAILED' });
      expect(await subject.position(plan)).toBe('before switchover');
      session.kill('SIGKILL');
      await new Promise((resolve) => session.once('exit', resolve));
      expect(await all('SELECT x FROM t')).toEqual([{ x: 1 }, { x: 2 }]);
    }
    await subject.switchOver(plan, runOf());
    expect(await all('SELECT x FROM t')).toEqual([{ x: 1 }]);
  });
});

it('keeps data from the WAL of a killed process in the previous data', async () => {
  await exec(['PRAGMA journal_mode = WAL', 'CREATE TABLE t (x)', 'INSERT INTO t VALUES (1)']);
  const { backup, bytes } = await dumpAll();
  const session = await foreignSession('PRAGMA wal_autocheckpoint = 0; INSERT INTO t VALUES (2);');
  session.kill('SIGKILL');
  await new Promise((resolve) => session.once('exit', resolve));
  expect((await stat(`${file}-wal`)).size).toBeGreaterThan(0);
  const { subject, plan } = await staged(bytes, backup);
  await subject.switchOver(plan, runOf());
  expect(await all('SELECT x FROM t')).toEqual([{ x: 1 }]);
  await subject.switchBack(plan, runOf());
  expect(await all('SELECT x FROM t')).toEqual([{ x: 1 }, { x: 2 }]);
});

it('never applies the hot journal of the replaced file to the new one', async () => {
  await exec(['CREATE TABLE t (x)', 'INSERT INTO t VALUES (1)']);
  const { backup, bytes } = await dumpAll();
  const session = await foreignSession(
    'PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT randomblob(100) FROM n;',
  );
  session.kill('SIGKILL');
  await new Promise((resolve) => session.once('exit', resolve));
  expect((await stat(`${file}-journal`)).size).toBeGreaterThan(0);
  const { subject, plan } = await staged(bytes, backup);
  await subject.switchOver(plan, runOf());
  expect(await readdir(folder)).not.toContain(`${path.basename(file)}-journal`);
  expect(await all('SELECT x FROM t')).toEqual([{ x: 1 }]);
  await subject.switchBack(plan, runOf());
  expect(await all('SELECT x FROM t')).toEqual([{ x: 1 }]);
});

it('replaces a damaged live file, and restores it on undo', async () => {
  await exec(['CREATE TABLE t (x)', 'INSERT INTO t VALUES (1)']);
  const { backup, bytes } = await dumpAll();
  await writeFile(file, 'this is no database at all, but it is long enough to be read as one'.repeat(100));
  const { subject, plan } = await staged(bytes, backup);
  await subject.switchOver(plan, runOf());
  expect(await all('SELECT x FROM t')).toEqual([{ x: 1 }]);
  await subject.switchBack(plan, runOf());
  expect(await readFile(file, 'utf8')).toContain('no database');
});

it('completes a switchover that was killed halfway, in both directions', async () => {
  await exec(['CREATE TABLE t (x)', 'INSERT INTO t VALUES (1)']);
  const { backup, bytes } = await dumpAll();
  await exec(['INSERT INTO t VALUES (2)']);
  const { subject, plan } = await staged(bytes, backup);
  const halfWay = () => rename(file, `${file}.safekeep-r1.previous`);
  await halfWay();
  expect(await subject.position(plan)).toBe('unclear');
  await subject.switchBack(plan, runOf());
  expect(await subject.position(plan)).toBe('before switchover');
  expect(await all('SELECT x FROM t')).toHaveLength(2);
  await halfWay();
  await subject.switchOver(plan, runOf());
  expect(await subject.position(plan)).toBe('after switchover');
  expect(await all('SELECT x FROM t')).toHaveLength(1);
});

describe('skipping rows', () => {
  it('keeps the structure, fires no trigger, leaves nothing readable and keeps the next id', async () => {
    await exec([
      'CREATE TABLE keep (x)',
      'INSERT INTO keep VALUES (1)',
      'CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, secret TEXT)',
      'CREATE TRIGGER t AFTER DELETE ON runs BEGIN DELETE FROM keep; END',
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO runs SELECT i, 'hush-hush ' || i FROM n",
    ]);
    const { backup, bytes } = await dumpAll({ excludeRowsOf: ['RUNS', 'missing'], schemas: [], fileTables: [] });
    expect(backup.tables).toEqual([
      { name: 'keep', rows: 1 },
      { name: 'runs', rows: 0, dataExcluded: true },
    ]);
    expect(bytes.includes('hush-hush')).toBe(false);
    expect(bytes.length).toBeLessThan(40_000);
    const { subject, plan } = await staged(bytes, backup);
    await subject.switchOver(plan, runOf());
    await exec(["INSERT INTO runs (secret) VALUES ('x')"]);
    expect(await all('SELECT id FROM runs')).toEqual([{ id: 2001 }]);
    expect(await all("SELECT name FROM sqlite_master WHERE type = 'trigger'")).toEqual([{ name: 't' }]);
    expect(await all('SELECT count(*) n FROM runs')).toEqual([{ n: 1 }]);
  });
});

describe('failures', () => {
  it('reports a damaged database instead of backing it up', async () => {
    await exec(['PRAGMA page_size = 512', 'CREATE TABLE t (x)']);
    await exec([
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO t SELECT randomblob(200) FROM n',
    ]);
    const bytes = await readFile(file);
    bytes.fill(0xff, 512 * 20, 512 * 40);
    await writeFile(file, bytes);
    await expect(driver().dump(ALL, runOf())).rejects.toMatchObject({ code: 'DUMP_INCOMPLETE' });
    expect(await readdir(folder)).toEqual([path.basename(file)]);
  });

  it('backs up rows that violate their own table’s rules, with a warning', async () => {
    await exec([
      'CREATE TABLE t (x CHECK (x > 0))',
      'PRAGMA ignore_check_constraints = ON',
      'INSERT INTO t VALUES (-1)',
    ]);
    const run = runOf();
    const { backup, bytes } = await dumpAll(ALL, run);
    expect(run.messages).toHaveLength(1);
    await staged(bytes, backup);
  });

  it('refuses a file that is not SQLite, an incomplete one, and one with other contents', async () => {
    await exec(['CREATE TABLE t (x)', 'INSERT INTO t VALUES (zeroblob(100000))']);
    const { backup, bytes } = await dumpAll();
    const stage = async (id: string, sent: Buffer, manifest = backup) => staged(sent, manifest, id);
    await expect(stage('a', Buffer.from('PK'))).rejects.toMatchObject({ code: 'ARCHIVE_DAMAGED' });
    await expect(stage('b', bytes.subarray(0, 50_000))).rejects.toMatchObject({
      code: expect.stringMatching(/ARCHIVE_DAMAGED|STAGED_DATA_DIFFERS/),
    });
    const more = { ...backup, tables: [{ name: 't', rows: 2 }] };
    await expect(stage('c', bytes, more)).rejects.toMatchObject({ code: 'STAGED_DATA_DIFFERS' });
    const missing = { ...backup, tables: [...backup.tables, { name: 'u', rows: 0 }] };
    await expect(stage('d', bytes, missing)).rejects.toThrow('table u is missing');
    await expect(stage('e', bytes, { ...backup, tables: [] })).rejects.toThrow('table t is not in the backup');
    expect(await all('SELECT length(x) l FROM t')).toEqual([{ l: 100000 }]);
  });

  it('leaves nothing behind when it is cancelled', async () => {
    await exec(['CREATE TABLE t (x)']);
    await exec([
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) INSERT INTO t SELECT randomblob(1000) FROM n',
    ]);
    const run = runOf();
    setTimeout(() => run.cancel(), 20);
    await expect(driver().dump(ALL, run)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await readdir(folder)).toEqual([path.basename(file)]);
  });

  it('names a missing database', async () => {
    const nowhere = createSqliteDriver(connectionTo(path.join(folder, 'no/such.sqlite')));
    await expect(nowhere.describe(ALL)).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    const missing = createSqliteDriver(connectionTo(path.join(folder, 'missing.sqlite')));
    await expect(missing.describe(ALL)).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
  });

  it('reports in the plan that the folder is not writable', async () => {
    const { backup } = await dumpAll();
    if (process.getuid?.() === 0) {
      // Root can write anywhere but here.
      const planning = await createSqliteDriver(connectionTo('/proc/app.sqlite')).plan('r1', backup, ALL);
      expect(planning).toMatchObject({ plan: null, blockers: [{ remedy: { text: expect.any(String) } }] });
      return;
    }
    await chmod(folder, 0o500);
    expect((await driver().plan('r1', backup, ALL)).plan).toBeNull();
    await chmod(folder, 0o700);
  });
});

it('works on the file behind a link', async () => {
  await exec(['CREATE TABLE t (x)', 'INSERT INTO t VALUES (1)']);
  const { backup, bytes } = await dumpAll();
  const elsewhere = path.join(folder, 'links');
  await mkdir(elsewhere);
  const name = path.join(elsewhere, 'db');
  await symlink(file, name);
  await exec(['DELETE FROM t']);
  const subject = createSqliteDriver(connectionTo(name));
  const { plan } = await subject.plan('r1', backup, ALL);
  if (!plan) throw new Error('no plan');
  await subject.stage(plan, backup, async () => Readable.from([bytes]), runOf());
  await subject.switchOver(plan, runOf());
  expect(await all('SELECT x FROM t')).toEqual([{ x: 1 }]);
  expect(await readdir(elsewhere)).toEqual(['db']);
});
