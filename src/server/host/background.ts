/** Background work of the host, which must not touch the restored data. */
import type { Application } from '@nocobase/server';
import { storagePathJoin } from '@nocobase/utils';
import { readFile, rename, rm } from 'node:fs/promises';

/** Time limit for jobs in progress to end, milliseconds. */
const LIMIT_MS = 10_000;

/**
 * Stops timers, schedulers and queues while the app still uses its own data, so that their last writes go there. After the
 * limit their connections are closed.
 * @returns false when a job did not end within the limit
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
  if (!ended)
    stopping.catch((error: Error) => app.log.warn(`Safekeep: a background job failed late: ${error.message}`));
  retire(app);
  return ended;
}

/**
 * The host creates new managers with every reload, but the old ones restart with every start as well, with the handlers of the
 * old plugins: they would take jobs of the new app, or run old ones on the new data.
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

/** The jobs that wait in the host's own queue; they refer to rows of the data that they were created for. */
export class BackgroundJobs {
  private readonly file: string;
  private readonly inactive: string;

  constructor(app: Application, folder: string) {
    this.file = storagePathJoin('apps', app.name, 'event-queue.json');
    this.inactive = `${folder}/waiting-jobs.json`;
  }

  /** @returns the number of jobs */
  async park(): Promise<number> {
    const text = await readFile(this.file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (text === null) return 0;
    await rename(this.file, this.inactive);
    return Object.values(JSON.parse(text) as Record<string, unknown[]>).flat().length;
  }

  /** For a rollback: the data of the jobs is live again. */
  async reinstate(): Promise<void> {
    await rename(this.inactive, this.file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }

  async drop(): Promise<void> {
    await rm(this.inactive, { force: true });
  }
}
