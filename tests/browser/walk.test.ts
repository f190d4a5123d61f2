/** The whole way of administrators through the pages of real hosts, in a real browser, in both clients. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe } from 'vitest';
import { startBrowser } from '../support/browser';
import { removeFolder, temporaryFolder } from '../support/child';
import { type RealHost, startRealHost } from '../support/real-host';
import { addCustomer } from './customers';
import { cancel } from './stories/cancel';
import { chinese } from './stories/chinese';
import { firstRestore } from './stories/first-restore';
import { localFile } from './stories/local-file';
import { looks } from './stories/looks';
import { previousData } from './stories/previous-data';
import { lookOnly } from './stories/roles';
import type { Scene } from './stories/scene';

let browser: Browser;
let folder: string;
/** Three hosts for all stories, started side by side. */
let hosts: Record<'sqlite' | 'postgres' | 'fresh', Promise<RealHost>>;
const scenes: Partial<Record<'sqlite' | 'postgres', Scene>> = {};

async function startWithSample(database: 'sqlite' | 'postgres'): Promise<RealHost> {
  const host = await startRealHost({ database, sample: true });
  await addCustomer(host.api, 'Quay Architects');
  await addCustomer(host.api, 'Northern Lights Photography');
  return host;
}

beforeAll(async () => {
  folder = temporaryFolder('walk');
  hosts = { sqlite: startWithSample('sqlite'), postgres: startWithSample('postgres'), fresh: startRealHost() };
  for (const host of Object.values(hosts)) host.catch(() => undefined);
  browser = await startBrowser();
  const shared = { browser, folder };
  scenes.sqlite = { ...shared, database: 'sqlite', client: 'v1', otherClient: 'v2', host: await hosts.sqlite };
  scenes.postgres = { ...shared, database: 'postgres', client: 'v2', otherClient: 'v1', host: await hosts.postgres };
});

afterAll(async () => {
  await browser?.close();
  await Promise.allSettled(Object.values(hosts).map(async (host) => (await host).stop()));
  removeFolder(folder);
});

const sceneOf = (database: 'sqlite' | 'postgres') => (): Scene => {
  const scene = scenes[database];
  if (!scene) throw new Error(`the host on ${database} is not up`);
  return scene;
};

describe('on sqlite', () => {
  const scene = sceneOf('sqlite');
  firstRestore(scene);
  cancel(scene);
  looks(scene);
  lookOnly(scene, ({ otherClient }) => otherClient);
  chinese(scene, ({ client }) => client);
  localFile(scene, () => hosts.fresh);
});

describe('on postgres', () => {
  const scene = sceneOf('postgres');
  firstRestore(scene);
  previousData(scene);
  lookOnly(scene, ({ otherClient }) => otherClient);
  chinese(scene, ({ client }) => client);
});
