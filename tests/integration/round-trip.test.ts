/** What was backed up comes back: every row, every definition, every file; on the same server and on another one. */
import { existsSync } from 'node:fs';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatabaseConnection } from '../../src/engine/databases/driver';
import SafekeepPlugin from '../../src/server';
import type { BackupDetails, BackupView } from '../../src/shared/api';
import type { RunView } from '../../src/shared/runs';
import { startApp, type TestApp } from '../support/app';
import { removeFolder, temporaryFolder } from '../support/child';
import * as compare from '../support/compare';
import { startPostgres } from '../support/postgres';
import { download, endOfRun, logOf, makeBackup, makeRestore, upload } from '../support/safekeep';
import { type FreshDatabase, freshDatabase } from '../support/servers';
import * as zoo from '../support/zoo';

/** As the host takes it: below the storage folder of whatever server it is. */
const SECOND_ROOT = 'storage/second root';

/** Rows that a restore leaves as they are or that the host itself writes while it starts. */
const NOT_COMPARED = [/^safekeep(Runs|Backups)$/, 'issuedTokens'];

/**
 * What does not come along where the role that owned everything is another one: its default privileges, and that it had
 * revoked a privilege from itself.
 */
const LOST_ELSEWHERE = {
  sqlite: [],
  postgres: [
    'gone from the schema: -- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: public; Owner: <own role>',
    'gone from the schema: -- Name: TABLE zoo_left; Type: ACL; Schema: public; Owner: <own role>',
  ],
  mariadb: [],
};

interface Server {
  host: TestApp;
  target: DatabaseConnection;
  uploads: string;
  second: string;
}

async function startServer(database: FreshDatabase | null, storage: string, install: boolean): Promise<Server> {
  const host = await startApp({
    plugin: SafekeepPlugin,
    plugins: zoo.ZOO_PLUGINS,
    database: database ?? 'sqlite',
    storage,
    install,
  });
  const target = zoo.targetOf({ database, storage });
  return { host, target, uploads: path.join(storage, 'uploads'), second: path.join(storage, 'second root') };
}

interface Picture {
  database: compare.Fingerprint;
  uploads: compare.FolderFingerprint;
  second: compare.FolderFingerprint;
}

async function pictureOf({ target, uploads, second }: Server): Promise<Picture> {
  return {
    database: await compare.fingerprint(target, { ignoreRowsOf: NOT_COMPARED }),
    uploads: await compare.fingerprintFolder(uploads),
    second: await compare.fingerprintFolder(second),
  };
}

function expectSamePicture(before: Picture, after: Picture): void {
  compare.expectSame(before.database, after.database);
  compare.expectSameFiles(before.uploads, after.uploads);
  compare.expectSameFiles(before.second, after.second);
}

/** What goes wrong between a backup and the wish to have it back. */
async function wreck({ host, target, uploads, second }: Server): Promise<void> {
  await host.app.db.getRepository('zooTypes').destroy({ filter: { choice: 'apostrophe' } });
  await host.app.db.getRepository('zooPeople').update({ filter: { name: { $ne: 'x' } }, values: { name: 'wrong' } });
  await compare.withConnection(target, async (connection) => {
    const books = compare.quote(target, 'zooBooksTags');
    for (const sql of [`DELETE FROM ${books}`, 'DROP VIEW zoo_checked', 'CREATE TABLE zoo_newer (id int)']) {
      if (target.dialect !== 'sqlite' || !sql.includes('zoo_checked')) await connection.query(sql);
    }
  });
  await rm(path.join(uploads, 'zoo/many'), { recursive: true });
  await appendFile(path.join(uploads, 'zoo/incompressible.jpg'), 'x');
  await writeFile(path.join(uploads, 'zoo/newer.txt'), 'newer');
  await writeFile(path.join(second, 'newer too.txt'), 'newer');
}

