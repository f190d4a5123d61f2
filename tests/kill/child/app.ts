/** A small NocoBase that is driven through its API, with boundaries around its journal and around what is done with the app. */
import '../../support/app-environment';
import path from 'node:path';
import { JournalFile } from '../../../src/engine/journal';
import SafekeepPlugin from '../../../src/server';
import { HostControl } from '../../../src/server/host/app-control';
import { housekeep } from '../../../src/server/runs/previous';
import { Safekeep } from '../../../src/server/safekeep';
import type { RunView } from '../../../src/shared/runs';
import { startApp, type TestApp } from '../../support/app';
import { endOfRun, logOf, makeBackup, makeRestore } from '../../support/safekeep';
import type { FreshDatabase } from '../../support/servers';
import type { Command, Shown } from '../protocol';
import { between, refuseToWriteIn } from './boundaries';
import { place, serve } from './serve';
import { shownBy } from './shown';

const A_YEAR_MS = 365 * 24 * 3600_000;

const { connection, folder } = place();
let app: TestApp | null = null;

type Method = (...args: unknown[]) => Promise<void>;

function watch(prototype: object, method: string, nameOf: (argument: unknown) => string): void {
  const holder = prototype as Record<string, Method>;
  const original = holder[method] as Method;
  holder[method] = async function (this: unknown, ...args: unknown[]) {
    await between(nameOf(args[0]), () => original.apply(this, args));
  };
}

watch(JournalFile.prototype, 'write', (entry) => `journal ${(entry as { state: string }).state}`);
watch(JournalFile.prototype, 'remove', () => 'journal removed');
for (const call of ['enterMaintenance', 'disconnect', 'reload', 'healthCheck', 'leaveMaintenance']) {
  watch(HostControl.prototype, call, () => `app ${call}`);
}
refuseToWriteIn(path.join(folder, 'outer'));

async function start(install: boolean): Promise<TestApp> {
  const { dialect, host = '', port = 0, username = '', password = '', database = '' } = connection;
  const own = { host, port, username, password, database };
  const none = () => Promise.reject(new Error('not in a child'));
  return await startApp({
    plugin: SafekeepPlugin,
    database:
      dialect === 'sqlite' ? 'sqlite' : ({ dialect, ...own, asAdmin: none, drop: none } satisfies FreshDatabase),
    storage: folder,
    install,
    gateway: true,
  });
}

async function install({ root }: TestApp): Promise<void> {
  const options = { documentRoot: 'storage/outer/mount' };
  const values = { title: 'Second', name: 'second', type: 'local', baseUrl: '/storage/second', path: '', options };
  await root.get('storages:create', { body: values });
  const fields = [{ name: 'title', type: 'string', interface: 'input' }];
  await root.get('collections:create', { body: { name: 'things', title: 'Things', fields } });
  for (const title of ['first', 'second', 'third']) await root.get('things:create', { body: { title } });
}

async function obey(command: Command): Promise<void> {
  app ??= await start(command.do === 'install');
  const { root } = app;
  switch (command.do) {
    case 'install':
      return await install(app);
    case 'start':
      return;
    case 'backup':
      await makeBackup(root);
      return;
    case 'restore':
      await makeRestore(root, { name: command.archive });
      return;
    case 'undo':
      return await undo(app);
    case 'forget':
      return await housekeep(Safekeep.of(app.app), new Date(Date.now() + A_YEAR_MS));
  }
}

async function undo({ root }: TestApp): Promise<void> {
  const runs: RunView[] = await root.get('safekeepRuns:list?sort=-startedAt');
  const kept = runs.find((run) => run.undo?.state === 'available');
  if (!kept) throw new Error('there is nothing to undo');
  const { runId } = await root.get('safekeepRuns:undo', { body: { filterByTk: kept.id } });
  const run = await endOfRun(root, runId);
  if (run.status !== 'succeeded') throw new Error(`undo ${run.status}: ${await logOf(root, runId)}`);
}

/** The content of the files; the app must show the same, and must work. */
async function shown(): Promise<Shown> {
  if (!app) throw new Error('the app has not started');
  const { root } = app;
  const safekeep = Safekeep.of(app.app);
  await safekeep.runs.idle();
  await root.signIn();
  if (!(await root.isHealthy())) throw new Error('the app reports that it is not healthy');
  await root.get('things:list');
  const files = await shownBy(safekeep);
  const listed: RunView[] = await root.get('safekeepRuns:list?pageSize=200');
  const [inFiles, inList] = [
    files.runs.map(({ record }) => `${record.id} ${record.status}`),
    listed.map(({ id, status }) => `${id} ${status}`),
  ];
  const differing = [
    ...inFiles.filter((one) => !inList.includes(one)),
    ...inList.filter((one) => !inFiles.includes(one)),
  ];
  if (differing.length > 0) throw new Error(`files and list differ: ${differing.join(', ')}`);
  const backups: { name: string; status: string }[] = await root.get('safekeepBackups:list?pageSize=200');
  for (const { name, status } of backups) {
    const isGood = status === 'succeeded' || status === 'succeeded with warnings';
    const file = files.backups.find((one) => one.name === name);
    if (isGood !== Boolean(file))
      throw new Error(`the list shows for ${name}: ${status}; a file is ${file ? '' : 'not '}there`);
  }
  return files;
}

serve(Promise.resolve({ obey, shown }));
