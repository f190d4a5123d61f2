/** The engine around one site, put together as the host's side does it. */
import path from 'node:path';
import * as format from '../../../src/engine/archive/format';
import { checkManifest } from '../../../src/engine/archive/manifest';
import type { DatabaseConnection, DatabaseDriver } from '../../../src/engine/databases/driver';
import { JournalFile, placeOf } from '../../../src/engine/journal';
import { PreviousFile } from '../../../src/engine/previous';
import { RunHistory } from '../../../src/engine/history/run-history';
import type { Site } from '../../../src/engine/site';
import { LocalDestination } from '../../../src/engine/destinations/local';
import type { Place } from '../protocol';
import { between, refuseToWriteIn, watchFileSystem } from './boundaries';
import { watchDriver, watchStatements } from './sql';

/** Files are staged in the folder's own slots, because its parent cannot be written to. */
const CHILD_BY_CHILD = 'outer';

export interface Engine {
  site: Site;
  driver: DatabaseDriver;
  destination: LocalDestination;
  history: RunHistory;
  journal: JournalFile;
  previous: PreviousFile;
}

export async function engineOf({ connection, folder }: Place): Promise<Engine> {
  const ownFolder = path.join(folder, 'safekeep');
  refuseToWriteIn(path.join(folder, CHILD_BY_CHILD));
  watchFileSystem(ownFolder);
  await watchStatements(connection.dialect);
  const destination = new LocalDestination(path.join(ownFolder, 'backups'), {
    extension: format.ARCHIVE_EXTENSION,
    partialExtension: format.PARTIAL_EXTENSION,
    sidecarExtension: format.SIDECAR_EXTENSION,
    isName: format.isBackupName,
    parseManifest: checkManifest,
  });
  const history = new RunHistory(path.join(ownFolder, 'runs'));
  const journal = new WatchedJournal(path.join(ownFolder, 'journal.json'), () => placeOf(connection));
  await destination.prepare();
  await history.prepare();
  return {
    site: siteOf(folder, ownFolder),
    driver: watchDriver(await driverOf(connection)),
    destination,
    history,
    journal,
    previous: new PreviousFile(path.join(ownFolder, 'previous.json')),
  };
}

async function driverOf(connection: DatabaseConnection): Promise<DatabaseDriver> {
  switch (connection.dialect) {
    case 'sqlite':
      return (await import('../../../src/engine/databases/sqlite')).createSqliteDriver(connection);
    case 'postgres':
      return (await import('../../../src/engine/databases/postgres')).createPostgresDriver(connection);
    default:
      return (await import('../../../src/engine/databases/mysql')).createMysqlDriver(connection);
  }
}

class WatchedJournal extends JournalFile {
  override async write(entry: Parameters<JournalFile['write']>[0]): Promise<void> {
    await between(`journal ${entry.state}`, () => super.write(entry));
  }

  override async remove(): Promise<void> {
    await between('journal removed', () => super.remove());
  }
}

function siteOf(folder: string, ownFolder: string): Site {
  const root = (id: string, ...below: string[]) => ({
    id,
    storages: [id],
    documentRoot: path.join(folder, ...below),
    folder: path.join(folder, ...below),
    places: { [id]: '' },
    sharedWith: [],
  });
  const fileRoots = [root('uploads', 'uploads'), root('mount', CHILD_BY_CHILD, 'mount')];
  return {
    app: { name: 'main', version: '2.2.15', plugins: [] },
    installedPlugins: [],
    scope: { excludeRowsOf: [], schemas: ['public'], fileTables: [] },
    storages: fileRoots.map(({ id, documentRoot, folder: own }) => ({ id, name: id, documentRoot, folder: own })),
    fileRoots,
    documentRoots: { storage: folder, working: folder, default: path.join(folder, 'uploads') },
    allowedRoots: [],
    reservedFolders: [],
    otherApps: [],
    ownFolder,
    keyFingerprints: {},
  };
}
