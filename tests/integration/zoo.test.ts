/** The zoo that the round trips carry: complete, stable, and alive after a restart of its host. */
import { Plugin } from '@nocobase/server';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../support/app';
import * as compare from '../support/compare';
import * as zoo from '../support/zoo';

class Nothing extends Plugin {}

test('no plugin of the preset registers field types that the zoo lacks', () => {
  expect(zoo.pluginsWithForgottenFieldTypes()).toEqual([]);
});

describe.each(['sqlite', 'postgres', 'mariadb'] as const)('on %s', (dialect) => {
  let host: TestApp;
  let secondRoot: string;
  let uploads: zoo.SeededUploads;
  beforeAll(async () => {
    host = await startApp({ plugin: Nothing, plugins: zoo.ZOO_PLUGINS, database: dialect });
    secondRoot = path.join(host.storage, 'second root');
    await zoo.seedZoo(host.app, { target: zoo.targetOf(host), secondRoot, asAdmin: host.database?.asAdmin });
    uploads = await zoo.seedUploads(host.app, secondRoot);
  });
  afterAll(() => host?.stop());

  test('every registered field type has a value in it', async () => {
    expect(await zoo.unseededTypes(host.app, zoo.targetOf(host))).toEqual([]);
  });

  test('uploads are in both storages, one is missing on disk', async () => {
    const first = Object.keys(await compare.fingerprintFolder(path.join(host.storage, 'uploads')));
    const second = Object.keys(await compare.fingerprintFolder(secondRoot));
    // The host's own logo is in the same folder.
    expect(first.length + second.length).toBe(uploads.files + 1);
    expect(second.length).toBeGreaterThan(1);
    expect(second).not.toContain(uploads.missing);
    expect(await host.app.db.getRepository('zooFiles').count({})).toBe(2);
  });

  test('a restarted host finds it unchanged and continues its counters', async () => {
    const target = zoo.targetOf(host);
    const before = await compare.fingerprint(target);
    await host.app.restart();
    compare.expectSame(before, await compare.fingerprint(target));
    await zoo.nextInsertWorks(host.app);
    await zoo.nextRawInsertWorks(target);
    expect(() => compare.expectSame(before, { ...before, tables: {} })).toThrow('is gone');
  });

  // The others can't be made to: their counters follow the highest id.
  if (dialect === 'postgres') {
    test('a counter that fell behind is noticed', async () => {
      await host.app.db.getRepository('zooTree').create({ values: { id: 900, title: 'far ahead' } });
      await expect(zoo.nextInsertWorks(host.app)).rejects.toThrow('zooTree handed out');
    });
  }
});
