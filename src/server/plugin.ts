import { Plugin } from '@nocobase/server';
import type { ActionType, ResourcerContext } from '@nocobase/resourcer';
import { backupActions } from './api/backups';
import type { Action } from './api/respond';
import { runActions } from './api/runs';
import { settingsActions } from './api/settings';
import { transferActions } from './api/transfers';
import { BACKUPS, collections, RUNS, SETTINGS } from './catalog/collections';
import { recordFolders, watchFolders } from './host/apps';
import { requireNode } from '../engine/node-version';
import { recoverBeforeCommands } from './host/commands';
import { SWITCHOVER_MESSAGE } from './host/other-nodes';
import { housekeep } from './runs/previous';
import { confirmRecovery, recoverAtStart } from './runs/recovery';
import { Safekeep } from './safekeep';

const HOUSEKEEPING_MS = 30 * 60_000;

const on = (resource: string, ...actions: string[]) => actions.map((action) => `${resource}:${action}`);

/** Permissions and the actions that they allow; each is a line in the host's role settings. */
const SNIPPETS: Record<string, string[]> = {
  'pm.safekeep': [...on(BACKUPS, 'list', 'get'), ...on(RUNS, 'list', 'get', 'log', 'previous'), ...on(SETTINGS, 'get')],
  'pm.safekeep.create': [...on(BACKUPS, 'create', 'update', 'verify', 'rescan', 'keepUpload'), ...on(RUNS, 'cancel')],
  'pm.safekeep.download': on(BACKUPS, 'ticket'),
  'pm.safekeep.restore': [
    ...on(BACKUPS, 'inspect', 'preview', 'restore'),
    ...on(BACKUPS, 'uploadStart', 'uploadAppend', 'uploadFinish', 'uploadAbort'),
    ...on(RUNS, 'undo', 'cancel'),
  ],
  'pm.safekeep.delete': [...on(BACKUPS, 'destroy'), ...on(RUNS, 'discard')],
  'pm.safekeep.settings': on(SETTINGS, 'update', 'tools'),
};

export class SafekeepPlugin extends Plugin {
  private housekeeping: NodeJS.Timeout | undefined;

  /** Called by the host once per process, before any app exists. */
  static async staticImport(): Promise<void> {
    recoverBeforeCommands();
  }

  /** @throws NODE_TOO_OLD */
  override async beforeEnable(): Promise<void> {
    requireNode();
  }

  override async beforeLoad(): Promise<void> {
    const safekeep = Safekeep.of(this.app);
    await safekeep.prepare();
    await recoverAtStart(safekeep);
    for (const collection of collections) this.db.collection(collection);
  }

  override async load(): Promise<void> {
    const { app } = this;
    const safekeep = Safekeep.of(app);
    const resources = {
      [BACKUPS]: { ...backupActions, ...transferActions },
      [RUNS]: runActions,
      [SETTINGS]: settingsActions,
    };
    for (const [name, actions] of Object.entries(resources)) {
      // `only` disables the automatic create, update and destroy of the collections, for root as well. The host adds its own
      // actions to the object that it is given, so each reload needs a new object.
      app.resourceManager.define({ name, actions: withOwnChecks(actions), only: Object.keys(actions) });
    }
    for (const [name, actions] of Object.entries(SNIPPETS)) app.acl.registerSnippet({ name, actions });
    watchFolders(app, safekeep.folder);
    app.acl.allow(BACKUPS, 'download', 'public');
    app.resourceManager.use(countRequests(safekeep), { tag: 'safekeep-count-requests', before: 'auth' });
    app.on('afterStart', () => this.afterStart(safekeep));
    app.on('beforeStop', () => clearInterval(this.housekeeping));
    app.on('__stopped', () => this.cancelRun(safekeep));
  }

  /** From another node of a cluster. */
  override async handleSyncMessage(message: { type?: string }): Promise<void> {
    const safekeep = Safekeep.of(this.app);
    if (message.type !== SWITCHOVER_MESSAGE.type || safekeep.runs.active) return;
    await safekeep.follow();
  }

  private async afterStart(safekeep: Safekeep): Promise<void> {
    try {
      requireNode();
    } catch (error) {
      this.log.error(`Safekeep: ${(error as Error).message}`);
    }
    await recordFolders(this.app, safekeep.folder).catch((error: Error) => this.log.warn(`Safekeep: ${error.message}`));
    await confirmRecovery(safekeep);
    await safekeep.reconcile();
    this.housekeeping = setInterval(() => {
      housekeep(safekeep, new Date()).catch((error: Error) => this.log.warn(`Safekeep: ${error.message}`));
    }, HOUSEKEEPING_MS);
    this.housekeeping.unref();
    await housekeep(safekeep, new Date());
  }

  /** The process is about to end: cancels the run, where that is still possible, so that it leaves no files. */
  private cancelRun(safekeep: Safekeep): void {
    try {
      safekeep.runs.active?.cancel();
    } catch (error) {
      this.log.warn(`Safekeep: ${String(error)}`);
    }
  }
}

/**
 * The host answers an update or a destroy without a key with 500 before the action is called. Safekeep's actions check the key
 * themselves, and there is only one row of settings: these parameters disable the host's check.
 */
function withOwnChecks(actions: Record<string, Action>): Record<string, ActionType> {
  const skipped: Record<string, object> = { update: { forceUpdate: true }, destroy: { truncate: true } };
  const entries = Object.entries(actions).map(([name, handler]) => [name, { ...skipped[name], handler }] as const);
  return Object.fromEntries(entries) as Record<string, ActionType>;
}

/** The same answer as that of the host's gateway. */
const MAINTENANCE = {
  status: 503,
  code: 'APP_COMMANDING',
  maintaining: true,
  message: 'Safekeep: the app is being checked',
  command: { name: 'restore' },
};

/** Counts the requests that a switchover waits for, except Safekeep's own, which would wait for themselves. */
function countRequests(safekeep: Safekeep) {
  return async (ctx: ResourcerContext, next: () => Promise<void>): Promise<void> => {
    const own = ctx.action?.resourceName === BACKUPS || ctx.action?.resourceName === RUNS;
    if (own) return await next();
    if (safekeep.control.isMaintaining) {
      // The host serves requests as soon as it has started. A rollback would lose the changes of requests before the health check.
      Object.assign(ctx, { status: 503, withoutDataWrapping: true, body: { error: MAINTENANCE } });
      return;
    }
    safekeep.requestsInFlight += 1;
    try {
      await next();
    } finally {
      safekeep.requestsInFlight -= 1;
    }
  };
}

export default SafekeepPlugin;
