/** Maintenance, connections and reload of the app. Survives the reloads that it causes, so it holds references only to the app. */
import { type Application, AppSupervisor } from '@nocobase/server';
import type { RunContext } from '../../engine/context';
import { ERRORS, SafekeepError } from '../../engine/errors';
import type { AppControl } from '../../engine/switchover';
import { stopBackground, type BackgroundJobs } from './background';
import { MaintenanceText } from './maintenance-text';
import { notifyOtherNodes } from './other-nodes';

/** Time limit for requests in progress to end before the switchover. */
const DRAIN_LIMIT_MS = 10_000;
const DRAIN_POLL_MS = 50;
const FOLLOW_POLL_MS = 500;

/**
 * When a command of this name ends, the host closes the dialogs of all open pages and reloads the pages once. While it runs,
 * every request is answered with 503.
 */
const COMMAND = { name: 'restore' };

/** Shown when neither the restored nor the previous data works; docs/recovery.md. */
const HELD_TEXT = `Safekeep: the rollback of a restore failed. ${ERRORS.ROLLBACK_FAILED.hint}`;

/** Internals that `restart` and `upgrade` of the host use. */
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
  /** Versions of app and plugins in the data before the switchover. */
  private versionsBefore: string | null = null;
  private readonly text: MaintenanceText;

  constructor(
    private readonly app: Application,
    private readonly jobs: BackgroundJobs,
    /** Number of requests in progress, without Safekeep's own. */
    private readonly requestsInFlight: () => number,
  ) {
    this.text = new MaintenanceText(app);
  }

  /** From the beginning of maintenance to its end, even while the host already serves requests again. */
  get isMaintaining(): boolean {
    return this.maintaining;
  }

  async enterMaintenance(what: { database: boolean }, run: Pick<RunContext, 'log'>): Promise<void> {
    await this.beginMaintenance(run);
    await notifyOtherNodes(this.app);
    await this.stopBackground(run);
    if (!what.database) return;
    const count = await this.jobs.park();
    if (count > 0)
      run.log('warn', { text: 'Waiting background jobs of the replaced data: {{count}}', params: { count } });
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
    // After a failed reload the host can be serving, or in an error state of its own.
    await AppSupervisor.getInstance().setAppStatus(app.name, 'commanding');
    await app.setMaintaining({ status: 'command_running', command: COMMAND });
    this.text.change(HELD_TEXT);
  }

  /** Shown to all users during maintenance, before the host's own text. */
  maintenanceText(text: string): void {
    if (!this.isHeld) this.text.change(text);
  }

  async disconnect(): Promise<void> {
    if (!this.app.db.closed()) await this.app.db.close();
  }

  /** Runs the host's upgrade where the versions in the live data differ; otherwise a reload is enough. */
  async reload(data: 'new' | 'previous'): Promise<void> {
    const { app } = this;
    if (data === 'previous') await this.jobs.reinstate();
    // During a rollback an app that has started must not accept requests until it is reloaded.
    await AppSupervisor.getInstance().setAppStatus(app.name, 'commanding');
    await this.unload();
    if (data === 'previous' || (await this.versions()) === this.versionsBefore) {
      await this.startAnew();
    } else {
      // The upgrade ends with a restart, which is none for an app that has not started.
      internalsOf(app)._started = new Date();
      await app.upgrade();
    }
    await notifyOtherNodes(app);
  }

  /** On the other nodes of a cluster: stops using the data during the switchover, then loads the live data. */
  async follow(switchoverIsOver: () => Promise<boolean>, run: Pick<RunContext, 'log'>): Promise<void> {
    if (this.maintaining) return;
    try {
      await this.beginMaintenance(run);
      await this.stopBackground(run);
      await this.disconnect();
      while (!(await switchoverIsOver())) await new Promise((resolve) => setTimeout(resolve, FOLLOW_POLL_MS));
      await this.unload();
      await this.startAnew();
    } finally {
      await this.leaveMaintenance();
    }
  }

  private async beginMaintenance(run: Pick<RunContext, 'log'>): Promise<void> {
    const { app } = this;
    this.maintaining = true;
    this.text.begin();
    app.setMaintainingMessage('waiting for requests in progress');
    await app.setMaintaining({ status: 'command_begin', command: COMMAND });
    await app.setMaintaining({ status: 'command_running', command: COMMAND });
    // Queries the database, which can be unavailable: by now the app is in maintenance.
    this.versionsBefore = await this.versions();
    const limit = Date.now() + DRAIN_LIMIT_MS;
    while (this.requestsInFlight() > 0 && Date.now() < limit) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    const count = this.requestsInFlight();
    if (count === 0) return;
    run.log('warn', { text: 'Requests aborted because they did not end in time: {{count}}', params: { count } });
  }

  private async stopBackground(run: Pick<RunContext, 'log'>): Promise<void> {
    const ended = await stopBackground(this.app);
    if (!ended) run.log('warn', { text: 'A background job of the app was aborted because it did not end in time' });
  }

  /**
   * Unloads everything that the app has loaded. Its connection pool is never opened again, so code that still holds it cannot
   * write to the live data.
   */
  private async unload(): Promise<void> {
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
    if (!(await app.isStarted())) throw new SafekeepError('INTERNAL', { detail: { text: 'the app has not started' } });
    await app.db.sequelize.authenticate();
    if ((await app.version.get()) !== app.getPackageVersion()) {
      throw new SafekeepError('INTERNAL', { detail: { text: 'the versions of data and app differ' } });
    }
    const users = app.db.getCollection('users');
    if (users && (await users.repository.count()) === 0) {
      throw new SafekeepError('INTERNAL', { detail: { text: 'the data contains no users' } });
    }
  }
}
