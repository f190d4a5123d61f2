import { afterEach, expect, it } from 'vitest';
import SafekeepPlugin from '../../src/server';
import { Safekeep } from '../../src/server/safekeep';
import { startApp } from '../support/app';
import { expectSameState, type Scene, startScene } from '../support/bad-day';
import { makeBackup } from '../support/safekeep';

let scene: Scene | undefined;
afterEach(async () => await scene?.host.stop());

it('an app whose rollback fails stays in maintenance and names the recovery command; its next start completes the rollback', async () => {
  scene = await startScene({ gateway: true });
  const { host, root, look } = scene;
  const { name } = await makeBackup(root);
  await root.get('things:create', { body: { title: 'third' } });
  const before = await look();
  const safekeep = Safekeep.of(host.app);
  safekeep.control.reload = () => Promise.reject(new Error('a plugin cannot be loaded'));
  const { runId } = await root.get('safekeepBackups:restore', { body: { name } });
  await safekeep.runs.idle();

  expect(await safekeep.history.load(runId)).toMatchObject({ status: 'failed', error: { code: 'ROLLBACK_FAILED' } });
  expect(host.app.getMaintaining()).toMatchObject({ status: 'command_running' });
  for (const action of ['things:list', 'safekeepRuns:list', '__health_check']) {
    const { status, body } = await root.call(action);
    expect([action, status]).toEqual([action, 503]);
    if (action !== '__health_check') expect(JSON.stringify(body)).toMatch(/rollback of a restore failed.*recover/);
  }
  expect(await root.isHealthy()).toBe(false);
  expect((await safekeep.journal.read())?.state).toBe('rolling back');

  const { storage } = host;
  await host.stop({ keepData: true });
  scene = undefined;
  const again = await startApp({ plugin: SafekeepPlugin, storage, install: false });
  try {
    expect(await again.root.get('things:list?sort=id')).toHaveLength(3);
    expect(await Safekeep.of(again.app).journal.read()).toBeNull();
    expectSameState(before, await look());
  } finally {
    await again.stop();
  }
});
