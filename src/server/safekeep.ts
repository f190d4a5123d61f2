/**
 * Safekeep of one app: its folders, its runs, the one that is under way. Lives in the app's container, so it survives
 * the reloads that a restore causes; it therefore asks the app for everything else at the moment it needs it.
 */
import type { Application } from '@nocobase/server';
import { storagePathJoin } from '@nocobase/utils';
import os from 'node:os';
import path from 'node:path';
import * as format from '../engine/archive/format';
import { checkManifest } from '../engine/archive/manifest';
import { ArchiveReader } from '../engine/archive/reader';
import { openLocalArchive } from '../engine/archive/source';
import { removeTemporaries } from '../engine/atomic-file';
import type { RunContext } from '../engine/context';
import { driverFor } from '../engine/databases';
import type { DatabaseDriver } from '../engine/databases/driver';
import { fill, SafekeepError } from '../engine/errors';
import { JournalFile, placeOf } from '../engine/journal';
import type { Site } from '../engine/site';
import { removeAbandonedFolders } from '../engine/temporary-folder';
import { LocalDestination } from '../engine/destinations/local';
import { RUN_MESSAGE } from '../shared/api';
import type { RunView } from '../shared/runs';
import { HostControl } from './host/app-control';
import { BackgroundJobs } from './host/background';
import { connectionOf } from './host/connection';
import { siteOf } from './host/site';
import { newRunId } from './names';
import { RowIndex } from './catalog/row-index';
import { RunLock } from './runs/lock';
import { isFinal, newRecord, type RunRecord } from '../engine/history/record';
import { RunRecorder } from './runs/recorder';
import { RunHistory } from '../engine/history/run-history';
import { Tickets } from './transfers/tickets';
import { UploadStore } from './transfers/uploads';
import { runView } from './api/views';

/** What is known about a run when it starts. */
export type NewRun = Pick<RunRecord, 'kind' | 'trigger'> &
  Partial<Pick<RunRecord, 'backupName' | 'uploadId' | 'note' | 'contents' | 'direction' | 'startedBy' | 'userId'>>;

export class Safekeep {
  readonly folder: string;
  readonly destination: LocalDestination;
  readonly history: RunHistory;
  readonly uploads: UploadStore;
  readonly journal: JournalFile;
  readonly index: RowIndex;
  readonly tickets = new Tickets();
  readonly jobs: BackgroundJobs;
  readonly control: HostControl;
  /** Requests under way, counted by the plugin's middleware. */
  requestsInFlight = 0;
  private readonly lock: RunLock;
  private current: { recorder: RunRecorder; ended: Promise<void> } | null = null;

  constructor(readonly app: Application) {
    this.folder = storagePathJoin('safekeep', app.name);
    this.destination = new LocalDestination(path.join(this.folder, 'backups'), {
      extension: format.ARCHIVE_EXTENSION,
      partialExtension: format.PARTIAL_EXTENSION,
      sidecarExtension: format.SIDECAR_EXTENSION,
      isName: format.isBackupName,
      parseManifest: checkManifest,
    });
    this.history = new RunHistory(path.join(this.folder, 'runs'));
    this.uploads = new UploadStore(path.join(this.folder, 'uploads'));
    this.journal = new JournalFile(path.join(this.folder, 'journal.json'), () => placeOf(connectionOf(app.db)));
    this.index = new RowIndex(app);
    this.jobs = new BackgroundJobs(app, this.folder);
    this.control = new HostControl(app, this.jobs, () => this.requestsInFlight);
    this.lock = new RunLock(app);
  }

  /** The one of this app; made at the first call. */
  static of(app: Application): Safekeep {
    const found = app.container.get('safekeep') as Safekeep | undefined;
    if (found) return found;
    const made = new Safekeep(app);
    app.container.register('safekeep', made);
    return made;
  }

  async prepare(): Promise<void> {
    await this.destination.prepare();
    await this.history.prepare();
    await this.uploads.prepare();
  }

  get active(): RunRecorder | null {
    return this.current?.recorder ?? null;
  }

  /** Resolves when the run under way, if any, has ended. */
  async idle(): Promise<void> {
    await this.current?.ended;
  }

  /** Another node exchanges the data: waits aside until it has, or until it is gone, and loads what is live then. */
  async follow(): Promise<void> {
    const isOver = async () => {
      const journal = await this.journal.read();
      return !journal || (await this.journal.life(journal)) === 'dead';
    };
    await this.control.follow(isOver, { log: this.hostLog });
  }

  /** For lines that belong to no run: the host's own log. */
  readonly hostLog: RunContext['log'] = (_level, { text, params }) => {
    this.app.log.warn(`Safekeep: ${fill(text, params)}`);
  };

  async site(): Promise<Site> {
    return await siteOf(this.app, this.folder);
  }

  driver(): DatabaseDriver {
    return driverFor(connectionOf(this.app.db));
  }

  /** @throws what ArchiveReader.open throws, NOT_FOUND, UPLOAD_INCOMPLETE */
  async openArchive(source: { name?: string; uploadId?: string }): Promise<ArchiveReader> {
    const file = source.uploadId
      ? await this.uploads.archivePath(source.uploadId)
      : this.destination.archivePath(source.name ?? '');
    return await ArchiveReader.open(
      await openLocalArchive(file).catch((error: SafekeepError) => {
        if (error.code !== 'NOT_FOUND') throw error;
        throw new SafekeepError('NOT_FOUND', { what: 'backup', name: source.name ?? '' });
      }),
    );
  }

