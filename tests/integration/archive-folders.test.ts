/** An archive names folders. Which of them a restore replaces is decided here. */
import * as fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { planFolders } from '../../src/engine/files/plan';
import SafekeepPlugin from '../../src/server';
import { applyStorageRoots } from '../../src/server/host/storage-roots';
import { Safekeep } from '../../src/server/safekeep';
import type { InspectAnswer } from '../../src/shared/api';
import type { Manifest } from '../../src/shared/manifest';
import { altered } from '../support/altered-archive';
import { startApp, type TestApp } from '../support/app';
import { served, uploadFile } from '../support/attachments';
import { removeFolder, temporaryFolder } from '../support/child';
import * as compare from '../support/compare';
import { download, makeBackup, makeRestore, upload } from '../support/safekeep';

let home: string;
/** As STORAGE_PATH names it: a link. */
let storage: string;
let host: TestApp;
let archive: Buffer;

beforeAll(async () => {
  home = fs.realpathSync(temporaryFolder('folders'));
  storage = path.join(home, 'link to storage');
  fs.mkdirSync(path.join(home, 'real storage'));
  fs.symlinkSync('real storage', storage);
  process.env['LOCAL_STORAGE_ALLOWED_ROOTS'] = path.join(home, 'opened');
  host = await startApp({ plugin: SafekeepPlugin, storage });
  await uploadFile(host.root, 'first.txt', 'backed up');
  archive = await download(host.root, (await makeBackup(host.root)).name);
});
afterEach(() => {
  process.env['LOCAL_STORAGE_ALLOWED_ROOTS'] = path.join(home, 'opened');
});
afterAll(async () => {
  delete process.env['LOCAL_STORAGE_ALLOWED_ROOTS'];
  await host?.stop();
  removeFolder(home);
});

const inspect = async (uploadId: string, contents?: string[]): Promise<InspectAnswer> =>
  await host.root.get('safekeepBackups:inspect', { body: { uploadId, contents } });

/** The archive with another document root, uploaded; `storages`: of its root, a storage that is not here unless given. */
async function crafted(documentRoot: string, storages = ['crafted'], more: Partial<Manifest> = {}): Promise<string> {
  const manifest = (found: Manifest) => {
    Object.assign(found, more);
    for (const root of found.files?.roots ?? []) Object.assign(root, { documentRoot, storages, places: undefined });
  };
  return await upload(host.root, await altered(archive, { manifest }));
}

function put(folder: string, name: string, content: string): void {
  fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  fs.writeFileSync(path.join(folder, name), content);
}

