import { Plugin } from '@nocobase/server';
import { expect, test } from 'vitest';
import { startApp } from '../support/app';
import { removeFolder } from '../support/child';

class Nothing extends Plugin {
  override async load(): Promise<void> {
    this.app.resourceManager.define({
      name: 'tests',
      actions: {
        ping: async (ctx, next) => {
          ctx.body = 'pong';
          await next();
        },
      },
    });
    this.app.acl.registerSnippet({ name: 'pm.tests', actions: ['tests:ping'] });
  }
}

test.each(['sqlite', 'postgres', 'mariadb', 'mysql'] as const)('the small host runs on %s', async (dialect) => {
  const host = await startApp({ plugin: Nothing, database: dialect });
  try {
    expect(await host.root.get('tests:ping')).toBe('pong');
    expect((await host.anonymous.call('tests:ping')).status).toBe(401);
    expect((await (await host.userWith([])).call('tests:ping')).status).toBe(403);
    expect((await (await host.userWith(['pm.tests'])).call('tests:ping')).status).toBe(200);
    await host.app.restart();
    expect(await host.root.get('tests:ping')).toBe('pong');
  } finally {
    await host.stop();
  }
});

test('a host started again on the same storage finds its data', async () => {
  const first = await startApp({ plugin: Nothing, database: 'mariadb' });
  const { storage, database } = first;
  if (!database) throw new Error('no database');
  await first.userWith([]);
  await first.stop({ keepData: true });
  const again = await startApp({ plugin: Nothing, database, storage, install: false });
  const users = await again.root.get('users:list');
  await again.stop();
  await database.drop();
  removeFolder(storage);
  expect(users).toHaveLength(2);
});
