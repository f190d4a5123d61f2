/** Which app owns the files in shared folders, by the current records. */
import type { Application } from '@nocobase/server';
import path from 'node:path';
import { driverFor } from '../../engine/databases';
import type { DatabaseDriver } from '../../engine/databases/driver';
import { RecordedFiles } from '../../engine/files/recorded';
import { isInside } from '../../engine/files/roots';
import type { FolderPlan, Ownership } from '../../engine/files/slots';
import { fileRootsOf } from '../../engine/files/storages';
import { runningApps } from './apps';
import { connectionOf } from './connection';
import { localStoragesOf } from './folders';
import { scopeOf } from './site';

/**
 * Returns a function that asks the records of this moment. For each folder of mode 'files', by its path: the files named in records of this app, and those named in records of other
 * apps in this process. An app whose database cannot be read owns none.
 * @throws DATABASE_UNREACHABLE for this app's own database
 */
export function ownershipOf(
  app: Application,
  driver: DatabaseDriver,
): (plans: readonly FolderPlan[]) => Promise<ReadonlyMap<string, Ownership>> {
  return async (plans) => await ownersIn(plans, app, driver);
}

async function ownersIn(
  plans: readonly FolderPlan[],
  app: Application,
  driver: DatabaseDriver,
): Promise<ReadonlyMap<string, Ownership>> {
  const folders = plans.filter(({ mode }) => mode === 'files').map(({ folder }) => folder);
  if (folders.length === 0) return new Map();
  const ours = await filesOf(app, driver);
  const theirs = await Promise.all(
    [...runningApps().values()].filter((other) => other !== app).map((other) => filesOfOther(other)),
  );
  return new Map(
    folders.map((folder) => {
      return [folder, { ours: below(folder, ours), theirs: new Set(theirs.flatMap((files) => below(folder, files))) }];
    }),
  );
}

/** Absolute paths of the files named in records of an app. */
async function filesOf(app: Application, driver: DatabaseDriver): Promise<string[]> {
  const storages = (await localStoragesOf(app)) ?? [];
  if (!driver.fileRecords || storages.length === 0) return [];
  const fileRoots = fileRootsOf(storages, []);
  const recorded = await RecordedFiles.of(driver.fileRecords(scopeOf(app.db)), { storages, fileRoots });
  return fileRoots.flatMap((root) => [...recorded.pathsIn(root).keys()].map((file) => path.join(root.folder, file)));
}

async function filesOfOther(app: Application): Promise<string[]> {
  const read = async () => {
    const driver = driverFor(connectionOf(app.db));
    return await filesOf(app, driver).finally(() => driver.close());
  };
  return await read().catch((error: Error) => {
    app.log.warn(`Safekeep: the file records of ${app.name} cannot be read: ${error.message}`);
    return [];
  });
}

function below(folder: string, files: readonly string[]): string[] {
  return files
    .filter((file) => isInside(folder, file))
    .map((file) => path.relative(folder, file).split(path.sep).join('/'));
}
