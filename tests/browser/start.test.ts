import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { HostApi } from '../../scripts/host-api.mjs';
import { isPortFree } from '../../scripts/host.mjs';
import { PLUGIN_NAME } from '../../src/shared/api';
import { type Child, freePort, removeFolder, startChild, temporaryFolder } from '../support/child';

const script = path.resolve('scripts/start.mjs');
let folder: string;
let port: number;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = temporaryFolder('start');
  port = await freePort();
  // The storage is named relative to the folder in which the user stands.
  const { PATH, HOME } = process.env;
  env = { PATH, HOME, APP_PORT: String(port), STORAGE_PATH: 'my/storage' };
});

afterAll(() => removeFolder(folder));

async function start(): Promise<{ child: Child; api: HostApi }> {
  const child = startChild(process.execPath, [script], { cwd: folder, env, stopSignal: 'SIGINT', graceMs: 30_000 });
  onTestFinished(() => child.stop());
  await child.waitUntil(() => Promise.resolve(child.output().includes('Safekeep is ready')), 120_000);
  const api = new HostApi(`http://127.0.0.1:${port}`);
  await api.signIn();
  return { child, api };
}

interface Customer {
  name: string;
  documents: { size: number }[];
}
const customers = async (api: HostApi): Promise<Customer[]> =>
  (await api.get('safekeepSampleCustomers:list?appends=documents')) as Customer[];

test('npm start: a first start puts in the sample, Ctrl-C ends it, a second start finds everything again', async () => {
  const first = await start();
  expect(first.child.output()).toContain(`http://localhost:${port}/admin/settings/safekeep`);
  expect(first.child.output()).toContain(path.join(folder, 'my/storage'));
  const sample = await customers(first.api);
  expect(sample).toHaveLength(5);
  expect(sample.flatMap(({ documents }) => documents)).toHaveLength(2);
  const routes = (await first.api.get('desktopRoutes:list')) as { title: string }[];
  expect(routes.map(({ title }) => title)).toContain('Safekeep sample: customers');
  expect((await first.api.get('systemSettings:get')).enabledLanguages).toEqual(['en-US', 'zh-CN']);
  await first.api.get('safekeepSampleCustomers:create', { body: { name: 'A new customer' } });

  const second = spawnSync(process.execPath, [script], { cwd: folder, env, encoding: 'utf8' });
  expect(second.status).toBe(1);
  expect(second.stderr).toContain(`Port ${port} is in use`);

  await first.child.stop();
  expect(first.child.process.exitCode).toBe(0);
  expect(await isPortFree(port)).toBe(true);

  const again = await start();
  expect((await customers(again.api)).map(({ name }) => name)).toContain('A new customer');
  await again.child.stop();
  expect(await isPortFree(port)).toBe(true);
});

test('npm start -- <command> runs a command of NocoBase on the same data', () => {
  const printed = execFileSync(process.execPath, [script, 'pm', 'list'], { cwd: folder, env, encoding: 'utf8' });
  expect(printed).toContain(PLUGIN_NAME);
});
