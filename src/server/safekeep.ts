/**
 * Safekeep of one app: connects its parts. It is in the app's container, so it survives the reloads that a restore causes; its
 * parts therefore get everything else from the app when they need it.
 */
import type { Application } from '@nocobase/server';
import { storagePathJoin } from '@nocobase/utils';
import path from 'node:path';
import * as format from '../engine/archive/format';
import { checkManifest } from '../engine/archive/manifest';
import { removeTemporaries } from '../engine/atomic-file';
import type { RunContext } from '../engine/context';
import { driverFor } from '../engine/databases';
import type { DatabaseDriver } from '../engine/databases/driver';
import { LocalDestination } from '../engine/destinations/local';
import { fill } from '../engine/messages';
import { lifeByRecords, type RunRecord } from '../engine/history/record';
import { RunHistory } from '../engine/history/run-history';
import { JournalFile, placeOf } from '../engine/journal';
import { PreviousFile } from '../engine/previous';
import type { Site } from '../engine/site';
import { removeAbandonedFolders } from '../engine/temporary-folder';
import { Catalog } from './catalog/catalog';
import { RowIndex } from './catalog/row-index';
import { HostControl } from './host/app-control';
import { BackgroundJobs } from './host/background';
import { connectionOf } from './host/connection';
import { notify } from './host/notify';
import { siteOf } from './host/site';
import { Runs } from './runs/runs';
import { Tickets } from './transfers/tickets';
import { UploadStore } from './transfers/uploads';

export class Safekeep {
  readonly folder: string;
  readonly destination: LocalDestination;
  readonly history: RunHistory;
  readonly previous: PreviousFile;
  readonly journal: JournalFile;
  readonly uploads: UploadStore;
  readonly tickets: Tickets;
  readonly index: RowIndex;
  readonly catalog: Catalog;
  readonly jobs: BackgroundJobs;
  readonly control: HostControl;
  readonly runs: Runs;
  /** Requests in progress, counted by the plugin's middleware. */
  requestsInFlight = 0;

  constructor(readonly app: Application) {
    this.folder = storagePathJoin('safekeep', app.name);
    const inFolder = (name: string) => path.join(this.folder, name);
    this.destination = new LocalDestination(inFolder('backups'), {
      extension: format.ARCHIVE_EXTENSION,
      partialExtension: format.PARTIAL_EXTENSION,
      sidecarExtension: format.SIDECAR_EXTENSION,
      isName: format.isBackupName,
      parseManifest: checkManifest,
    });
    this.history = new RunHistory(inFolder('runs'));
    this.previous = new PreviousFile(inFolder('previous.json'));
    this.journal = new JournalFile(inFolder('journal.json'), () => placeOf(connectionOf(app.db)));
    this.uploads = new UploadStore(inFolder('uploads'));
    this.tickets = new Tickets(inFolder('ticket.key'));
    this.index = new RowIndex(app);
    this.catalog = new Catalog(app, this.destination, this.history, this.index);
    this.jobs = new BackgroundJobs(app, this.folder);
    this.control = new HostControl(app, this.jobs, () => this.requestsInFlight);
    this.runs = new Runs(app, this.history, this.index, (record) => notify(this, record));
  }

  /** Safekeep of this app; created by the first call. */
  static of(app: Application): Safekeep {
    const found = app.container.get('safekeep') as Safekeep | undefined;
    if (found) return found;
    const created = new Safekeep(app);
    app.container.register('safekeep', created);
    return created;
  }

  async prepare(): Promise<void> {
    await this.destination.prepare();
    await this.history.prepare();
    await this.uploads.prepare();
  }

  /** For lines outside the log of any run: the host's own log. */
  readonly hostLog: RunContext['log'] = (_level, { text, params }) => {
    this.app.log.warn(`Safekeep: ${fill(text, params)}`);
  };

  async site(): Promise<Site> {
    return await siteOf(this.app, this.folder);
  }

  driver(): DatabaseDriver {
    return driverFor(connectionOf(this.app.db));
  }

  /** After a start: marks runs of ended processes as interrupted, removes leftovers, and rebuilds the lists. */
  async reconcile(): Promise<void> {
    const records = await this.runs.endInterrupted();
    if (!this.runs.active) await this.removeLeftovers(records);
    await this.catalog.reconcile(records);
  }

  /** Another node switches over: stops using the data until that is complete or the node has ended, then loads the live data. */
  async follow(): Promise<void> {
    const isOver = async () => {
      const journal = await this.journal.read();
      return !journal || (await this.journal.life(journal)) === 'dead';
    };
    await this.control.follow(isOver, { log: this.hostLog });
  }

  private async removeLeftovers(records: readonly RunRecord[]): Promise<void> {
    const left = await this.destination.removeLeftovers(lifeByRecords(records));
    if (left.length > 0) this.app.log.warn(`Safekeep: removed unfinished files: ${left.join(', ')}`);
    for (const folder of [this.folder, this.history.folder]) await removeTemporaries(folder);
    await removeAbandonedFolders();
    const driver = this.driver();
    try {
      await driver.removeLeftovers?.();
    } finally {
      await driver.close();
    }
    await this.uploads.removeAbandoned(Date.now());
  }
}
