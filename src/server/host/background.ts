/** Background work of the host: what it does by itself must not reach the data that a restore brings. */
import type { Application } from '@nocobase/server';
import { storagePathJoin } from '@nocobase/utils';
import { readFile, rename, rm } from 'node:fs/promises';

/** How long jobs under way may take to end, milliseconds. */
const LIMIT_MS = 10_000;

/**
 * Stops timers, schedulers and queues while the app still works with its own data, so that what they write down at their end
 * goes there. What does not end within the limit finds its connections closed.
 * @returns false when something went on beyond the limit
 */
export async function stopBackground(app: Application): Promise<boolean> {
  const stopping = (async () => {
    await app.emitAsync('beforeStop');
    await app.eventQueue.close();
  })();
  const ended = await Promise.race([
    stopping.then(() => true),
    new Promise<false>((resolve) => setTimeout(() => resolve(false), LIMIT_MS).unref()),
  ]);
  if (!ended) stopping.catch((error: Error) => app.log.warn(`Safekeep: a job ended late: ${error.message}`));
  retire(app);
  return ended;
}

/**
 * The host makes new managers with every reload, but the old ones wake with every start too, with the old plugins' handlers:
 * they would take the new app's jobs, or begin old ones on the new data.
 */
function retire({ cronJobManager, eventQueue, pubSubManager }: Application): void {
  for (const job of [...cronJobManager.jobs]) cronJobManager.removeJob(job);
  const nothing = () => undefined;
  eventQueue.setAdapter({
    isConnected: () => false,
    connect: nothing,
    close: nothing,
    subscribe: nothing,
    unsubscribe: nothing,
    publish: nothing,
  });
  Object.assign(pubSubManager, { adapter: undefined });
}

/** The jobs that wait in the host's own queue; they name rows of the data they were made for. */
export class BackgroundJobs {
  private readonly file: string;
  private readonly inactive: string;

  constructor(app: Application, folder: string) {
    this.file = storagePathJoin('apps', app.name, 'event-queue.json');
    this.inactive = `${folder}/waiting-jobs.json`;
  }

  /** @returns how many there are */
  async park(): Promise<number> {
    const text = await readFile(this.file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (text === null) return 0;
    await rename(this.file, this.inactive);
    return Object.values(JSON.parse(text) as Record<string, unknown[]>).flat().length;
  }

  /** For the way back: their data is live again. */
  async reinstate(): Promise<void> {
    await rename(this.inactive, this.file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }

  async drop(): Promise<void> {
    await rm(this.inactive, { force: true });
  }
}