describe('an archive whose files belong', () => {
  /** What the crafted archives aim at; those that change by themselves have only their names compared. */
  const everything = () =>
    fs
      .readdirSync(path.join(home, 'real storage'), { recursive: true, encoding: 'utf8' })
      .filter((name) => !/^(safekeep|logs)\//.test(name))
      .sort();

  beforeAll(() => {
    for (const name of ['plugins', 'apps/main', 'logs', 'tmp']) put(path.join(storage, name), 'kept/file', 'kept');
    put(home, 'elsewhere/file', 'kept');
    fs.symlinkSync('plugins', path.join(storage, 'link to plugins'));
    fs.symlinkSync('../elsewhere', path.join(storage, 'link to elsewhere'));
    // Another app, which is stopped.
    fs.mkdirSync(path.join(storage, 'safekeep/other'), { recursive: true });
    const folders = { files: [path.join(home, 'opened/other')], database: [path.join(home, 'opened/other db')] };
    fs.writeFileSync(path.join(storage, 'safekeep/other/folders.json'), JSON.stringify(folders));
    put(home, 'opened/other/file', 'of another app');
    put(home, 'opened/other db/other.sqlite', 'of another app');
  });
  afterAll(() => fs.rmSync(path.join(storage, 'safekeep/other'), { recursive: true }));

  const FORBIDDEN = [
    ...['plugins', 'apps', 'db', 'safekeep', 'logs', 'tmp', 'backups'].map((name) => `storage/${name}`),
    'storage/plugins/nocobase-plugin-x',
    'storage/PLUGINS/',
    'storage/uploads/../plugins',
    'storage/uploads/../../link to storage/apps/main',
    'storage/link to plugins',
    'storage/link to plugins/not/yet',
    'storage/link to elsewhere',
    'storage',
    '.',
    '..',
    '/',
    'node_modules',
    'node_modules/@nocobase',
    'packages/app',
    'storage/uploads/below',
    'storage/not yet',
    '/etc/passwd/below',
    'nul\0byte',
  ];

  it('to no folder of a file storage of the app is not restored', async () => {
    const before = everything();
    for (const documentRoot of FORBIDDEN) {
      const uploadId = await crafted(documentRoot);
      const { checks, restorable } = await inspect(uploadId);
      const lines = checks.filter(({ code }) => code === 'fileFolders');
      expect(lines, documentRoot).toMatchObject([{ status: 'blocking' }]);
      expect(restorable).toBe(false);
    }
    const body = { uploadId: await crafted('storage/plugins'), acceptWarnings: ['fileFolders'] };
    const reply = await host.root.call('safekeepBackups:restore', { body });
    expect([reply.status, reply.body.errors[0].code]).toEqual([409, 'INCOMPATIBLE']);
    expect(everything()).toEqual(before);
  }, 300_000);

  it('to NocoBase or to another app is not restored, even where the operator allows every folder', async () => {
    process.env['LOCAL_STORAGE_ALLOWED_ROOTS'] = '/,storage,..';
    const reasons: string[] = [];
    for (const documentRoot of [
      ...FORBIDDEN.slice(0, 12),
      ...[
        'storage',
        '.',
        '/',
        'node_modules/@nocobase',
        `${home}/opened/other`,
        `${home}/opened`,
        `${home}/opened/other db`,
      ],
    ]) {
      const { checks } = await inspect(await crafted(documentRoot));
      const [line] = checks.filter(({ code }) => code === 'fileFolders');
      expect(line, documentRoot).toMatchObject({ status: 'blocking' });
      reasons.push(line?.current ?? '');
    }
    expect(new Set(reasons)).toContain('the app other keeps its files there');
    expect(new Set(reasons)).toContain(`the database file is in ${home}/real storage/db`);
    expect(new Set(reasons)).toContain(`NocoBase itself uses ${home}/real storage/plugins`);
    const free = await inspect(await crafted(`${home}/opened/mine`));
    expect(free.checks.filter(({ code }) => code === 'fileFolders')).toEqual([]);
  }, 300_000);

  it('to a folder that the operator allows is restored there', async () => {
    const uploadId = await crafted(`${home}/opened/mine/deep`);
    await makeRestore(host.root, { uploadId, contents: ['files'] });
    const names = fs.readdirSync(path.join(home, 'opened/mine/deep'));
    const file = names.find((name) => name.startsWith('first-')) ?? '';
    expect(fs.readFileSync(path.join(home, 'opened/mine/deep', file), 'utf8')).toBe('backed up');
  });

  it('to storages in separate folders here is not restored', async () => {
    const values = { name: 'second', title: 'second', type: 'local', options: { documentRoot: 'storage/second' } };
    await host.app.db.getRepository('storages').create({ values });
    const { checks } = await inspect(await crafted('storage/uploads', ['local', 'second']));
    expect(checks.filter(({ code }) => code === 'fileFolders')).toMatchObject([{ status: 'blocking' }]);
    await host.app.db.getRepository('storages').destroy({ filter: { name: 'second' } });
  });

  it('to a storage of the app is restored to the folder of that storage here, whatever the archive names', async () => {
    const before = everything();
    const uploadId = await crafted('storage/plugins', ['local']);
    const { checks } = await inspect(uploadId);
    expect(checks.filter(({ code }) => code === 'fileFolders')).toMatchObject([
      { status: 'warning', backup: 'storage/plugins', current: path.join(home, 'real storage/uploads') },
    ]);
    const refused = await host.root.call('safekeepBackups:restore', { body: { uploadId } });
    expect(refused.body.errors[0].code).toBe('WARNINGS_NOT_ACCEPTED');
    put(storage, 'uploads/newer', 'newer');
    await makeRestore(host.root, { uploadId, contents: ['files'] });
    expect(fs.existsSync(path.join(storage, 'uploads/newer'))).toBe(false);
    expect(everything().filter((name) => /^(plugins|apps|db)/.test(name))).toEqual(
      before.filter((name) => /^(plugins|apps|db)/.test(name)),
    );
  });
});

describe('a backup from a server with other upload folders', () => {
  const storages = () => host.app.db.getRepository('storages');
  const moveTo = async (documentRoot: string) => {
    const [local] = await storages().find({ filter: { name: 'local' } });
    await storages().update({
      filterByTk: local.get('id'),
      values: { options: { ...local.get('options'), documentRoot } },
    });
  };

  it.each(['mirror', 'merge'])(
    'is restored to where they lie here, and the app serves them (%s)',
    async (filesMode) => {
      const there = path.join(home, 'opened', `there ${filesMode}`);
      const here = path.join(home, 'real storage/uploads');
      await moveTo(there);
      const file = await uploadFile(host.root, 'picture.txt', 'of the other server');
      const { name } = await makeBackup(host.root);
      await moveTo('storage/uploads');
      fs.renameSync(there, path.join(home, `gone ${filesMode}`));
      const newer = await uploadFile(host.root, 'newer.txt', 'of here');
      const inspected: InspectAnswer = await host.root.get('safekeepBackups:inspect', { body: { name } });
      expect(inspected.checks.filter(({ code }) => code === 'fileFolders')).toMatchObject([
        { status: 'warning', backup: there, current: here },
      ]);
      const manifest = (await host.root.get(`safekeepBackups:get?filterByTk=${name}`)).manifest as Manifest;
      const site = await Safekeep.of(host.app).site();
      const { storageRoots } = await planFolders(manifest, 'abc', ['database', 'files'], site);
      expect(storageRoots).toEqual({ local: 'storage/uploads' });
      expect((await planFolders(manifest, 'abc', ['files'], site)).storageRoots).toEqual({});

      await makeRestore(host.root, { name, filesMode });
      await applyStorageRoots(host.app, storageRoots);
      expect(await applyStorageRoots(host.app, storageRoots)).toEqual([]);
      expect(await served(host.root, file)).toBe('of the other server');
      expect(fs.existsSync(there)).toBe(false);
      expect(fs.existsSync(path.join(here, newer.filename))).toBe(filesMode === 'merge');
      const next = await uploadFile(host.root, 'next.txt', 'next');
      expect(fs.readFileSync(path.join(here, next.filename), 'utf8')).toBe('next');
    },
  );

  it('keeps a variable in the document root that leads to the same folder', async () => {
    const folder = path.join(home, 'opened/variable');
    host.app.environment.setVariable('FOLDER', folder);
    await moveTo('{{ $env.FOLDER }}');
    expect((await Safekeep.of(host.app).site()).storages).toMatchObject([{ folder }]);
    expect(await applyStorageRoots(host.app, { local: folder, 'not here': folder })).toEqual([]);
    expect(await applyStorageRoots(host.app, { local: `${folder} 2` })).toEqual(['local']);
    expect((await Safekeep.of(host.app).site()).storages).toMatchObject([{ folder: `${folder} 2` }]);
  });
});

it('leaves the uploads unchanged when a backup is inspected', async () => {
  const before = await compare.fingerprintFolder(path.join(storage, 'uploads'));
  await inspect(await upload(host.root, archive));
  compare.expectSameFiles(before, await compare.fingerprintFolder(path.join(storage, 'uploads')));
});
