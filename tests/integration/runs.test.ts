import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import SafekeepPlugin from '../../src/server';
import { startBackup } from '../../src/server/runs/backup';
import { Safekeep } from '../../src/server/safekeep';
import type { BackupView, SettingsAnswer } from '../../src/shared/api';
import type { RunView } from '../../src/shared/runs';
import { startApp, type TestApp } from '../support/app';
import { endOfRun, logOf, makeBackup, makeRestore } from '../support/safekeep';

let host: TestApp | undefined;
afterEach(async () => {
  await host?.stop();
  host = undefined;
});

const SLOT = /\.(previous|staged)$/;
const names = (rows: BackupView[]) => rows.map(({ name }) => name);

describe('the history', () => {
  it('keeps the number of backups in the settings, and protected ones in addition', async () => {
    host = await startApp({ plugin: SafekeepPlugin });
    const { root } = host;
    await root.get('safekeepSettings:update', { body: { maxBackups: 2 } });
    const made: string[] = [];
    for (let n = 0; n < 4; n++) {
      made.push((await makeBackup(root, { contents: ['files'] })).name);
      if (n === 0) await root.get(`safekeepBackups:update?filterByTk=${made[0]}`, { body: { isProtected: true } });
    }
    const kept = names(await root.get('safekeepBackups:list?sort=name'));
    expect(kept.sort()).toEqual([made[0], made[2], made[3]].sort());
    const archives = readdirSync(path.join(host.storage, 'safekeep/main/backups')).filter((file) =>
      file.endsWith('.zip'),
    );
    expect(archives.sort()).toEqual(kept.map((name) => `${name}.safekeep.zip`).sort());
  });

  it('marks a run as interrupted when the server was killed, and shows no partial archive', async () => {
    const first = await startApp({ plugin: SafekeepPlugin });
    const made = await makeBackup(first.root, { note: 'good' });
    const folder = path.join(first.storage, 'safekeep/main');
    const killed = `${made.name.slice(0, -6)}killed`;
    await first.stop({ keepData: true });
    const record = JSON.parse(readRecord(folder, made.runId ?? '')) as Record<string, unknown>;
    const id = `${(made.runId ?? '').slice(0, -6)}killed`;
    const running = { ...record, id, status: 'running', step: 'database', backupName: killed, finishedAt: null };
    writeFileSync(path.join(folder, 'runs', `${id}.json`), JSON.stringify(running));
    writeFileSync(path.join(folder, 'backups', `${killed}.safekeep.zip.partial`), 'half');

    host = await startApp({ plugin: SafekeepPlugin, storage: first.storage, install: false });
    const run: RunView = await host.root.get(`safekeepRuns:get?filterByTk=${id}`);
    expect(run).toMatchObject({ status: 'interrupted', error: { code: 'INTERRUPTED' } });
    const rows: BackupView[] = await host.root.get('safekeepBackups:list?sort=name');
    expect(Object.fromEntries(rows.map(({ name, status }) => [name, status]))).toEqual({
      [made.name]: 'succeeded',
      [killed]: 'interrupted',
    });
    expect(readdirSync(path.join(folder, 'backups')).filter((file) => file.includes('partial'))).toEqual([]);
    await makeBackup(host.root);
  });

  it('finds archives that were copied into the folder', async () => {
    host = await startApp({ plugin: SafekeepPlugin });
    const { root } = host;
    const made = await makeBackup(root, { note: 'carried over' });
    const folder = path.join(host.storage, 'safekeep/main/backups');
    const bytes = readFileSync(path.join(folder, `${made.name}.safekeep.zip`));
    await root.get(`safekeepBackups:destroy?filterByTk=${made.name}`, { method: 'POST' });
    expect(names(await root.get('safekeepBackups:list'))).toEqual([]);
    writeFileSync(path.join(folder, `${made.name}.safekeep.zip`), bytes);
    await root.get('safekeepBackups:rescan', { method: 'POST' });
    const [found]: BackupView[] = await root.get('safekeepBackups:list');
    expect(found).toMatchObject({ name: made.name, note: 'carried over', sha256: made.sha256, bytes: made.bytes });
  });
});

