import type { Plugin } from '@nocobase/server';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type FaultScene, SQLITE, startFaultScene } from '../support/fault-scene';
import { type Ambush, at } from '../support/moments';

describe.each([SQLITE])('on $name', (way) => {
  let scene: FaultScene;
  let ambush: Ambush | undefined;
  beforeAll(async () => {
    scene = await startFaultScene(way);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    ambush?.remove();
    ambush = undefined;
  });
  afterAll(async () => await scene?.stop());

  /** Each throws once, at the first load that follows. */
  const FAULTS: Record<string, () => void> = {
    'a plugin throws in beforeLoad': () => throwOnce('beforeLoad'),
    'a plugin throws in load': () => throwOnce('load'),
    'a plugin throws when the app has started': () => {
      const { app } = scene.host;
      const fail = () => {
        app.off('afterStart', fail);
        throw new Error('a bad plugin');
      };
      app.on('afterStart', fail);
    },
    'the health check fails': () => {
      ambush = at(scene.host.app, 'app healthCheck', () => {
        throw new Error('a bad plugin');
      });
    },
  };

  function throwOnce(hook: 'beforeLoad' | 'load') {
    const users = Object.getPrototypeOf(scene.host.app.pm.get('users')) as Plugin;
    vi.spyOn(users, hook).mockRejectedValueOnce(new Error('a bad plugin'));
  }

  it.each(Object.keys(FAULTS))('a restore is rolled back when %s, and so is an undo', async (what) => {
    FAULTS[what]?.();
    const failure = { code: 'RESTORED_APP_UNHEALTHY', message: /a bad plugin/ };
    await scene.expectWhole({ run: await scene.restore(), state: 'old', ...failure });
    ambush?.remove();
    await scene.expectDone(await scene.restore(), 'new');
    FAULTS[what]?.();
    await scene.expectWhole({ run: await scene.undo(), state: 'new', ...failure });
    ambush?.remove();
    await scene.expectDone(await scene.undo(), 'old');
  });

  it('a restore is rolled back when the upgrade of older data fails', async () => {
    const { app } = scene.host;
    const { model } = app.db.getCollection('applicationPlugins');
    await model.create({ name: 'newer', packageName: 'newer', version: '9.9.9', enabled: false, installed: false });
    await scene.rememberOld();
    const upgrade = vi.spyOn(app, 'upgrade').mockRejectedValueOnce(new Error('a bad migration'));
    const run = await scene.restore();
    expect(upgrade).toHaveBeenCalledOnce();
    await scene.expectWhole({ run, state: 'old', code: 'RESTORED_APP_UNHEALTHY', message: /a bad migration/ });
    await app.db.getModel('applicationPlugins').destroy({ where: { name: 'newer' } });
    await scene.rememberOld();
  });
});
