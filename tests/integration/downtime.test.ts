/** What the app does not wait for: whatever grows with the data happens before maintenance or after it. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { SLOT_NAME } from '../../src/engine/files/slots';
import { Safekeep } from '../../src/server/safekeep';
import { type Scene, startScene } from '../support/bad-day';
import { makeBackup, makeRestore } from '../support/safekeep';

let scene: Scene;
afterEach(async () => {
  vi.restoreAllMocks();
  await scene.host.stop();
});

/** Calls back when an app enters maintenance; tells whether it is in it. */
function watchMaintenance(onEnter: () => void = () => undefined): () => boolean {
  const { control } = Safekeep.of(scene.host.app);
  let isIn = false;
  const enter = control.enterMaintenance.bind(control);
  vi.spyOn(control, 'enterMaintenance').mockImplementation(async (...args) => {
    onEnter();
    isIn = true;
    await enter(...args);
  });
  const leave = control.leaveMaintenance.bind(control);
  vi.spyOn(control, 'leaveMaintenance').mockImplementation(async (...args) => {
    isIn = false;
    await leave(...args);
  });
  return () => isIn;
}

it('previous data that is no longer kept is deleted outside of maintenance', async () => {
  scene = await startScene();
  const { root, host } = scene;
  // Before the backup, which brings the settings back.
  await root.get('safekeepSettings:update', { body: { undoHours: 0 } });
  const { name } = await makeBackup(root);
  const safekeep = Safekeep.of(host.app);
  const isInMaintenance = watchMaintenance();
  const make = safekeep.driver.bind(safekeep);
  const discarded: boolean[] = [];
  vi.spyOn(safekeep, 'driver').mockImplementation(() => {
    const driver = make();
    const discard = driver.discard.bind(driver);
    return Object.assign(driver, {
      discard: async (...args: Parameters<typeof discard>) => {
        discarded.push(isInMaintenance());
        await discard(...args);
      },
    });
  });
  for (let restores = 1; restores <= 2; restores++) {
    await makeRestore(root, { name });
    await expect.poll(() => discarded.length, { timeout: 20_000 }).toBe(restores);
  }
  expect(discarded).toEqual([false, false]);
});

it('a merge keeps newer files before maintenance, and in it only what has come since', async () => {
  scene = await startScene();
  const { root, uploads } = scene;
  const { name } = await makeBackup(root);
  writeFileSync(path.join(uploads, 'early.txt'), 'early');
  const staged: Record<string, boolean> = {};
  watchMaintenance(() => {
    const slot = readdirSync(path.dirname(uploads)).find((entry) => SLOT_NAME.test(entry) && entry.endsWith('.staged'));
    for (const file of ['early.txt', 'late.txt']) {
      staged[file] = existsSync(path.join(path.dirname(uploads), slot ?? '', file));
    }
    writeFileSync(path.join(uploads, 'late.txt'), 'late');
  });
  await makeRestore(root, { name, filesMode: 'merge' });
  expect(staged).toEqual({ 'early.txt': true, 'late.txt': false });
  for (const file of ['early.txt', 'late.txt']) expect(existsSync(path.join(uploads, file))).toBe(true);
});
