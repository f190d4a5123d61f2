import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Manifest, ManifestFileRoot } from '../../shared/manifest';
import type { Content } from '../../shared/runs';
import type { Site } from '../site';
import { planFolders, requireAlone } from './plan';
import type { LocalStorage } from './storages';

let home: string;
beforeEach(() => {
  home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'safekeep-plan-')));
});
afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

const at = (...names: string[]) => path.join(home, ...names);

/** Storages here, by name the folder below `home`. */
function storages(folders: Record<string, string>): LocalStorage[] {
  return Object.entries(folders).map(([name, folder]) => ({
    id: name,
    name,
    documentRoot: at(folder),
    folder: at(folder),
  }));
}

const rootOf = (places: Record<string, string>, documentRoot: string, more: Partial<ManifestFileRoot> = {}) => ({
  id: Object.keys(places)[0] ?? 'none',
  storages: Object.keys(places),
  documentRoot: documentRoot && at(documentRoot),
  places,
  files: 10,
  bytes: 1000,
  recorded: { files: 4, bytes: 400 },
  ...more,
});

async function plan(
  roots: ManifestFileRoot[],
  here: LocalStorage[],
  more: Partial<Site> = {},
  contents: Content[] = ['database', 'files'],
) {
  const manifest = { files: { roots, missing: 0 } } as unknown as Manifest;
  const site = {
    storages: here,
    documentRoots: { storage: home, working: home, default: at('uploads') },
    allowedRoots: [],
    reservedFolders: [],
    otherApps: [],
    ...more,
  } as unknown as Site;
  return await planFolders(manifest, 'abc123', contents, site);
}

const foldersOf = ({ targets }: Awaited<ReturnType<typeof plan>>) => targets.map(({ plan: { folder } }) => folder);

it('goes to the folder that the storage has here, and reports the one in the backup', async () => {
  const found = await plan([rootOf({ local: '' }, 'there')], storages({ local: 'here' }));
  expect(foldersOf(found)).toEqual([at('here')]);
  expect(found.moved).toEqual([{ there: at('there'), here: at('here') }]);
  expect(found.storageRoots).toEqual({ local: at('here') });
  const filesOnly = await plan([rootOf({ local: '' }, 'there')], storages({ local: 'here' }), {}, ['files']);
  expect([filesOnly.moved.length, filesOnly.storageRoots]).toEqual([1, {}]);
});

it('treats one folder with different paths as the same', async () => {
  fs.mkdirSync(at('here'));
  fs.symlinkSync('here', at('link'));
  for (const documentRoot of ['here', 'link', 'here/../here', 'link/']) {
    const found = await plan([rootOf({ local: '' }, documentRoot)], storages({ local: 'here' }));
    expect([foldersOf(found), found.moved, found.storageRoots], documentRoot).toEqual([[at('here')], [], {}]);
  }
});

it('plans nothing for files that are not restored', async () => {
  const found = await plan([rootOf({ local: '' }, 'there')], storages({ local: 'here' }), {}, ['database']);
  expect(found).toEqual({ targets: [], problems: [], moved: [], storageRoots: {}, shared: [] });
});

it('moves nested storages together, including those that do not exist here', async () => {
  const root = rootOf({ outer: '', inner: 'deep/in', gone: 'gone' }, 'there');
  const found = await plan([root], storages({ outer: 'here', inner: 'here/deep/in' }));
  expect(foldersOf(found)).toEqual([at('here')]);
  expect(found.storageRoots).toEqual({ outer: at('here'), inner: at('here/deep/in'), gone: at('here/gone') });
});

it.each<[string, Record<string, string>, Record<string, string>]>([
  ['are separate here', { one: '', two: '' }, { one: 'a', two: 'b' }],
  ['are nested differently here', { one: '', two: 'in' }, { one: 'a', two: 'a/other' }],
  ['share a folder here, but not in the backup', { one: '', two: 'in' }, { one: 'a', two: 'a' }],
])('is refused for storages that %s', async (_what, there, here) => {
  const { targets, problems } = await plan([rootOf(there, 'there')], storages(here));
  expect(targets).toEqual([]);
  expect(problems).toMatchObject([
    { folder: at('there'), reason: { text: 'file storages that share it in the backup have different folders here' } },
  ]);
});

it('is refused for two roots that go to one folder, or into one another', async () => {
  const roots = [rootOf({ one: '' }, 'a'), rootOf({ two: '' }, 'b')];
  for (const folder of ['here', 'here/inner']) {
    const { targets, problems } = await plan(roots, storages({ one: 'here', two: folder }));
    expect([targets.length, problems]).toMatchObject([
      1,
      [{ reason: { text: 'another file storage of the backup uses it too' } }],
    ]);
  }
});

it('is refused for a path that cannot be a folder', async () => {
  fs.writeFileSync(at('file'), '');
  for (const documentRoot of ['file/below', 'nul\0', 'x'.repeat(300)]) {
    const { problems } = await plan([rootOf({ gone: '' }, documentRoot)], [], { allowedRoots: [home] });
    expect(problems, documentRoot).toHaveLength(1);
  }
});

it('restores only recorded files into a folder that other apps can use, file by file', async () => {
  const here = storages({ local: 'here', own: 'own' });
  const otherApps = [{ name: 'a', fileFolders: [at('here')] }];
  const roots = [rootOf({ local: '' }, 'here'), rootOf({ own: '' }, 'own')];
  const found = await plan(roots, here, { otherApps });
  expect(found.shared).toEqual([{ folder: at('here'), apps: ['a'] }]);
  expect(found.targets).toMatchObject([
    { recordedOnly: true, files: 4, bytes: 400, plan: { mode: 'files' } },
    { recordedOnly: false, files: 10, bytes: 1000, plan: { mode: 'rename' } },
  ]);
  const unmarked = await plan([rootOf({ local: '' }, 'here', { recorded: undefined })], here, { otherApps });
  expect(unmarked.problems).toMatchObject([{ folder: at('here'), reason: { params: { apps: 'a' } } }]);
  const empty = await plan([rootOf({ local: '' }, 'here', { recorded: undefined, files: 0 })], here, { otherApps });
  expect(empty.targets).toMatchObject([{ recordedOnly: true, files: 0 }]);
});

it('an undo is refused where other apps now use a folder that moves as a whole', () => {
  const otherApps = [{ name: 'a', fileFolders: [at('here')] }];
  for (const mode of ['rename', 'children'] as const) {
    const planned = { folder: at('here'), mode, id: 'abc123' };
    expect(() => requireAlone([planned], otherApps)).toThrow(expect.objectContaining({ code: 'FOLDER_SHARED' }));
    expect(() => requireAlone([{ ...planned, folder: at('own') }], otherApps)).not.toThrow();
  }
  expect(() => requireAlone([{ folder: at('here'), mode: 'files', id: 'abc123' }], otherApps)).not.toThrow();
});
