import type { Application } from '@nocobase/server';

const LEASE_MS = 60_000;

/** One data-moving run per app, on all nodes that share the host's lock adapter. */
export class RunLock {
  constructor(private readonly app: Application) {}

  /** A function that gives the lock back, or null when someone else holds it. */
  async acquire(): Promise<(() => Promise<void>) | null> {
    // The adapter's own type of refusal is not exported everywhere; whatever refuses means "busy".
    const lock = await this.app.lockManager.tryAcquire(`safekeep:run:${this.app.name}`).catch(() => null);
    if (!lock) return null;
    const release = await lock.acquire(LEASE_MS);
    const heartbeat = setInterval(() => {
      // A lease that is lost (adapter restarted) ends by itself; the run goes on under the record in its file.
      Promise.resolve(lock.extend?.(LEASE_MS)).catch(() => clearInterval(heartbeat));
    }, LEASE_MS / 3);
    heartbeat.unref();
    return async () => {
      clearInterval(heartbeat);
      await release();
    };
  }
}
