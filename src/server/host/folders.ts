/** Folders of an app and of NocoBase, as real paths. */
import type { Application } from '@nocobase/server';
import { resolvePluginStoragePath, storagePathJoin } from '@nocobase/utils';
import path from 'node:path';
import { resolveFolder } from '../../engine/files/roots';
import type { ReservedFolder } from '../../engine/files/rules';
import { type DocumentRootBases, type LocalStorage, resolveDocumentRoot } from '../../engine/files/storages';

/** A storage in the File manager's memory, with variables filled in. */
interface CachedStorage {
  id: string | number;
  name: string;
  type: string;
  options?: { documentRoot?: string };
}

export interface FileManager {
  storagesCache?: Map<unknown, CachedStorage>;
}

export function fileManagerOf(app: Application): FileManager | undefined {
  return app.pm.get('file-manager') as FileManager | undefined;
}

export function documentRootBases(): DocumentRootBases {
  const bases = { storage: storagePathJoin(), working: process.cwd(), default: storagePathJoin('uploads') };
  return { ...bases, default: resolveDocumentRoot(process.env.LOCAL_STORAGE_DEST ?? '', bases) };
}

/** The local file storages of an app that runs here; null until its File manager has read them. */
export async function localStoragesOf(app: Application): Promise<LocalStorage[] | null> {
  const cached = [...(fileManagerOf(app)?.storagesCache?.values() ?? [])];
  if (cached.length === 0) return null;
  const bases = documentRootBases();
  return await Promise.all(
    cached
      .filter(({ type }) => type === 'local')
      .map(async ({ id, name, options }) => {
        const documentRoot = options?.documentRoot ?? '';
        const folder = await realFolder(resolveDocumentRoot(documentRoot, bases));
        return { id: String(id), name, documentRoot, folder };
      }),
  );
}

/** Folders that the operator allows for file storages, including their subfolders. */
export async function allowedRoots(): Promise<string[]> {
  const named = (process.env.LOCAL_STORAGE_ALLOWED_ROOTS ?? '').split(',').map((folder) => folder.trim());
  const bases = documentRootBases();
  return await Promise.all(named.filter(Boolean).map((folder) => realFolder(resolveDocumentRoot(folder, bases))));
}

/** Folders below STORAGE_PATH that are not for uploads. */
const KEPT_IN_STORAGE = [
  'plugins',
  'apps',
  'safekeep',
  'logs',
  'tmp',
  'backups',
  'cache',
  'environment-variables',
  'dist-client',
  '.license',
];

/** Folders that are not for uploads, except those of databases. */
export async function reservedFolders(): Promise<ReservedFolder[]> {
  const { LOGGER_BASE_PATH, NODE_MODULES_PATH, APP_PACKAGE_ROOT } = process.env;
  const kept = [...KEPT_IN_STORAGE.map((name) => storagePathJoin(name)), resolvePluginStoragePath(), LOGGER_BASE_PATH];
  const installation = ['node_modules', 'packages', NODE_MODULES_PATH, APP_PACKAGE_ROOT];
  return [
    ...(await reserve('own', kept)),
    ...(await reserve('program', installation)),
    ...(await reserve('working', [process.cwd()])),
  ];
}

/** The database file can be a link: both folders are reserved. */
export async function databaseFolders(app: Application): Promise<ReservedFolder[]> {
  const { dialect, storage } = app.db.options;
  if (dialect !== 'sqlite' || !storage || storage === ':memory:') return [];
  const file = path.resolve(storage);
  return await reserve('database', [path.dirname(file), path.dirname(await realFolder(file))]);
}

/** Each folder by the path that was configured, and by the real path where that is a link. */
async function reserve(use: ReservedFolder['use'], named: (string | undefined)[]): Promise<ReservedFolder[]> {
  const folders = named.filter(Boolean).map((folder) => path.resolve(folder ?? ''));
  const places = folders.map(async (folder) => {
    return [path.join(await realFolder(path.dirname(folder)), path.basename(folder)), await realFolder(folder)];
  });
  const real = (await Promise.all(places)).flat();
  return [...new Set(real)].map((folder) => ({ folder, use }));
}

/** A path that cannot be resolved stays as configured. */
async function realFolder(folder: string): Promise<string> {
  return await resolveFolder(folder).catch(() => folder);
}
