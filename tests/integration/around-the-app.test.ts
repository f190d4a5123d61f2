/** The app and its surroundings during a switchover: jobs, queues, texts, other nodes. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import SafekeepPlugin from '../../src/server';
import { SWITCHOVER_MESSAGE } from '../../src/server/host/other-nodes';
import { startBackup } from '../../src/server/runs/backup';
import { Safekeep } from '../../src/server/safekeep';
import { PLUGIN_NAME } from '../../src/shared/api';
import { startApp, type TestApp } from '../support/app';
import { endOfRun, logOf, makeBackup, makeRestore } from '../support/safekeep';

let host: TestApp | undefined;
afterEach(async () => {
  await host?.stop();
  host = undefined;
});

const CHANNEL = 'test.jobs';

/** A queue whose worker never has time. */
function busyQueue({ app }: TestApp): void {
  const refuse = () => Promise.reject(new Error('a job of the replaced data was begun'));
  app.eventQueue.subscribe(CHANNEL, { idle: () => false, process: refuse });
}

function waitingJobs({ app }: TestApp): unknown[] {
  const { adapter } = app.eventQueue as unknown as { adapter: { queues: Map<string, { content: unknown }[]> } };
  return [...adapter.queues.values()].flat().map(({ content }) => content);
}

it('jobs and timers of the replaced data never meet the restored data', async () => {
  host = await startApp({ plugin: SafekeepPlugin });
  const { app, root } = host;
  const backup = await makeBackup(root);
  const timer = app.cronJobManager.addJob({ cronTime: '0 0 1 1 *', onTick: () => undefined });
  timer.start();
  busyQueue(host);
  await app.eventQueue.publish(CHANNEL, { row: 7 });
  expect(waitingJobs(host)).toEqual([{ row: 7 }]);
  const oldPool = app.db;

  const run = await makeRestore(root, { name: backup.name });
  expect(run.status).toBe('succeeded with warnings');
  expect(await logOf(root, run.id)).toContain('Waiting background jobs of the replaced data: 1');
  expect(timer.running).toBe(false);
  expect(waitingJobs(host)).toEqual([]);
  expect(existsSync(path.join(host.storage, 'safekeep/main/waiting-jobs.json'))).toBe(false);
  await expect(oldPool.sequelize.query('SELECT 1')).rejects.toThrow(/closed/);
});

it('a restore of files alone, and its rollback, leave the waiting jobs', async () => {
  host = await startApp({ plugin: SafekeepPlugin });
  const { app, root } = host;
  const users = await app.db.getModel('users').findAll({ raw: true });
  await app.db.getModel('users').destroy({ where: {}, hooks: false });
  const safekeep = Safekeep.of(app);
  const { backupName } = await startBackup(safekeep, {}, { userId: null, name: null, trigger: 'manual' });
  await safekeep.runs.idle();
  await app.db.getModel('users').bulkCreate(users as never[], { hooks: false });
  busyQueue(host);
  await app.eventQueue.publish(CHANNEL, { row: 7 });

  await makeRestore(root, { name: backupName, contents: ['files'] });
  expect(waitingJobs(host)).toEqual([{ row: 7 }]);
  busyQueue(host);
  const { runId } = await root.get('safekeepBackups:restore', { body: { name: backupName } });
  expect(await endOfRun(root, runId)).toMatchObject({ error: { code: 'RESTORED_APP_UNHEALTHY' } });
  expect(waitingJobs(host)).toEqual([{ row: 7 }]);
});

it('all users see step and percentage during maintenance, in front of the host’s own text', async () => {
  host = await startApp({ plugin: SafekeepPlugin });
  const { app, root } = host;
  const backup = await makeBackup(root);
  const shown: string[] = [];
  app.on('maintainingMessageChanged', ({ message }: { message: string }) => shown.push(message));
  await makeRestore(root, { name: backup.name });
  const after = shown.findIndex((text) => text.startsWith('Safekeep restore'));
  const texts = shown.slice(after);
  expect(texts.filter((text) => !/^Safekeep restore: [^(]+ \(\d+ %\)(: .+)?$/.test(text))).toEqual([]);
  expect(texts.some((text) => /switching over the data \(\d+ %\)/.test(text))).toBe(true);
  expect(texts.some((text) => /reloading the app \(\d+ %\): load plugin \[.+\], \d+\/\d+/.test(text))).toBe(true);
  expect(app.getMaintaining().status).toBe('command_end');
  const own = Object.prototype.hasOwnProperty.call(app, 'setMaintainingMessage');
  expect(own).toBe(false);
});

it('other nodes are notified, and load the live data when the switchover is complete', async () => {
  host = await startApp({ plugin: SafekeepPlugin });
  const { app, root, storage } = host;
  const backup = await makeBackup(root);
  const notified: unknown[] = [];
  const adapter = {
    isConnected: () => true,
    connect: () => Promise.resolve(),
    close: () => Promise.resolve(),
    subscribe: () => Promise.resolve(),
    unsubscribe: () => Promise.resolve(),
    publish: (channel: string, text: string) => {
      notified.push({ channel, ...(JSON.parse(text) as object) });
      return Promise.resolve();
    },
  };
  app.pubSubManager.setAdapter(adapter);
  await makeRestore(root, { name: backup.name });
  const channel = `main.main.sync.${PLUGIN_NAME}`;
  expect(notified).toContainEqual(expect.objectContaining({ channel, message: SWITCHOVER_MESSAGE, skipSelf: true }));

  // As if another node were at it: its journal lies in the shared folder.
  const journal = path.join(storage, 'safekeep/main/journal.json');
  const place = { dialect: 'sqlite', host: '', port: '', database: '', schema: '', storage: 'x' };
  const owner = { host: 'other', pid: 1, space: 'elsewhere', started: '1' };
  const of = {
    runId: '20261120T095107Z-qwerty',
    state: 'switching over',
    direction: 'restore',
    undoHours: 1,
    storageRoots: {},
    starts: 0,
  };
  writeFileSync(journal, JSON.stringify({ format: 2, ...of, database: null, folders: [], place, owner }));
  const before = app.db;
  const plugin = app.pm.get(PLUGIN_NAME) as SafekeepPlugin;
  const following = plugin.handleSyncMessage(SWITCHOVER_MESSAGE);
  while (!before.closed()) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(app.getMaintaining().status).toBe('command_running');
  rmSync(journal);
  await following;
  expect(app.db).not.toBe(before);
  expect(app.getMaintaining().status).toBe('command_end');
  expect((await root.call('safekeepBackups:list')).status).toBe(200);
});