/** Undoes a restore, or an undo. */
async function undo({ root }: TestApp, filterByTk: string): Promise<RunView> {
  const { runId } = await root.get('safekeepRuns:undo', { body: { filterByTk } });
  const run = await endOfRun(root, runId);
  if (run.status !== 'succeeded') throw new Error(`undo ${run.status}: ${JSON.stringify(run.error)}`);
  return run;
}

describe.each(['sqlite', 'postgres', 'mariadb'] as const)('on %s', (dialect) => {
  const storages = [temporaryFolder('server-a'), temporaryFolder('server-b')] as const;
  const databases: (FreshDatabase | null)[] = [];
  let a: Server;
  let missing: string;
  /** Taken before anything else happens; no test changes the archive. */
  let backup: BackupView;
  let picture: Picture;

  beforeAll(async () => {
    for (const _ of storages) databases.push(dialect === 'sqlite' ? null : await freshDatabase(dialect));
    a = await startServer(databases[0] ?? null, storages[0], true);
    await zoo.seedZoo(a.host.app, { target: a.target, secondRoot: SECOND_ROOT, asAdmin: databases[0]?.asAdmin });
    ({ missing } = await zoo.seedUploads(a.host.app, a.second));
    await zoo.seedFiles(path.join(a.uploads, 'zoo'));
    picture = await pictureOf(a);
    backup = await makeBackup(a.host.root, { note: "it's \\ the zoo 🛟" });
    expectSamePicture(picture, await pictureOf(a));
  });
  afterAll(async () => {
    await a?.host.stop();
    for (const database of databases) await database?.drop();
    storages.forEach(removeFolder);
  });

  test('the backup warns of the file that is missing on disk', async () => {
    const { root } = a.host;
    expect(backup).toMatchObject({ status: 'succeeded with warnings', warnings: 1, error: null });
    expect(await logOf(root, backup.runId ?? '')).toContain(`Missing on disk: ${missing}`);
    const { manifest }: BackupDetails = await root.get(`safekeepBackups:get?filterByTk=${backup.name}`);
    expect(manifest?.files?.missing).toBe(1);
  });

  test('a restore brings back every row, definition and file; newer files are removed; undo brings the previous data back', async () => {
    await wreck(a);
    const wrecked = await pictureOf(a);
    const restored = await makeRestore(a.host.root, { name: backup.name });
    expectSamePicture(picture, await pictureOf(a));
    expect(existsSync(path.join(a.uploads, 'zoo/newer.txt'))).toBe(false);
    const undone = await undo(a.host, restored.id);
    expectSamePicture(wrecked, await pictureOf(a));
    await undo(a.host, undone.id);
    expectSamePicture(picture, await pictureOf(a));
    const runs: RunView[] = await a.host.root.get('safekeepRuns:list?sort=startedAt');
    expect(runs.map(({ kind }) => kind).slice(-3)).toEqual(['restore', 'undo', 'undo']);
    expect(runs.map(({ id }) => id)).toContain(backup.runId);
  });

  test('a restore of the files alone leaves the database, and merging keeps newer files', async () => {
    await wreck(a);
    const { database } = await pictureOf(a);
    const request = { name: backup.name, contents: ['files'], filesMode: 'merge' };
    await makeRestore(a.host.root, request);
    const merged = await pictureOf(a);
    compare.expectSame(database, merged.database);
    const { 'zoo/newer.txt': newer, ...uploads } = merged.uploads;
    const { 'newer too.txt': newerToo, ...second } = merged.second;
    expect([newer?.bytes, newerToo?.bytes]).toEqual([5, 5]);
    compare.expectSameFiles(picture.uploads, uploads);
    compare.expectSameFiles(picture.second, second);
  });

  test('a backup made while users work contains one consistent moment', async () => {
    const writer = await zoo.startWriter(a.target);
    let [before, after, name] = [0, 0, ''];
    try {
      await writer.more(20);
      before = writer.committed;
      ({ name } = await makeBackup(a.host.root, { contents: ['database'] }));
      after = writer.committed;
    } finally {
      await writer.stop();
    }
    expect(after).toBeGreaterThan(before);
    await makeRestore(a.host.root, { name });
    const held = await zoo.checkInvariant(a.target);
    expect(held).toBeGreaterThanOrEqual(before);
    expect(held).toBeLessThanOrEqual(after);
  });

  test('a fresh server with other ids, address, credentials and storage gets the same data', async () => {
    const archive = await download(a.host.root, backup.name);
    await a.host.stop();
    const database = dialect === 'postgres' ? await ownPostgres() : databases[1];
    const b = await startServer(database ?? null, storages[1], true);
    try {
      await b.host.userWith([]);
      await b.host.app.db.getRepository('attachments').create({ values: { title: 'of B', filename: 'b.txt' } });
      const uploadId = await upload(b.host.root, archive);
      // A storage that is not here: the operator opens its folder.
      await expect(makeRestore(b.host.root, { uploadId })).rejects.toThrow(/it is not a folder for file storages/);
      process.env['LOCAL_STORAGE_ALLOWED_ROOTS'] = SECOND_ROOT;
      await makeRestore(b.host.root, { uploadId });
      const there = await pictureOf(b);
      const differences = compare.differences(withoutDatabase(picture.database), withoutDatabase(there.database));
      expect(differences).toEqual(LOST_ELSEWHERE[dialect]);
      compare.expectSameFiles(picture.uploads, there.uploads);
      compare.expectSameFiles(picture.second, there.second);
      if (dialect === 'mariadb') expect(await definersOf(b.target)).toEqual([b.target.username]);
      await zoo.nextInsertWorks(b.host.app);
      await zoo.nextRawInsertWorks(b.target);
      const listed: RunView[] = await b.host.root.get('safekeepRuns:list');
      expect(listed.map(({ kind }) => kind)).toEqual(['restore']);
    } finally {
      delete process.env['LOCAL_STORAGE_ALLOWED_ROOTS'];
      await b.host.stop();
      if (database !== databases[1]) await database?.drop();
      a = await startServer(databases[0] ?? null, storages[0], false);
    }
  });
});

