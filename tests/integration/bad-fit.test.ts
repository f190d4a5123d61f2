import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CheckView, InspectAnswer } from '../../src/shared/api';
import { CHECK_NAMES } from '../../src/shared/names';
import type { Manifest } from '../../src/shared/manifest';
import { altered } from '../support/altered-archive';
import { expectRefusal, runToEnd, type Scene, startScene, tryUpload } from '../support/bad-day';
import { download, makeBackup } from '../support/safekeep';

type Change = (manifest: Manifest & { database: NonNullable<Manifest['database']> }) => void;

let scene: Scene;
let archive: Buffer;
let uploadId: string;

async function uploaded(change: Change): Promise<InspectAnswer> {
  const bytes = await altered(archive, {
    manifest: (manifest) => {
      if (!manifest.database) throw new Error('the backup holds no database');
      change({ ...manifest, database: manifest.database });
    },
  });
  const finished = await tryUpload(scene.root, bytes);
  expect(finished.status, JSON.stringify(finished.body)).toBe(200);
  ({ uploadId } = finished);
  return await scene.root.get('safekeepBackups:inspect', { body: { uploadId } });
}

function checkOf({ checks }: InspectAnswer, code: string): CheckView {
  const found = checks.find((check) => check.code === code);
  if (!found) throw new Error(`no check ${code} in ${JSON.stringify(checks)}`);
  return found;
}

async function restore(more: object = {}) {
  return await scene.root.call('safekeepBackups:restore', { body: { uploadId, ...more } });
}

/** What every server refuses, whatever its own dialect is. */
const MISFITS: [misfit: string, code: string, expected: string, change: Change][] = [
  ['of another dialect', 'dialect', 'mysql', ({ database }) => void (database.dialect = 'mysql')],
  ['of the other underscored', 'underscored', 'true', ({ database }) => void (database.underscored = true)],
  ['of another table prefix', 'tablePrefix', 'nb_', ({ database }) => void (database.tablePrefix = 'nb_')],
  ['of another schema', 'schema', 'sales', ({ database }) => void (database.schema = 'sales')],
  ['of a newer NocoBase', 'appVersion', '99.1.0', ({ app }) => void (app.version = '99.1.0')],
  ['of a newer database server', 'databaseVersion', '99.1', ({ database }) => void (database.serverVersion = '99.1')],
];

describe.each(['sqlite', 'postgres'] as const)('on %s a backup', (dialect) => {
  beforeAll(async () => {
    scene = await startScene({ database: dialect });
    archive = await download(scene.root, (await makeBackup(scene.root)).name);
    await scene.remember();
  });
  afterEach(async () => {
    await scene.root.get('safekeepBackups:uploadAbort', { body: { uploadId } });
    await scene.expectUntouched();
  });
  afterAll(async () => await scene?.host.stop());

  it.each(MISFITS)('%s is refused, with both values and a remedy', async (_misfit, code, expected, change) => {
    const inspected = await uploaded(change);
    expect(inspected.restorable).toBe(false);
    const check = checkOf(inspected, code);
    expect(check).toMatchObject({ status: 'blocking', backup: expect.stringContaining(expected) });
    expect(check.remedy).toContain(expected);
    expect(check.current).not.toContain(expected);
    const codes = inspected.checks.map((one) => one.code);
    const { message } = expectRefusal(await restore({ acceptWarnings: codes }), 409, 'INCOMPATIBLE');
    expect(message).toContain(CHECK_NAMES[code]);
    expect(message).toContain(expected);
  });

  it('with a plugin that is missing here is refused until the warning is accepted by its name', async () => {
    const change: Change = ({ app }) => void app.plugins.push({ name: 'plugin-of-elsewhere', version: '1.2.3' });
    const inspected = await uploaded(change);
    expect(inspected.restorable).toBe(true);
    expect(checkOf(inspected, 'plugins')).toMatchObject({ status: 'warning' });
    expect(checkOf(inspected, 'plugins').current).toContain('plugin-of-elsewhere 1.2.3');
    expect(checkOf(inspected, 'plugins').remedy).not.toBe('');
    for (const acceptWarnings of [undefined, [], ['keys'], ['plugin']]) {
      const { message } = expectRefusal(await restore({ acceptWarnings }), 409, 'WARNINGS_NOT_ACCEPTED');
      expect(message).toContain('plugin-of-elsewhere 1.2.3');
    }
  });
});

describe('a backup with a malicious manifest', () => {
  beforeAll(async () => {
    scene = await startScene();
    archive = await download(scene.root, (await makeBackup(scene.root)).name);
    await scene.remember();
  });
  afterEach(async () => await scene.expectUntouched());
  afterAll(async () => await scene?.host.stop());

  it.each([
    ['a folder of the system', () => '/etc'],
    ['a folder above the storage', () => '/'],
    ['a folder outside of the uploads by going up', () => 'storage/uploads/../../../elsewhere'],
    ['the folder that holds the backups', () => 'storage/safekeep'],
    ['the whole storage folder', () => 'storage'],
  ])('is refused when its files would replace %s', async (_what, folder) => {
    const inspected = await uploaded(({ files }) => {
      // A storage of a name that is known here would get its own folder.
      for (const root of files?.roots ?? []) Object.assign(root, { storages: ['elsewhere'], documentRoot: folder() });
    });
    expect(checkOf(inspected, 'fileFolders').status).toBe('blocking');
    expect(expectRefusal(await restore(), 409, 'INCOMPATIBLE').message).toContain(CHECK_NAMES.fileFolders);
    await scene.root.get('safekeepBackups:uploadAbort', { body: { uploadId } });
  });

  it.each<[string, Change]>([
    ['a part of the dump in another folder', ({ database }) => void (database.parts = ['../../evil'])],
    ['a name with a path in it', (manifest) => void (manifest.name = '../../evil')],
    ['a folder name with a path in it', ({ files }) => files?.roots.forEach((root) => (root.id = '../..'))],
    ['a number that is none', ({ files }) => files?.roots.forEach((root) => (root.bytes = -1))],
  ])('is refused as damaged when it names %s', async (_what, change) => {
    const bytes = await altered(archive, {
      manifest: (manifest) => {
        if (manifest.database) change(manifest as Parameters<Change>[0]);
      },
    });
    expectRefusal(await tryUpload(scene.root, bytes), 422, 'ARCHIVE_DAMAGED');
  });

  it('is refused for contents that it does not contain', async () => {
    const { name } = await makeBackup(scene.root, { contents: ['files'] });
    const body = { name, contents: ['database'] };
    const { message } = expectRefusal(await scene.root.call('safekeepBackups:restore', { body }), 422, 'NOT_IN_BACKUP');
    expect(message).toContain('database');
    await scene.root.get(`safekeepBackups:destroy?filterByTk=${name}`, { method: 'POST' });
  });

  it('is restored with the missing plugin once that warning is accepted', async () => {
    await uploaded(({ app }) => void app.plugins.push({ name: 'plugin-of-elsewhere', version: '1.2.3' }));
    await scene.root.get('things:create', { body: { title: 'after the backup' } });
    const run = await runToEnd(scene.root, 'safekeepBackups:restore', { uploadId, acceptWarnings: ['plugins'] });
    expect(run).toMatchObject({ status: 'succeeded with warnings', error: null });
    await scene.forgetPrevious();
  });
});
