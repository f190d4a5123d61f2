import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BackupView, type CreateBackupAnswer, PLUGIN_NAME, type TicketAnswer } from '../../src/shared/api';
import { FINAL_STATUSES, type RunView } from '../../src/shared/runs';
import { removeFolder, temporaryFolder } from '../support/child';
import { type RealHost, startRealHost } from '../support/real-host';

let folder: string;
let host: RealHost;

beforeAll(async () => {
  folder = temporaryFolder('package');
  host = await startRealHost({ withPlugin: false });
});

afterAll(async () => {
  await host.stop();
  removeFolder(folder);
});

/** Packs the project as it would be published. */
function pack(): { tarball: string; files: string[] } {
  const printed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [packed] = JSON.parse(printed) as { filename: string; files: { path: string }[] }[];
  if (!packed) throw new Error('npm pack made nothing');
  return { tarball: path.join(folder, packed.filename), files: packed.files.map((file) => file.path) };
}

async function upload(tarball: string): Promise<void> {
  const form = new FormData();
  form.append('file', new Blob([readFileSync(tarball)], { type: 'application/gzip' }), path.basename(tarball));
  await host.api.get('pm:add', { body: form });
  await until(async () => {
    const { status, body } = await host.api.call('pm:list');
    return status === 200 && (body.data as { name: string }[]).some(({ name }) => name === PLUGIN_NAME);
  });
}

/** The host answers before its command has ended; what follows has to wait for it. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await sleep(200);
}

async function finished(runId: string): Promise<RunView> {
  for (;;) {
    const run = (await host.api.get(`safekeepRuns:get?filterByTk=${runId}`)) as RunView;
    if (FINAL_STATUSES.includes(run.status)) return run;
    await sleep(200);
  }
}

test('the package contains the files that the host loads and nothing else', () => {
  const { files } = pack();
  expect(files).toEqual(
    expect.arrayContaining([
      'LICENSE',
      'client.js',
      'client-v2.js',
      'server.js',
      'dist/server/index.js',
      'dist/client/index.js',
      'dist/client-v2/index.js',
      'dist/externalVersion.js',
      'dist/locale/en-US.json',
      'dist/locale/zh-CN.json',
    ]),
  );
  expect(files.filter((file) => /^(src|tests|scripts|node_modules)\//.test(file))).toEqual([]);
});

test('uploaded into a plain NocoBase and enabled, it makes a backup, and is still enabled after a restart', async () => {
  const { tarball } = pack();
  await upload(tarball);
  await host.api.get(`pm:enable?filterByTk=${PLUGIN_NAME}&awaitResponse=true`, { method: 'POST' });
  await until(() => host.api.isHealthy());

  for (const bundle of ['client', 'client-v2']) {
    const served = await fetch(`${host.url}/static/plugins/${PLUGIN_NAME}/dist/${bundle}/index.js`);
    expect(served.status).toBe(200);
  }

  const created = (await host.api.get('safekeepBackups:create', {
    body: { note: 'from a package' },
  })) as CreateBackupAnswer;
  expect(await finished(created.runId)).toMatchObject({ kind: 'backup', status: 'succeeded', error: null });
  const [backup] = (await host.api.get('safekeepBackups:list')) as BackupView[];
  expect(backup).toMatchObject({ name: created.backupName, note: 'from a package', dialect: 'sqlite' });

  const ticket = (await host.api.get('safekeepBackups:ticket', { body: { name: created.backupName } })) as TicketAnswer;
  const download = await fetch(new URL(ticket.url, host.url));
  const archive = Buffer.from(await download.arrayBuffer());
  expect(createHash('sha256').update(archive).digest('hex')).toBe(backup?.sha256);
  expect(archive.length).toBe(backup?.bytes);
  const file = path.join(folder, 'backup.zip');
  writeFileSync(file, archive);
  expect(execFileSync('unzip', ['-t', file], { encoding: 'utf8' })).toContain('No errors detected');

  await host.kill();
  await host.start();
  const backups = (await host.api.get('safekeepBackups:list')) as BackupView[];
  expect(backups.map(({ name }) => name)).toEqual([created.backupName]);
});
