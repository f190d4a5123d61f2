/** A real NocoBase is killed in the middle of a restore; its next start, or the command line, recovers it. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Journal } from '../../src/engine/journal';
import type { InspectAnswer } from '../../src/shared/api';
import type { RunView } from '../../src/shared/runs';
import { type RealHost, startRealHost } from '../support/real-host';
import { endOfRun, logOf, makeBackup } from '../support/safekeep';

const cli = path.resolve('dist/cli/index.js');

// The command line is the same with every database.
describe.each([
  ['sqlite', true],
  ['postgres', false],
] as const)('a NocoBase on %s that is killed during a restore', (dialect, withCommandLine) => {
  let host: RealHost;
  let backup: string;
  const journalFile = () => path.join(host.storage, 'safekeep/main/journal.json');
  const titles = async () => {
    const rows: { title: string }[] = await host.api.get('things:list?sort=id');
    return rows.map(({ title }) => title).join(' ');
  };
  const uploaded = () => readFileSync(path.join(host.storage, 'uploads/state.txt'), 'utf8');

  beforeAll(async () => {
    host = await startRealHost({ database: dialect });
    const fields = [{ name: 'title', type: 'string', interface: 'input' }];
    await host.api.get('collections:create', { body: { name: 'things', title: 'Things', fields } });
    await host.api.get('things:create', { body: { title: 'old' } });
    mkdirSync(path.join(host.storage, 'uploads'), { recursive: true });
    writeFileSync(path.join(host.storage, 'uploads/state.txt'), 'old');
    backup = (await makeBackup(host.api)).name;
    await host.api.get('things:create', { body: { title: 'new' } });
    writeFileSync(path.join(host.storage, 'uploads/state.txt'), 'new');
  });
  afterAll(async () => await host?.stop());

  /** What an administrator would run on the server, with the host's own environment. */
  function safekeep(...args: string[]): Promise<{ code: number; text: string }> {
    const { database: db, storage } = host;
    const env = db
      ? {
          DB_HOST: db.host,
          DB_PORT: String(db.port),
          DB_DATABASE: db.database,
          DB_USER: db.username,
          DB_PASSWORD: db.password,
        }
      : {};
    const all = { PATH: process.env['PATH'], STORAGE_PATH: storage, DB_DIALECT: dialect, ...env };
    return new Promise((resolve) => {
      execFile(process.execPath, [cli, ...args], { env: all, cwd: storage }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, text: stdout + stderr });
      });
    });
  }

  /** Starts a restore and runs `act` as soon as its journal has this state. */
  async function restoreUntil(state: Journal['state'], act: () => Promise<void>): Promise<string> {
    const inspected: InspectAnswer = await host.api.get('safekeepBackups:inspect', { body: { name: backup } });
    const acceptWarnings = inspected.checks.filter(({ status }) => status === 'warning').map(({ code }) => code);
    const { runId } = await host.api.get('safekeepBackups:restore', { body: { name: backup, acceptWarnings } });
    for (;;) {
      const text = existsSync(journalFile()) ? readFileSync(journalFile(), 'utf8') : '';
      if (text.includes(`"state": "${state}"`)) break;
      const { status, error } = JSON.parse(
        readFileSync(path.join(host.storage, `safekeep/main/runs/${runId}.json`), 'utf8'),
      ) as RunView;
      if (status === 'failed') throw new Error(JSON.stringify(error));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await act();
    return runId;
  }

  it('after the switchover: its next start keeps the restored data, and it can be undone', async () => {
    const runId = await restoreUntil('switched over', () => host.kill());
    await host.start();
    expect([await titles(), uploaded()]).toEqual(['old', 'old']);
    expect(existsSync(journalFile())).toBe(false);
    const run: RunView = await host.api.get(`safekeepRuns:get?filterByTk=${runId}`);
    expect(run).toMatchObject({ status: 'succeeded with warnings', error: null });
    expect(await logOf(host.api, runId)).toContain('the restored data was kept');
    expect((await safekeep('status')).text).toMatch(
      new RegExp(`Previous data, replaced at .* by run ${runId}, kept until`),
    );

    const { runId: undoId } = await host.api.get(`safekeepRuns:undo?filterByTk=${runId}`, { method: 'POST' });
    const undone = await endOfRun(host.api, undoId);
    expect(undone.status, JSON.stringify(undone.error)).toBe('succeeded');
    expect([await titles(), uploaded()]).toEqual(['old new', 'new']);
  });

  if (!withCommandLine) return;

  it('before the switchover: the command line refuses while the process is alive, then discards the staged data', async () => {
    const runId = await restoreUntil('staging', async () => {
      process.kill(host.pid(), 'SIGSTOP');
      const refused = await safekeep('recover');
      expect(refused.text).toContain('JOURNAL_IN_USE');
      expect(refused.code).toBe(1);
      await host.kill();
    });
    const status = await safekeep('status');
    expect(status.text).toContain(`Unfinished: restore ${runId}, state "staging"`);
    const recovered = await safekeep('recover');
    expect(recovered, recovered.text).toMatchObject({ code: 0 });
    expect(recovered.text).toContain(`The data from before run ${runId} is live`);
    expect(existsSync(journalFile())).toBe(false);
    expect((await safekeep('recover')).text).toContain('There is no unfinished restore');

    await host.start();
    expect([await titles(), uploaded()]).toEqual(['old new', 'new']);
    const run: RunView = await host.api.get(`safekeepRuns:get?filterByTk=${runId}`);
    expect(run).toMatchObject({ status: 'interrupted', error: { code: 'INTERRUPTED' } });
  });

  it('after the switchover, and the app never starts: the command line rolls back on request', async () => {
    const runId = await restoreUntil('switched over', () => host.kill());
    const forward = await safekeep('recover');
    expect(forward.text).toContain(`The data of run ${runId} is live`);
    const back = await safekeep('recover', '--back');
    expect(back.text).toContain(`The data from before run ${runId} is live`);
    await host.start();
    expect([await titles(), uploaded()]).toEqual(['old new', 'new']);
    const { text } = await safekeep('status');
    expect(text).toMatch(/^No unfinished restore\.$/m);
    expect(text).not.toContain(runId);
  });
});
