import type { Application } from '@nocobase/server';

const LEASE_MS = 60_000;

/** One run per app at a time, on all nodes that share the host's lock adapter. */
export class RunLock {
  constructor(private readonly app: Application) {}

  /** @returns a function that releases the lock; null when another run holds it */
  async acquire(): Promise<(() => Promise<void>) | null> {
    // Not every adapter exports its type of refusal: any error means “busy”.
    const lock = await this.app.lockManager.tryAcquire(`safekeep:run:${this.app.name}`).catch(() => null);
    if (!lock) return null;
    const release = await lock.acquire(LEASE_MS);
    const heartbeat = setInterval(() => {
      // A lost lease (adapter restarted) expires by itself; the record of the run still protects the run.
      Promise.resolve(lock.extend?.(LEASE_MS)).catch(() => clearInterval(heartbeat));
    }, LEASE_MS / 3);
    heartbeat.unref();
    return async () => {
      clearInterval(heartbeat);
      await release();
    };
  }
}