  /**
   * Starts a run; `work` goes on after this has returned, then `afterFailure` should it have failed. One run at a time,
   * on all nodes.
   * @throws BUSY
   */
  async begin(
    newRun: NewRun,
    work: (recorder: RunRecorder) => Promise<void>,
    afterFailure: (record: RunRecord) => Promise<void> = () => Promise.resolve(),
  ): Promise<RunRecorder> {
    await this.refuseWhileBusy();
    const release = await this.lock.acquire();
    if (!release) await this.refuseAsBusy();
    const recorder = new RunRecorder(startingNow(newRun), this.history, (record) => this.broadcast(record));
    const { record } = recorder;
    let end: () => void = () => undefined;
    this.current = { recorder, ended: new Promise((resolve) => (end = resolve)) };
    try {
      await recorder.start();
      await this.index.saveRun(record);
    } catch (error) {
      const ended = await recorder.conclude(error);
      await release?.();
      this.current = null;
      recorder.publish(ended);
      end();
      throw error;
    }
    // Everything is written and the lock given back before anyone is told that the run has ended.
    const settle = async () => {
      let failure: unknown;
      await work(recorder).catch((error: unknown) => {
        failure = error;
        this.app.log.error(`Safekeep: ${record.kind} ${record.id} failed: ${String(error)}`, { error });
      });
      const ended = await recorder.conclude(failure);
      try {
        if (failure !== undefined) await afterFailure(ended);
        await this.index.saveRun(ended);
      } finally {
        await release?.();
        this.current = null;
        recorder.publish(ended);
        end();
      }
    };
    settle().catch((error: Error) => this.app.log.error(`Safekeep: run ${record.id}: ${error.message}`));
    return recorder;
  }

  /** After a start: what was running is not any more, what lies on disk is what the lists show. */
  async reconcile(): Promise<void> {
    const records = await this.history.all();
    for (const record of records) {
      if (isFinal(record) || record.id === this.active?.record.id || this.isAliveElsewhere(record)) continue;
      record.status = 'interrupted';
      record.error = { code: 'INTERRUPTED', params: {} };
      record.finishedAt = new Date().toISOString();
      await this.history.save(record);
    }
    if (!this.active) await this.removeLeftovers();
    await this.index.rebuild(await this.destination.list(), records);
  }

  /** Makes the list what the folder holds; archives put there by hand get their sidecar. */
  async rescan(): Promise<void> {
    for (const { name, bytes, sidecar } of await this.destination.list()) {
      if (!sidecar) await this.makeSidecar(name, bytes);
    }
    await this.index.rebuild(await this.destination.list(), await this.history.all());
  }

  private async makeSidecar(name: string, bytes: number): Promise<void> {
    try {
      const reader = await this.openArchive({ name });
      try {
        const { manifest } = reader;
        const sha256 = await reader.sha256();
        const { note, createdAt } = manifest;
        const own = {
          note,
          isProtected: false,
          runId: null,
          startedAt: createdAt,
          finishedAt: createdAt,
          startedBy: null,
        };
        await this.destination.writeSidecar(name, { bytes, sha256, manifest, ...own });
      } finally {
        await reader.close();
      }
    } catch (error) {
      this.app.log.warn(`Safekeep: ${name} is not listed: ${String(error)}`);
    }
  }

  /** A message to the user who started the run; everyone else's page asks by itself. */
  private broadcast(record: RunRecord): void {
    const { app } = this;
    const payload: RunView = runView(record, (sentence) => sentence);
    this.control.maintenanceText(maintenanceText(record));
    // Any message clears the host's maintenance dialog.
    if (app.getMaintaining()?.status === 'command_running' || record.userId === null) return;
    app.emit('ws:sendToUser', { userId: record.userId, message: { type: RUN_MESSAGE, payload } });
  }

  private async refuseWhileBusy(): Promise<void> {
    if (this.active) await this.refuseAsBusy();
  }

  private async refuseAsBusy(): Promise<never> {
    const record = this.active?.record ?? (await this.history.all()).findLast((one) => !isFinal(one));
    throw new SafekeepError('BUSY', { kind: record?.kind ?? 'run', startedAt: record?.startedAt ?? '?' });
  }

  private isAliveElsewhere(record: RunRecord): boolean {
    // Shared folders: a run of another host is that host's to end.
    return record.node.host !== os.hostname();
  }

  private async removeLeftovers(): Promise<void> {
    const left = await this.destination.removeLeftovers();
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

function startingNow(newRun: NewRun): RunRecord {
  const now = new Date();
  return newRecord({ id: newRunId(now), startedAt: now.toISOString(), ...newRun });
}

/** In English, like everything the host itself says while it is being loaded. */
function maintenanceText({ kind, step, percent }: RunRecord): string {
  const doing: Record<string, string> = {
    switchover: 'exchanging the data',
    reload: 'loading the app',
    healthCheck: 'checking the app',
  };
  return `Safekeep ${kind}: ${doing[step] ?? step} (${percent} %)`;
}
