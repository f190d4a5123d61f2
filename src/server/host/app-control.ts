/** The app around the data: maintenance, connections, reload. Survives the reloads it causes, so it holds nothing but the app. */
import type { Application } from '@nocobase/server';
import type { AppControl } from '../../engine/exchange';
import { SafekeepError } from '../../engine/errors';

/** Requests in flight get so long to end before the switch. */
const DRAIN_LIMIT_MS = 10_000;
const DRAIN_POLL_MS = 50;

/**
 * The host closes all open pages' dialogs and reloads them once when a command of this name ends; every request is
 * answered with 503 while it runs.
 */
const COMMAND = { name: 'restore' };

export class HostControl implements AppControl {
  private maintaining = false;
  /** Versions of app and plugins in the data the app ran on before the switch. */
  private versionsBefore: string | null = null;

  constructor(
    private readonly app: Application,
    /** How many requests are being answered right now, without the restore's own. */
    private readonly requestsInFlight: () => number,
  ) {}

  async enterMaintenance(): Promise<void> {
    this.maintaining = true;
    this.maintenanceText('Safekeep: waiting for requests under way');
    this.versionsBefore = await this.versions();
    await this.app.setMaintaining({ status: 'command_begin', command: COMMAND });
    await this.app.setMaintaining({ status: 'command_running', command: COMMAND });
    const limit = Date.now() + DRAIN_LIMIT_MS;
    while (this.requestsInFlight() > 0 && Date.now() < limit) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
  }

  async leaveMaintenance(): Promise<void> {
    if (!this.maintaining) return;
    this.maintaining = false;
    await this.app.setMaintaining({ status: 'command_end', command: COMMAND });
  }

  /** Shown to everyone who waits. */
  maintenanceText(text: string): void {
    if (this.maintaining) this.app.setMaintainingMessage(text);
  }

  async disconnect(): Promise<void> {
    if (!this.app.db.closed()) await this.app.db.close();
  }

  /** Runs the host's upgrade where the data that is live now knows other versions; otherwise a restart is enough. */
  async reload(): Promise<void> {
    const { app } = this;
    if (app.db.closed()) await app.db.reconnect();
    const isOtherVersion = (await this.versions()) !== this.versionsBefore;
    if (isOtherVersion && (await app.isStarted())) {
      await app.upgrade();
    } else if (await app.isStarted()) {
      await app.restart();
    } else {
      // An earlier reload broke off half way: `restart` would do nothing.
      await app.reload();
      await app.start();
    }
  }

  private async versions(): Promise<string> {
    const { db, version } = this.app;
    const plugins = await db.getRepository('applicationPlugins').find({ fields: ['name', 'version'], sort: ['name'] });
    return JSON.stringify([await version.get(), plugins]);
  }

  async healthCheck(): Promise<void> {
    const { app } = this;
    if (!(await app.isStarted())) throw new SafekeepError('INTERNAL', { detail: 'the app has not started' });
    await app.db.sequelize.authenticate();
    if ((await app.version.get()) !== app.getPackageVersion()) {
      throw new SafekeepError('INTERNAL', { detail: 'the version of the data is not that of the app' });
    }
    const users = app.db.getCollection('users');
    if (users && (await users.repository.count()) === 0) {
      throw new SafekeepError('INTERNAL', { detail: 'there are no users' });
    }
  }
}
