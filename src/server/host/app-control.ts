/** The app around the data: maintenance, connections, reload. Survives the reloads it causes, so it holds nothing but the app. */
import { type Application, AppSupervisor } from '@nocobase/server';
import type { RunContext } from '../../engine/context';
import { SafekeepError } from '../../engine/errors';
import type { AppControl } from '../../engine/switchover';
import { stopBackground, type BackgroundJobs } from './background';
import { MaintenanceText } from './maintenance-text';
import { notifyOtherNodes } from './other-nodes';

/** Requests in flight get so long to end before the switch. */
const DRAIN_LIMIT_MS = 10_000;
const DRAIN_POLL_MS = 50;
const FOLLOW_POLL_MS = 500;

/**
 * The host closes all open pages' dialogs and reloads them once when a command of this name ends; every request is
 * answered with 503 while it runs.
 */
const COMMAND = { name: 'restore' };

/** What is left to do when neither the restored nor the previous data works; docs/recovery.md. */
const HELD_TEXT =
  'Safekeep: the rollback of a restore failed. Stop NocoBase, run ' +
  '"node storage/plugins/nocobase-plugin-safekeep/dist/cli/index.js recover" in its working folder, then start it again.';

/** What `restart` and `upgrade` of the host are made of. */
interface HostInternals {
  _loaded: boolean;
  _started: Date | null;
  disposeServices(): Promise<void>;
  init(): void;
}

const internalsOf = (app: Application) => app as unknown as HostInternals;

export class HostControl implements AppControl {
  private maintaining = false;
  /** Maintenance lasts until the process ends. */
  private isHeld = false;
  /** Versions of app and plugins in the data the app ran on before the switch. */
  private versionsBefore: string | null = null;
  private readonly text: MaintenanceText;

  constructor(
    private readonly app: Application,
    private readonly jobs: BackgroundJobs,
    /** How many requests are being answered right now, without the restore's own. */
    private readonly requestsInFlight: () => number,
  ) {
    this.text = new MaintenanceText(app);
  }

  /** From the beginning of maintenance to its end, also while the host serves again already. */
  get isMaintaining(): boolean {
    return this.maintaining;
  }

  async enterMaintenance(what: { database: boolean }, run: Pick<RunContext, 'log'>): Promise<void> {
    await this.beginMaintenance(run);
    await notifyOtherNodes(this.app);
    await this.stopBackground(run);
    if (!what.database) return;
    const count = await this.jobs.park();
    if (count > 0) run.log('warn', { text: '{{count}} waiting jobs belong to the replaced data', params: { count } });
  }

  async leaveMaintenance(): Promise<void> {
    if (!this.maintaining || this.isHeld) return;
    this.maintaining = false;
    this.text.end();
    await this.app.setMaintaining({ status: 'command_end', command: COMMAND });
    await this.jobs.drop();
  }

  async holdMaintenance(): Promise<void> {
    this.isHeld = true;
    this.maintaining = true;
    this.text.begin();
    this.text.change(HELD_TEXT);
    const { app } = this;
    // A reload that failed halfway may have left the host serving, or in an error of its own.
    await AppSupervisor.getInstance().setAppStatus(app.name, 'commanding');
    await app.setMaintaining({ status: 'command_running', command: COMMAND });
    this.text.change(HELD_TEXT);
  }

  /** Shown to everyone who waits, in front of what the host itself shows. */
  maintenanceText(text: string): void {
    if (!this.isHeld) this.text.change(text);
  }

  async disconnect(): Promise<void> {
    if (!this.app.db.closed()) await this.app.db.close();
  }

  /** Runs the host's upgrade where the data that is live now knows other versions; otherwise loading it anew is enough. */
  async reload(data: 'new' | 'previous'): Promise<void> {
    const { app } = this;
    if (data === 'previous') await this.jobs.reinstate();
    // An app that had started and is taken back lets nothing in while it is loaded again.
    await AppSupervisor.getInstance().setAppStatus(app.name, 'commanding');
    await this.putAway();
    if (data === 'previous' || (await this.versions()) === this.versionsBefore) {
      await this.startAnew();
    } else {
      // The upgrade ends with a restart, which is none for an app that has not started.
      internalsOf(app)._started = new Date();
      await app.upgrade();
    }
    await notifyOtherNodes(app);
  }

  /** On the other nodes of a cluster: out of the way while one of them exchanges the data, then on with what is live. */
  async follow(switchoverIsOver: () => Promise<boolean>, run: Pick<RunContext, 'log'>): Promise<void> {
    if (this.maintaining) return;
    try {
      await this.beginMaintenance(run);
      await this.stopBackground(run);
      await this.disconnect();
      while (!(await switchoverIsOver())) await new Promise((resolve) => setTimeout(resolve, FOLLOW_POLL_MS));
      await this.putAway();
      await this.startAnew();
    } finally {
      await this.leaveMaintenance();
    }
  }

  private async beginMaintenance(run: Pick<RunContext, 'log'>): Promise<void> {
    const { app } = this;
    this.maintaining = true;
    this.text.begin();
    app.setMaintainingMessage('waiting for requests under way');
    await app.setMaintaining({ status: 'command_begin', command: COMMAND });
    await app.setMaintaining({ status: 'command_running', command: COMMAND });
    // Asks the database, which may be away: whatever follows from that is maintenance already.
    this.versionsBefore = await this.versions();
    const limit = Date.now() + DRAIN_LIMIT_MS;
    while (this.requestsInFlight() > 0 && Date.now() < limit) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    const count = this.requestsInFlight();
    if (count === 0) return;
    run.log('warn', { text: '{{count}} requests did not end in time and are cut off', params: { count } });
  }

  private async stopBackground(run: Pick<RunContext, 'log'>): Promise<void> {
    const ended = await stopBackground(this.app);
    if (!ended) run.log('warn', { text: 'A job of the app did not end in time and is cut off' });
  }

  /**
   * Drops everything the app has loaded. Its connection pool is never opened again: whatever still holds it can not write to
   * the data that is live now.
   */
  private async putAway(): Promise<void> {
    const host = internalsOf(this.app);
    await host.disposeServices();
    await this.disconnect();
    host.init();
    host._loaded = false;
    host._started = null;
  }

  private async startAnew(): Promise<void> {
    const { app } = this;
    await app.load();
    await app.start();
    app.emit('__restarted', app, {});
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