describe('a restore', () => {
  it('of the database alone leaves the files, and of the files alone the database', async () => {
    host = await startApp({ plugin: SafekeepPlugin });
    const { root, storage } = host;
    const file = path.join(storage, 'uploads/letter.txt');
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, 'as backed up');
    const backup = await makeBackup(root);
    const change = async () => {
      writeFileSync(file, 'changed');
      await root.get('safekeepSettings:update', { body: { maxBackups: 9 } });
    };
    const now = async () => {
      const { maxBackups }: SettingsAnswer = await root.get('safekeepSettings:get');
      return [readFileSync(file, 'utf8'), maxBackups];
    };
    await change();
    await makeRestore(root, { name: backup.name, contents: ['database'] });
    expect(await now()).toEqual(['changed', 30]);
    await change();
    await makeRestore(root, { name: backup.name, contents: ['files'] });
    expect(await now()).toEqual(['as backed up', 9]);
    const onlyFiles = await makeBackup(root, { contents: ['files'] });
    const body = { name: onlyFiles.name, contents: ['database'] };
    const reply = await root.call('safekeepBackups:restore', { body });
    expect([reply.status, reply.body.errors[0].code]).toEqual([422, 'NOT_IN_BACKUP']);
  });

  it('excludes rows of runtime tables and of its own index, and nothing else', async () => {
    host = await startApp({ plugin: SafekeepPlugin });
    const { app, root } = host;
    const fields = [{ name: 'what', type: 'string' }];
    const runtime = app.db.collection({ name: 'checkpoints', dataCategory: 'runtime', fields });
    await runtime.sync();
    await runtime.repository.create({ values: { what: 'a checkpoint' } });
    const made = await makeBackup(root);
    await makeRestore(root, { name: made.name });
    const [[{ n } = { n: -1 }]] = (await app.db.sequelize.query('SELECT count(*) AS n FROM checkpoints')) as [
      { n: number }[],
      unknown,
    ];
    expect(n).toBe(0);
    const runs: RunView[] = await root.get('safekeepRuns:list');
    expect(runs.map(({ kind, status }) => `${kind} ${status}`)).toEqual(['restore succeeded', 'backup succeeded']);
  });

  it.each(['sqlite', 'postgres', 'mariadb'] as const)(
    'rolls back when the app fails to start on %s',
    async (dialect) => {
      host = await startApp({ plugin: SafekeepPlugin, database: dialect });
      const { app, root, storage } = host;
      const users = await app.db.getModel('users').findAll({ raw: true });
      await app.db.getModel('users').destroy({ where: {}, hooks: false });
      const safekeep = Safekeep.of(app);
      const { backupName } = await startBackup(safekeep, {}, { userId: null, name: null, trigger: 'manual' });
      await safekeep.runs.idle();
      await app.db.getModel('users').bulkCreate(users as never[], { hooks: false });
      await root.get('safekeepSettings:update', { body: { maxBackups: 7 } });

      const { runId } = await root.get('safekeepBackups:restore', { body: { name: backupName } });
      const run = await endOfRun(root, runId);
      expect(run).toMatchObject({ status: 'failed', error: { code: 'RESTORED_APP_UNHEALTHY' } });
      expect(await logOf(root, runId)).toContain('Rolling back');
      expect(await app.db.getModel('users').count()).toBe(users.length);
      expect(((await root.get('safekeepSettings:get')) as SettingsAnswer).maxBackups).toBe(7);
      expect(existsSync(path.join(storage, 'safekeep/main/journal.json'))).toBe(false);
      await makeBackup(root);
    },
  );
});

describe('the settings', () => {
  it('refuse invalid values and keep the old ones', async () => {
    host = await startApp({ plugin: SafekeepPlugin });
    const { root } = host;
    for (const body of [{ maxBackups: -1 }, { maxBackups: 1.5 }, { defaultContents: [] }, { undoHours: 'long' }]) {
      const reply = await root.call('safekeepSettings:update', { body });
      expect([reply.status, reply.body.errors[0].code]).toEqual([400, 'BAD_REQUEST']);
    }
    const settings: SettingsAnswer = await root.get('safekeepSettings:get');
    expect(settings).toMatchObject({ maxBackups: 30, defaultContents: ['database', 'files'], undoHours: 72 });
  });

  it('determine the contents of a new backup', async () => {
    host = await startApp({ plugin: SafekeepPlugin });
    mkdirSync(path.join(host.storage, 'uploads'), { recursive: true });
    await host.root.get('safekeepSettings:update', { body: { defaultContents: ['files'] } });
    expect((await makeBackup(host.root)).contents).toEqual(['files']);
  });

  it('are read without starting a client tool; the tools have an action of their own', async () => {
    host = await startApp({ plugin: SafekeepPlugin, database: 'postgres' });
    const driver = vi.spyOn(Safekeep.of(host.app), 'driver');
    await host.root.get('safekeepSettings:get');
    expect(driver).not.toHaveBeenCalled();
    const { tools } = await host.root.get('safekeepSettings:tools', { method: 'POST' });
    expect(tools).toContainEqual(expect.objectContaining({ name: 'pg_dump', status: 'ok' }));
    expect(driver).toHaveBeenCalledOnce();
    driver.mockRestore();
  });

  it('keep no previous data when the undo window is 0', async () => {
    host = await startApp({ plugin: SafekeepPlugin });
    const { root, storage } = host;
    await root.get('safekeepSettings:update', { body: { undoHours: 0 } });
    const run = await makeRestore(root, { name: (await makeBackup(root)).name });
    const reply = await root.call(`safekeepRuns:undo?filterByTk=${run.id}`, { method: 'POST' });
    expect([reply.status, reply.body.errors[0].code]).toEqual([409, 'NOTHING_TO_UNDO']);
    // Discarded after the run: nobody waits for it.
    const left = () => readdirSync(storage, { recursive: true, encoding: 'utf8' }).filter((file) => SLOT.test(file));
    await expect.poll(left, { timeout: 20_000 }).toEqual([]);
    const last = async () => ((await root.get('safekeepRuns:list')) as RunView[])[0];
    await expect.poll(last).toMatchObject({ kind: 'prune', status: 'succeeded', trigger: 'schedule' });
  });
});

function readRecord(folder: string, id: string): string {
  return readFileSync(path.join(folder, 'runs', `${id}.json`), 'utf8');
}
