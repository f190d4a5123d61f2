/** The engine's pipelines on one database without uploaded files: what the app does around it has no part here. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import * as format from '../../src/engine/archive/format';
import { checkManifest } from '../../src/engine/archive/manifest';
import { ArchiveReader } from '../../src/engine/archive/reader';
import { openLocalArchive } from '../../src/engine/archive/source';
import { backup } from '../../src/engine/backup';
import type { SteppedRun } from '../../src/engine/context';
import { driverFor } from '../../src/engine/databases';
import type { DatabaseConnection, DatabaseDriver, DatabasePlan, DumpScope } from '../../src/engine/databases/driver';
import { LocalDestination } from '../../src/engine/destinations/local';
import { fill } from '../../src/engine/messages';
import { JournalFile, placeOf } from '../../src/engine/journal';
import type { Slots } from '../../src/engine/moves';
import { NO_PREVIOUS } from '../../src/engine/previous';
import { restore } from '../../src/engine/restore';
import type { Site } from '../../src/engine/site';
import type { AppControl } from '../../src/engine/switchover';
import { undo } from '../../src/engine/undo';
import { verify } from '../../src/engine/verify';

const UNDO_HOURS = 1;
/** Those about other versions. */
const ACCEPTED = ['flavour', 'collation', 'databaseVersion', 'encoding', 'tableNameCase', 'roles', 'privileges'];

/** Nobody works with the data but us. */
const app: AppControl = {
  enterMaintenance: () => Promise.resolve(),
  leaveMaintenance: () => Promise.resolve(),
  disconnect: () => Promise.resolve(),
  reload: () => Promise.resolve(),
  healthCheck: () => Promise.resolve(),
  holdMaintenance: () => Promise.resolve(),
};

export class Engine {
  readonly driver: DatabaseDriver;
  readonly warnings: string[] = [];
  private readonly destination: LocalDestination;
  private readonly journal: JournalFile;
  private readonly site: Site;
  private number = 0;

  constructor(connection: DatabaseConnection, scope: DumpScope, folder: string) {
    mkdirSync(folder, { recursive: true });
    this.driver = driverFor(connection);
    this.destination = new LocalDestination(path.join(folder, 'backups'), {
      extension: format.ARCHIVE_EXTENSION,
      partialExtension: format.PARTIAL_EXTENSION,
      sidecarExtension: format.SIDECAR_EXTENSION,
      isName: format.isBackupName,
      parseManifest: checkManifest,
    });
    this.journal = new JournalFile(path.join(folder, 'journal.json'), () => placeOf(connection));
    this.site = {
      app: { name: 'main', version: '2.2.15', plugins: [] },
      installedPlugins: [],
      scope,
      fileRoots: [],
      ownFolder: folder,
      keyFingerprints: {},
      storages: [],
      documentRoots: { storage: folder, working: folder, default: path.join(folder, 'uploads') },
      allowedRoots: [],
      reservedFolders: [],
      otherApps: [],
    };
  }

  /** @param inactive of the data in the inactive slot of this plan @returns the archive */
  async backup(inactive?: DatabasePlan): Promise<string> {
    const source: DatabaseDriver = {
      ...this.driver,
      describe: (scope) => this.driver.describe(scope, inactive),
      dump: (scope, run) => this.driver.dump(scope, run, inactive),
    };
    const runId = this.nextId();
    const name = format.backupName('main', new Date(), `reach${'abcdefghij'[this.number % 10]}`);
    const about = { note: '', trigger: 'manual', runId, startedBy: null, isProtected: false } as const;
    const startedAt = new Date().toISOString();
    await backup({ name, contents: ['database'], startedAt, ...about }, this.site, source, this.destination, this.run()); // prettier-ignore
    return this.destination.archivePath(name);
  }

  /** @throws Error when the verification does not find the archive restorable */
  async verify(archive: string): Promise<void> {
    const { driver, journal, site } = this;
    const verdict = await this.reading(archive, (reader) =>
      verify({ runId: this.nextId(), slotId: this.nextId() }, { reader, site, driver, journal }, this.run()),
    );
    if (verdict.result !== 'restorable') throw new Error(fill(verdict.detail.text, verdict.detail.params));
  }

  /** Accepts every warning, as those about other versions. */
  async restore(archive: string): Promise<Slots> {
    const { driver, journal, site } = this;
    const id = this.nextId();
    const request = {
      runId: id,
      slotId: id,
      contents: ['database'] as const,
      filesMode: 'mirror' as const,
      undoHours: UNDO_HOURS,
      accepted: { acceptWarnings: ACCEPTED, discard: [] },
    };
    let switched: Slots | undefined;
    const whenStarted = (slots: Slots) => {
      switched = slots;
      return Promise.resolve();
    };
    const discard = () => Promise.reject(new Error('there is nothing to discard'));
    const about = { previous: NO_PREVIOUS, archive: { source: 'uploaded', verified: null }, discard } as const;
    await this.reading(archive, (reader) =>
      restore(request, { reader, site, driver, journal, app, whenStarted, ...about }, this.run()),
    );
    if (!switched) throw new Error('nothing was switched over');
    return switched;
  }

  /** The undo of a restore, and the undo of that. */
  async undo(slots: Slots): Promise<void> {
    const { driver, journal } = this;
    const whenStarted = () => Promise.resolve();
    await undo(
      slots,
      { runId: this.nextId(), undoHours: UNDO_HOURS },
      { driver, journal, app, whenStarted },
      this.run(),
    );
  }

  private async reading<T>(archive: string, work: (reader: ArchiveReader) => Promise<T>): Promise<T> {
    const reader = await ArchiveReader.open(await openLocalArchive(archive));
    try {
      return await work(reader);
    } finally {
      await reader.close();
    }
  }

  private nextId(): string {
    this.number += 1;
    return `reach${this.number}`;
  }

  private run(): SteppedRun<string> {
    const { warnings } = this;
    return {
      signal: new AbortController().signal,
      log: (level, { text, params }) => {
        if (level === 'warn') warnings.push(fill(text, params));
      },
      progress: () => undefined,
      step: (_step, work) => work(),
      pointOfNoReturn: () => undefined,
      get warnings() {
        return warnings.length;
      },
    };
  }
}
