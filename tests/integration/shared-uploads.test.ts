/** The main app and its sub-apps keep their uploads in one folder. What one of them restores is nobody else's business. */
import * as fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SLOT_NAME } from '../../src/engine/files/slots';
import SafekeepPlugin from '../../src/server';
import { housekeep } from '../../src/server/runs/previous';
import { Safekeep } from '../../src/server/safekeep';
import type { InspectAnswer } from '../../src/shared/api';
import type { RunView } from '../../src/shared/runs';
import { altered, entriesOf } from '../support/altered-archive';
import { startApp, type TestApp } from '../support/app';
import { type Attachment, removeFile, served, uploadFile } from '../support/attachments';
import { at, type Moment } from '../support/moments';
import { download, endOfRun, logOf, makeBackup, makeRestore, upload } from '../support/safekeep';
import { freshDatabase, type FreshDatabase } from '../support/servers';

const A_YEAR_MS = 365 * 24 * 3600_000;

describe.each(['sqlite', 'postgres', 'mariadb'] as const)('on %s', (dialect) => {
  let main: TestApp;
  let a: TestApp;
  let b: TestApp;
  let database: FreshDatabase | null = null;
  let uploads: string;

  beforeAll(async () => {
    database = dialect === 'sqlite' ? null : await freshDatabase(dialect);
    main = await startApp({ plugin: SafekeepPlugin, database: database ?? 'sqlite', withSubApps: true });
    uploads = path.join(fs.realpathSync(main.storage), 'uploads');
    const subApp = async (name: string) => {
      const databaseOptions = await ownDatabase(name);
      return await startApp({
        plugin: SafekeepPlugin,
        database: database ?? 'sqlite',
        databaseOptions,
        name,
        beside: main,
      });
    };
    a = await subApp('a');
    b = await subApp('b');
  }, 300_000);
  afterAll(async () => {
    for (const app of [b, a, main]) await app?.stop();
    await database?.drop();
  });

  /** As the host gives it to sub-apps: a file, a schema, a database. */
  async function ownDatabase(name: string): Promise<Record<string, string>> {
    if (!database) return { storage: path.join(main.storage, `db/${name}.sqlite`) };
    if (dialect === 'postgres') {
      await database.asAdmin(`CREATE SCHEMA ${name} AUTHORIZATION "${database.username}"`);
      return { schema: name };
    }
    await database.asAdmin(`CREATE DATABASE \`${database.database}_${name}\``);
    return { database: `${database.database}_${name}` };
  }

  const fileOf = ({ path: folder, filename }: Attachment) => path.join(uploads, folder, filename);
  const isLive = (file: Attachment) => fs.existsSync(fileOf(file));

  /** Sees each moment at which a file, or its name, is not what it was. */
  function watch(files: string[]): { stop(): void } {
    const look = (file: string) => {
      const stats = fs.lstatSync(file, { bigint: true, throwIfNoEntry: false });
      return stats ? [stats.ino, stats.mtimeNs, stats.ctimeNs, stats.nlink, stats.size].join(' ') : 'gone';
    };
    const before = files.map((file) => [file, look(file), fs.readFileSync(file, 'utf8')] as const);
    const changes: string[] = [];
    const check = () => {
      for (const [file, seen] of before) if (look(file) !== seen) changes.push(file);
    };
    const timer = setInterval(check, 1);
    return {
      stop: () => {
        clearInterval(timer);
        check();
        expect([...new Set(changes)]).toEqual([]);
        for (const [file, , content] of before) expect(fs.readFileSync(file, 'utf8')).toBe(content);
      },
    };
  }

  /** Files that records of the other apps name, and files that no record names. */
  async function notOf(app: TestApp): Promise<string[]> {
    const own = (await app.app.db.getRepository('attachments').find()) as unknown as Attachment[];
    const names = new Set(own.map(({ filename }) => filename));
    return fs
      .readdirSync(uploads)
      .filter((name) => !names.has(name) && !SLOT_NAME.test(name))
      .map((name) => path.join(uploads, name));
  }

  const undo = async (app: TestApp, runId: string): Promise<RunView> => {
    const reply = await app.root.get(`safekeepRuns:undo?filterByTk=${runId}`, { method: 'POST' });
    const run = await endOfRun(app.root, reply.runId);
    expect(run.status, await logOf(app.root, run.id)).toBe('succeeded');
    return run;
  };

  it('a backup contains the files named in the app’s own records, and logs it', async () => {
    const [mine, theirs] = [await uploadFile(a.root, 'a.txt', 'of a'), await uploadFile(main.root, 'm.txt', 'of main')];
    fs.writeFileSync(path.join(uploads, 'nobody’s'), 'no record names it');
    const { name } = await makeBackup(a.root);
    const entries = await entriesOf(await download(a.root, name));
    const files = entries.filter((entry) => entry.name.startsWith('files/'));
    expect(files.map((entry) => entry.name)).toContain(`files/local/${mine.filename}`);
    expect(files.map((entry) => entry.name)).not.toContain(`files/local/${theirs.filename}`);
    expect(files.every(({ recorded }) => recorded)).toBe(true);
    // Its own logo, too.
    expect(files).toHaveLength(2);
    const inspected: InspectAnswer = await a.root.get('safekeepBackups:inspect', { body: { name } });
    expect(inspected.plan.sharedFolders).toEqual([{ folder: uploads, apps: ['b', 'main'] }]);
    expect(inspected.checks.find(({ code }) => code === 'sharedFolders')).toMatchObject({ status: 'ok' });
    expect(inspected.restorable).toBe(true);
  });

  it('mirror restore, undo, redo, merge restore and expiry move this app’s files alone', async () => {
    const [kept, deleted] = [
      await uploadFile(a.root, 'kept.txt', 'kept'),
      await uploadFile(a.root, 'deleted.txt', 'deleted'),
    ];
    const others = [await uploadFile(main.root, 'm.txt', 'of main'), await uploadFile(b.root, 'b.txt', 'of b')];
    const { name } = await makeBackup(a.root);
    await removeFile(a.root, deleted);
    const newer = await uploadFile(a.root, 'newer.txt', 'newer');
    await uploadFile(main.root, 'm2.txt', 'of main');
    await uploadFile(b.root, 'b2.txt', 'of b');
    await removeFile(b.root, others[1] as Attachment);
    const live = () => [kept, deleted, newer].map(isLive);
    expect(live()).toEqual([true, false, true]);

    let watched = watch(await notOf(a));
    const restored = await makeRestore(a.root, { name });
    watched.stop();
    expect(live()).toEqual([true, true, false]);
    expect(await served(a.root, deleted)).toBe('deleted');
    expect(await served(main.root, others[0] as Attachment)).toBe('of main');

    const afterwards = await uploadFile(a.root, 'afterwards.txt', 'afterwards');
    await uploadFile(main.root, 'm3.txt', 'of main');
    watched = watch(await notOf(a));
    const undone = await undo(a, restored.id);
    expect([...live(), isLive(afterwards)]).toEqual([true, false, true, false]);
    expect(await served(a.root, newer)).toBe('newer');
    await undo(a, undone.id);
    watched.stop();
    expect([...live(), isLive(afterwards)]).toEqual([true, true, false, true]);
    expect(await served(a.root, afterwards)).toBe('afterwards');

    await removeFile(a.root, deleted);
    watched = watch(await notOf(a));
    await makeRestore(a.root, { name, filesMode: 'merge' });
    expect([...live(), isLive(afterwards)]).toEqual([true, true, false, true]);
    await housekeep(Safekeep.of(a.app), new Date(Date.now() + A_YEAR_MS));
    watched.stop();
    expect(fs.readdirSync(uploads).filter((file) => SLOT_NAME.test(file))).toEqual([]);
    expect([...live(), isLive(afterwards)]).toEqual([true, true, false, true]);
  }, 300_000);

  const moments: Moment[] = ['app reload', 'before switchOver', 'after switchOver'];
  it.each(dialect === 'sqlite' ? moments : moments.slice(0, 1))(
    'a restore that fails at “%s” leaves every file of every app as it was',
    async (moment) => {
      const deleted = await uploadFile(a.root, 'deleted.txt', 'deleted');
      const { name } = await makeBackup(a.root);
      await removeFile(a.root, deleted);
      const newer = await uploadFile(a.root, 'newer.txt', 'newer');
      const watched = watch(await notOf(a));
      const ambush = at(a.app, moment, () => Promise.reject(new Error('on purpose')));
      const { runId } = await a.root.get('safekeepBackups:restore', { body: { name } });
      const run = await endOfRun(a.root, runId);
      ambush.remove();
      watched.stop();
      expect([run.status, ambush.happened]).toEqual(['failed', true]);
      expect([deleted, newer].map(isLive)).toEqual([false, true]);
      expect(await served(a.root, newer)).toBe('newer');
      expect(fs.readdirSync(uploads).filter((file) => SLOT_NAME.test(file))).toEqual([]);
    },
    300_000,
  );

  // Of the others a schema or a database has the app's name, and does not fit another app.
  if (dialect !== 'sqlite') return;

  it('a backup of one app restored in another, whose records then name the same files, never moves those', async () => {
    const file = await uploadFile(a.root, 'of a.txt', 'of a');
    const own = await makeBackup(b.root);
    const { name } = await makeBackup(a.root);
    const uploadId = await upload(b.root, await download(a.root, name));
    const watched = watch(
      fs
        .readdirSync(uploads)
        .filter((one) => one.startsWith('of-a') || one.startsWith('of a'))
        .map((one) => path.join(uploads, one)),
    );
    const restored = await makeRestore(b.root, { uploadId });
    expect(await b.app.db.getRepository('attachments').count({ filter: { filename: file.filename } })).toBe(1);
    const undone = await undo(b, restored.id);
    await undo(b, undone.id);
    await makeRestore(b.root, { name: own.name });
    await housekeep(Safekeep.of(b.app), new Date(Date.now() + A_YEAR_MS));
    watched.stop();
    expect(await served(a.root, file)).toBe('of a');
  }, 300_000);

  it('an older backup, which does not record whose its files are, is not restored into the folder', async () => {
    const { name } = await makeBackup(a.root);
    const archive = await altered(await download(a.root, name), {
      manifest: ({ files }) => files?.roots.forEach((root) => delete root.recorded),
      entry: ({ recorded: _, ...entry }) => entry,
    });
    const uploadId = await upload(a.root, archive);
    const inspected: InspectAnswer = await a.root.get('safekeepBackups:inspect', { body: { uploadId } });
    expect(inspected.checks.filter(({ status }) => status === 'blocking')).toMatchObject([{ code: 'fileFolders' }]);
    const database: InspectAnswer = await a.root.get('safekeepBackups:inspect', {
      body: { uploadId, contents: ['database'] },
    });
    expect(database.restorable).toBe(true);
  });

  // The last one: it changes which apps there are.
  it('an app counts as a user of the folder while it can have files there', async () => {
    const sharedWith = async () => (await Safekeep.of(main.app).site()).fileRoots[0]?.sharedWith;
    const foldersFile = path.join(main.storage, 'safekeep/a/folders.json');
    const recorded = () => (JSON.parse(fs.readFileSync(foldersFile, 'utf8')) as { files: string[] }).files;
    expect(await sharedWith()).toEqual(['a', 'b']);
    expect(recorded()).toEqual([uploads]);

    const storages = a.app.db.getRepository('storages');
    const local = await storages.findOne({ filter: { name: 'local' } });
    const options = { documentRoot: 'storage/of a' };
    await storages.update({ filterByTk: local.get('id'), values: { options } });
    expect(await sharedWith()).toEqual(['b']);
    // Once it is stopped, files that it left there may still be its own.
    await expect.poll(recorded).toEqual([uploads, path.join(path.dirname(uploads), 'of a')]);
    await a.stop();
    expect(await sharedWith()).toEqual(['a', 'b']);
    fs.writeFileSync(foldersFile, '{"files": "nonsense"}');
    expect(await sharedWith()).toEqual(['a', 'b']);
    fs.writeFileSync(foldersFile, JSON.stringify({ files: ['/elsewhere'], database: [] }));
    expect(await sharedWith()).toEqual(['b']);

    fs.mkdirSync(path.join(main.storage, 'apps/of which nothing is known'));
    expect(await sharedWith()).toEqual(['b', 'of which nothing is known']);
    main.app.db.collection({ name: 'applications', fields: [{ name: 'name', type: 'string' }] });
    await main.app.db.sync();
    await main.app.db.getRepository('applications').create({ values: { name: 'registered' } });
    expect(await sharedWith()).toEqual(['b', 'of which nothing is known', 'registered']);
  });
});
