import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { PreviousAnswer } from '../../src/shared/api';
import { expectRefusal, expectSameState, runToEnd, type Scene, startScene } from '../support/bad-day';
import { makeBackup, makeRestore } from '../support/safekeep';
import { freshDatabase, type FreshDatabase } from '../support/servers';

let scene: Scene | undefined;
let database: FreshDatabase | null = null;
afterEach(async () => {
  await scene?.host.stop();
  await database?.drop();
});

const strategies = [
  ['file', null, true],
  ['database', 'postgres', true],
  ['schema', 'postgres', false],
  ['tables', 'mariadb', true],
  ['names', 'mariadb', false],
] as const;

describe.each(strategies)('with the strategy %s', (strategy, dialect, mayCreateDatabases) => {
  it('previous data is saved as a protected backup that restores exactly that data', async () => {
    database = dialect && (await freshDatabase(dialect, { mayCreateDatabases }));
    scene = await startScene({ database: database ?? 'sqlite' });
    const { root, look, uploads } = scene;
    const { name } = await makeBackup(root, { note: 'the wrong one' });
    await root.get('things:create', { body: { title: 'newer' } });
    // A table and files that the backup lacks.
    const fields = [{ name: 'title', type: 'string', interface: 'input' }];
    await root.get('collections:create', { body: { name: 'newer', title: 'Newer', fields } });
    await root.get('newer:create', { body: { title: 'one' } });
    writeFileSync(path.join(uploads, 'newer.txt'), 'newer');
    writeFileSync(path.join(uploads, 'deep/one.txt'), 'changed');
    const original = await look();
    const { plan } = await root.get('safekeepBackups:inspect', { body: { name } });
    expect(plan.databaseStrategy).toBe(strategy);
    const first = await makeRestore(root, { name });
    await makeRestore(root, { name });
    const live = await look();

    const saved = await makeBackup(root, { previous: first.id, note: 'before the accident' });
    expect(saved).toMatchObject({ isProtected: true, contents: ['database', 'files'], note: 'before the accident' });
    expectSameState(live, await look());
    const kept: PreviousAnswer = await root.get('safekeepRuns:previous');
    expect(kept.previous).toHaveLength(2);

    await runToEnd(root, `safekeepRuns:discard?filterByTk=${first.id}`, {});
    expectRefusal(await root.call('safekeepBackups:create', { body: { previous: first.id } }), 409, 'NOTHING_TO_UNDO');
    await makeRestore(root, { name: saved.name });
    await scene.forgetPrevious();
    expectSameState(original, await look());
  });
});

it('a backup of previous data holds only what a restore replaced', async () => {
  scene = await startScene();
  const { root, look, uploads } = scene;
  const { name } = await makeBackup(root);
  writeFileSync(path.join(uploads, 'newer.txt'), 'newer');
  const original = await look();
  const { id } = await makeRestore(root, { name, contents: ['files'] });
  const saved = await makeBackup(root, { previous: id });
  expect(saved.contents).toEqual(['files']);
  await makeRestore(root, { name: saved.name });
  expect((await look()).files).toEqual(original.files);
  const both = { previous: id, contents: ['files'] };
  expectRefusal(await root.call('safekeepBackups:create', { body: both }), 400, 'BAD_REQUEST');
});
