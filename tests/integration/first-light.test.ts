import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import SafekeepPlugin from '../../src/server';
import type { BackupView, InspectAnswer, PreviousAnswer } from '../../src/shared/api';
import type { RunView } from '../../src/shared/runs';
import { startApp, type TestApp } from '../support/app';
import { download, endOfRun, logOf, makeBackup, makeRestore, sha256, upload } from '../support/safekeep';

describe.each(['sqlite', 'postgres', 'mariadb', 'mysql'] as const)('a backup and its restore on %s', (dialect) => {
  let host: TestApp;
  const uploads = () => path.join(host.storage, 'uploads');

  beforeAll(async () => {
    host = await startApp({ plugin: SafekeepPlugin, database: dialect });
    mkdirSync(path.join(uploads(), 'deep'), { recursive: true });
    writeFileSync(path.join(uploads(), 'deep/one.txt'), 'one');
    await host.root.get('collections:create', {
      body: { name: 'things', title: 'Things', fields: [{ name: 'title', type: 'string', interface: 'input' }] },
    });
    for (const title of ['first', 'second']) await host.root.get('things:create', { body: { title } });
  });
  afterAll(async () => await host?.stop());

  it('brings rows and files back, keeps list and history, and can be undone and redone', async () => {
    const { root } = host;
    const titles = async () => {
      const rows: { title: string }[] = await root.get('things:list?sort=id');
      return rows.map(({ title }) => title);
    };
    const made = await makeBackup(root, { note: 'before the change' });
    expect(made).toMatchObject({ note: 'before the change', contents: ['database', 'files'], trigger: 'api' });
    const bytes = await download(root, made.name);
    expect(sha256(bytes)).toBe(made.sha256);

    await root.get('things:create', { body: { title: 'third' } });
    writeFileSync(path.join(uploads(), 'two.txt'), 'two');
    writeFileSync(path.join(uploads(), 'deep/one.txt'), 'changed');

    const run = await makeRestore(root, { name: made.name });
    expect(run.status).toBe('succeeded');
    expect(await titles()).toEqual(['first', 'second']);
    expect(readFileSync(path.join(uploads(), 'deep/one.txt'), 'utf8')).toBe('one');
    expect(existsSync(path.join(uploads(), 'two.txt'))).toBe(false);

    const backups: BackupView[] = await root.get('safekeepBackups:list');
    expect(backups.map(({ name, status }) => [name, status])).toEqual([[made.name, 'succeeded']]);
    const runs: RunView[] = await root.get('safekeepRuns:list');
    expect(runs.map(({ kind, status }) => `${kind} ${status}`)).toEqual(['restore succeeded', 'backup succeeded']);
    expect(runs[0]?.undo).toMatchObject({ state: 'available' });

    await root.get('things:create', { body: { title: 'after the restore' } });
    const undone = await endOfRun(
      root,
      (await root.get(`safekeepRuns:undo?filterByTk=${run.id}`, { method: 'POST' })).runId,
    );
    expect(undone.status, JSON.stringify(undone.error)).toBe('succeeded');
    expect(await titles()).toEqual(['first', 'second', 'third']);
    expect(existsSync(path.join(uploads(), 'two.txt'))).toBe(true);

    const redone = await endOfRun(
      root,
      (await root.get(`safekeepRuns:undo?filterByTk=${undone.id}`, { method: 'POST' })).runId,
    );
    expect(redone.status, JSON.stringify(redone.error)).toBe('succeeded');
    expect(await titles()).toEqual(['first', 'second', 'after the restore']);
    // The data of before the redo, and nothing else.
    const { previous, live }: PreviousAnswer = await root.get('safekeepRuns:previous');
    expect(previous.map(({ id }) => id)).toEqual([redone.id]);
    expect(live).toMatchObject({ backupName: made.name, runId: run.id });
    expect(readdirSync(host.storage).filter((name) => name.includes('safekeep')).length).toBeLessThanOrEqual(2);
  });

  it('keeps the automatic actions of its collections disabled for root after a reload', async () => {
    await host.app.restart();
    for (const collection of ['safekeepBackups', 'safekeepRuns', 'safekeepSettings']) {
      for (const action of ['updateOrCreate', 'firstOrCreate', 'move', 'query']) {
        const { status } = await host.root.call(`${collection}:${action}`, { body: { id: 'x', name: 'x' } });
        expect(status, `${collection}:${action}`).toBe(404);
      }
    }
    expect((await host.root.call('safekeepRuns:create', { body: { id: 'x' } })).status).toBe(404);
    expect((await host.root.call('safekeepRuns:destroy?filterByTk=x', { method: 'POST' })).status).toBe(404);
  });

  it('restores from an uploaded file', async () => {
    const { root } = host;
    const made = await makeBackup(root, { contents: ['database'] });
    const bytes = await download(root, made.name);
    await root.get('things:create', { body: { title: 'later' } });
    const uploadId = await upload(root, bytes);
    const inspected: InspectAnswer = await root.get('safekeepBackups:inspect', { body: { uploadId } });
    expect(inspected.restorable, JSON.stringify(inspected.checks)).toBe(true);
    const run = await makeRestore(root, { uploadId });
    const rows: { title: string }[] = await root.get('things:list');
    expect(rows.map(({ title }) => title)).not.toContain('later');
    expect(await logOf(root, run.id)).not.toMatch(/^error/m);
  });
});