/** A server of its own, where the role that owned everything does not exist; the role that grants name does. */
async function ownPostgres(): Promise<FreshDatabase> {
  const { host, port, superuser, password, stop } = await startPostgres();
  const asAdmin = async (sql: string, database = 'postgres') => {
    const target = { dialect: 'postgres', host, port, username: superuser, password, database } as const;
    return compare.withConnection({ ...target, tablePrefix: '', underscored: false }, ({ query }) => query(sql));
  };
  await asAdmin(`CREATE ROLE "${zoo.READER_ROLE}"`);
  await asAdmin(`CREATE ROLE bee LOGIN CREATEDB PASSWORD 'bee'`);
  await asAdmin('CREATE DATABASE hive OWNER bee');
  return {
    dialect: 'postgres',
    host,
    port,
    username: 'bee',
    password: 'bee',
    database: 'hive',
    asAdmin,
    drop: stop,
  };
}

/** What hangs on the database itself is its server's: a restore leaves it as it is there. */
function withoutDatabase(fingerprint: compare.Fingerprint): compare.Fingerprint {
  const parts = fingerprint.schema.split('\n\n').filter((part) => !part.startsWith('-- Database:'));
  return { ...fingerprint, schema: parts.join('\n\n') };
}

/** Users in whose name views and routines run. */
async function definersOf(target: DatabaseConnection): Promise<string[]> {
  const rows = await compare.withConnection(target, ({ query }) =>
    query(
      `SELECT definer FROM information_schema.views WHERE table_schema = DATABASE()
       UNION SELECT definer FROM information_schema.triggers WHERE trigger_schema = DATABASE()
       UNION SELECT definer FROM information_schema.routines WHERE routine_schema = DATABASE()
       UNION SELECT definer FROM information_schema.events WHERE event_schema = DATABASE()`,
    ),
  );
  return rows.map(({ definer }) => (definer ?? '').split('@')[0] ?? '');
}
