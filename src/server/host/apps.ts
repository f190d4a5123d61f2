/** The other apps of this NocoBase and their folders: apps that run here, and apps that left files. */
import { type Application, AppSupervisor } from '@nocobase/server';
import { storagePathJoin } from '@nocobase/utils';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../engine/atomic-file';
import { resolveFolder } from '../../engine/files/roots';
import type { OtherApp, ReservedFolder } from '../../engine/files/rules';
import { resolveDocumentRoot } from '../../engine/files/storages';
import { databaseFolders, documentRootBases, localStoragesOf } from './folders';

/** In an app's Safekeep folder: the folders that it uses, for the time when it is stopped. */
const FOLDERS_FILE = 'folders.json';

const foldersSchema = z.object({ files: z.array(z.string()), database: z.array(z.string()) });
/** Real paths. */
type AppFolders = z.infer<typeof foldersSchema>;

/** Apps of this process by name. */
export function runningApps(): Map<string, Application> {
  const apps = Object.entries(AppSupervisor.getInstance().apps) as [string, Application | null][];
  return new Map(apps.filter((entry): entry is [string, Application] => Boolean(entry[1])));
}

/**
 * Every other app that can have files here. An app counts while it is registered with the main app, or while a folder of its
 * name exists in `apps` or `safekeep`: a stopped or removed app can still own files.
 */
export async function otherAppsOf(app: Application): Promise<{ apps: OtherApp[]; reserved: ReservedFolder[] }> {
  const running = runningApps();
  const names = new Set([
    'main',
    ...running.keys(),
    ...(await registeredNames(running.get('main'))),
    ...(await foldersIn(storagePathJoin('apps'))),
    ...(await foldersIn(storagePathJoin('safekeep'))),
  ]);
  names.delete(app.name);
  const found = await Promise.all(
    [...names].sort().map(async (name) => ({ name, folders: await foldersOfApp(name, running.get(name)) })),
  );
  return {
    apps: found.map(({ name, folders }) => ({ name, fileFolders: folders?.files ?? null })),
    reserved: found.flatMap(({ name, folders }) => {
      return (folders?.database ?? []).map((folder) => ({ folder, use: 'database' as const, app: name }));
    }),
  };
}

/** Records the folders that an app uses. Call when it has started. */
export async function recordFolders(app: Application, safekeepFolder: string): Promise<void> {
  const folders = await foldersOfRunning(app);
  if (folders) await writeFolders(safekeepFolder, folders);
}

/** Records a folder as soon as a storage of the app uses it. */
export function watchFolders(app: Application, safekeepFolder: string): void {
  const add = async (storage: { toJSON(): object }) => {
    const { type, options } = app.environment.renderJsonTemplate(storage.toJSON()) as StorageValues;
    if (type !== 'local') return;
    const folder = await resolveFolder(resolveDocumentRoot(options?.documentRoot ?? '', documentRootBases()));
    const known = (await readFolders(safekeepFolder)) ?? (await foldersOfRunning(app));
    if (known) await writeFolders(safekeepFolder, { ...known, files: [...new Set([...known.files, folder])] });
  };
  app.db.on('storages.afterSave', async (storage: { toJSON(): object }) => {
    await add(storage).catch((error: Error) => app.log.warn(`Safekeep: ${error.message}`));
  });
}

interface StorageValues {
  type: string;
  options?: { documentRoot?: string };
}

async function foldersOfApp(name: string, running: Application | undefined): Promise<AppFolders | null> {
  const now = running && (await foldersOfRunning(running).catch(() => null));
  return now ?? (await readFolders(storagePathJoin('safekeep', name)));
}

async function foldersOfRunning(app: Application): Promise<AppFolders | null> {
  const storages = app.db && (await localStoragesOf(app));
  if (!storages) return null;
  const files = storages.map(({ folder }) => folder);
  return { files, database: (await databaseFolders(app)).map(({ folder }) => folder) };
}

/** null where the file is missing or invalid. */
async function readFolders(safekeepFolder: string): Promise<AppFolders | null> {
  const text = await readFile(path.join(safekeepFolder, FOLDERS_FILE), 'utf8').catch(() => '{}');
  try {
    return foldersSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

async function writeFolders(safekeepFolder: string, folders: AppFolders): Promise<void> {
  await writeFileAtomically(path.join(safekeepFolder, FOLDERS_FILE), `${JSON.stringify(folders, null, 2)}\n`);
}

/** Names in the main app's list of sub-apps; empty where there is none or it cannot be read: started apps have a folder anyway. */
async function registeredNames(main: Application | undefined): Promise<string[]> {
  if (!main?.db?.hasCollection('applications')) return [];
  const rows: { name: string }[] = await main.db
    .getRepository('applications')
    .find({ fields: ['name'], raw: true })
    .catch(() => []);
  return rows.map(({ name }) => name);
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
