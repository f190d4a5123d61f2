import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { PreviewAnswer } from '../../src/shared/api';
import { expectRefusal, expectSameState, type Scene, startScene } from '../support/bad-day';
import { makeBackup } from '../support/safekeep';

let scene: Scene;
afterEach(async () => await scene.host.stop());

const preview = async (body: object): Promise<PreviewAnswer> =>
  await scene.root.get('safekeepBackups:preview', { body });

describe.each(['sqlite', 'postgres', 'mariadb'] as const)('a preview on %s', (database) => {
  it('counts the rows and files that a restore would lose, and changes nothing', async () => {
    scene = await startScene({ database });
    const { root, uploads, look } = scene;
    const { name, startedAt } = await makeBackup(root);
    await root.get('things:create', { body: { title: 'third' } });
    for (const [file, bytes] of [
      ['deep/newer.txt', 300],
      ['newest.txt', 200],
    ] as const) {
      writeFileSync(path.join(uploads, file), Buffer.alloc(bytes));
    }
    const newestAt = new Date('2031-05-06T07:08:09Z');
    utimesSync(path.join(uploads, 'newest.txt'), newestAt, newestAt);
    rmSync(path.join(uploads, 'two.bin'));
    const before = await look();

    const both = await preview({ name });
    const things = both.tables.find(({ name: table }) => /(^|\.)things$/.test(table));
    expect(things).toMatchObject({ now: 3, then: 2 });
    expect(both.tables.every(({ now, then }) => now !== then)).toBe(true);
    expect(both.removedFiles).toEqual({ count: 2, bytes: 500, newestAt: newestAt.toISOString() });
    expect(both).toMatchObject({ backupAt: startedAt, isPartial: false });

    expect(await preview({ name, filesMode: 'merge' })).toMatchObject({ removedFiles: null, isPartial: false });
    const ofFiles = await preview({ name, contents: ['files'] });
    expect(ofFiles).toMatchObject({ tables: [], removedFiles: { count: 2 }, isPartial: true });
    expect(await preview({ name, contents: ['database'] })).toMatchObject({ removedFiles: null, isPartial: true });
    expectSameState(before, await look());
  });
});

it('a preview of contents that the backup lacks is refused', async () => {
  scene = await startScene();
  const { name } = await makeBackup(scene.root, { contents: ['database'] });
  const body = { name, contents: ['files'] };
  expectRefusal(await scene.root.call('safekeepBackups:preview', { body }), 422, 'NOT_IN_BACKUP');
});
