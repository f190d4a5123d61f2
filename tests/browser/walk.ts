/** The whole way of administrators through the pages of a real host, in a real browser, in both clients. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe } from 'vitest';
import { startBrowser } from '../support/browser';
import { removeFolder, temporaryFolder } from '../support/child';
import { type RealHost, startRealHost } from '../support/real-host';
import { addCustomer } from './customers';
import type { Client } from './safekeep-page';
import { cancel } from './stories/cancel';
import { chinese } from './stories/chinese';
import { firstRestore } from './stories/first-restore';
import { localFile } from './stories/local-file';
import { looks } from './stories/looks';
import { previousData } from './stories/previous-data';
import { lookOnly } from './stories/roles';
import type { Scene } from './stories/scene';

/** All stories, one after the other, on one host; most in `client`, the rest in the other one. */
export function walk(database: 'sqlite' | 'postgres', client: Client): void {
  describe(`on ${database}, most of it in client ${client}`, () => {
    const otherClient = client === 'v1' ? 'v2' : 'v1';
    let browser: Browser;
    let folder: string;
    let host: Promise<RealHost>;
    /** A server that nobody has used yet. */
    let freshHost: Promise<RealHost>;
    let scene: Scene;

    beforeAll(async () => {
      folder = temporaryFolder('walk');
      host = startRealHost({ database, sample: true });
      freshHost = host.then(() => startRealHost({ database }));
      freshHost.catch(() => undefined);
      browser = await startBrowser();
      scene = { database, browser, folder, client, otherClient, host: await host };
      await addCustomer(scene.host.api, 'Quay Architects');
      await addCustomer(scene.host.api, 'Northern Lights Photography');
    });

    afterAll(async () => {
      await browser?.close();
      await Promise.allSettled([host, freshHost].map(async (one) => await (await one).stop()));
      removeFolder(folder);
    });

    const sceneOf = () => scene;
    firstRestore(sceneOf);
    cancel(sceneOf);
    looks(sceneOf);
    previousData(sceneOf);
    lookOnly(sceneOf);
    chinese(sceneOf);
    localFile(sceneOf, () => freshHost);
  });
}
