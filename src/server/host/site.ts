/** What the engine must know about this NocoBase, gathered from the running app. */
import type Database from '@nocobase/database';
import type { Collection } from '@nocobase/database';
import type { Application } from '@nocobase/server';
import { storagePathJoin } from '@nocobase/utils';
import { scrypt } from 'node:crypto';
import path from 'node:path';
import { promisify } from 'node:util';
import type { DumpScope, FileTable } from '../../engine/databases/driver';
import { fileRootsOf, isInside, resolveFolder, type FileRoot } from '../../engine/files/roots';
import type { ExpectedFile, Site } from '../../engine/site';
import { BACKUPS, RUNS } from '../catalog/collections';

/** How many file records are read at a time. */
const RECORDS_PER_PAGE = 1000;

interface LocalStorageModel {
  id: string | number;
  name: string;
  type: string;
  options?: { documentRoot?: string };
}

export async function siteOf(app: Application, ownFolder: string): Promise<Site> {
  const storages = localStoragesOf(app);
  const fileRoots = await fileRootsOf(
    storages.map(({ name, options }) => {
      const documentRoot = options?.documentRoot ?? '';
      return { name, documentRoot, folder: resolveDocumentRoot(documentRoot) };
    }),
  );
  return {
    app: { name: app.name, version: app.getPackageVersion(), plugins: pluginsOf(app, (plugin) => plugin.enabled) },
    installedPlugins: pluginsOf(app, () => true),
    scope: scopeOf(app.db),
    fileRoots,
    ownFolder,
    keyFingerprints: await keyFingerprintsOf(app),
    expectedFiles: () => expectedFilesOf(app.db, storages, fileRoots),
    resolveDocumentRoot,
    allowedFileFolders: [
      storagePathJoin(),
      ...[process.env.LOCAL_STORAGE_DEST, ...(process.env.LOCAL_STORAGE_ALLOWED_ROOTS?.split(',') ?? [])]
        .map((folder) => folder?.trim() ?? '')
        .filter(Boolean)
        .map(resolveDocumentRoot),
      ...fileRoots.map(({ folder }) => folder),
    ],
  };
}

/**
 * The File manager's rule: absolute as it is, 'storage/…' below STORAGE_PATH, anything else below the working folder;
 * without one LOCAL_STORAGE_DEST or storage/uploads.
 */
export function resolveDocumentRoot(documentRoot: string): string {
  const configured = documentRoot || process.env.LOCAL_STORAGE_DEST || 'storage/uploads';
  if (path.isAbsolute(configured)) return configured;
  const inStorage = /^(?:\.?\/)?storage(?:\/+(.*))?$/.exec(configured.replace(/\\/g, '/'));
  return inStorage ? storagePathJoin(inStorage[1] ?? '') : path.resolve(configured);
}

/** Tables whose rows stay out: run-time data, and Safekeep's own indexes. */
export function scopeOf(db: Database): DumpScope {
  const isPostgres = db.options.dialect === 'postgres';
  const main = db.options.schema ?? 'public';
  const tables = [...db.collections.values()].filter((collection) => !collection.isView());
  const excluded = tables.filter(({ name, options }) => {
    return options.dataCategory === 'runtime' || name === BACKUPS || name === RUNS;
  });
  const named = (collection: Collection) => {
    const table = collection.model.tableName;
    return isPostgres ? `${collection.collectionSchema() ?? main}.${table}` : table;
  };
  const schemas = isPostgres ? tables.map((collection) => collection.collectionSchema() ?? main) : [];
  return {
    excludeRowsOf: excluded.map(named),
    schemas: isPostgres ? [...new Set([main, ...schemas])] : [],
    fileTables: tables.flatMap((collection) => fileTableOf(collection, named(collection))),
  };
}

/** Nothing for a collection that is no file collection, or lacks the columns that make it one. */
function fileTableOf({ name, options, model }: Collection, table: string): FileTable[] {
  if (options.template !== 'file') return [];
  const column = (attribute: string) => model.rawAttributes[attribute]?.field ?? null;
  const [key, filename, storageId] = [model.primaryKeyAttribute, 'filename', 'storageId'].map(column);
  if (!key || !filename || !storageId) return [];
  return [{ table, collection: name, key, filename, storageId, path: column('path') }];
}

function localStoragesOf(app: Application): LocalStorageModel[] {
  const fileManager = app.pm.get('file-manager') as { storagesCache?: Map<unknown, LocalStorageModel> } | undefined;
  return [...(fileManager?.storagesCache?.values() ?? [])].filter(({ type }) => type === 'local');
}

interface HostPlugin {
  enabled: boolean;
  name: string;
  options: { packageName?: string; version?: string };
}

function pluginsOf(app: Application, wanted: (plugin: HostPlugin) => boolean): { name: string; version: string }[] {
  return [...(app.pm.getPlugins().values() as Iterable<HostPlugin>)]
    .filter(wanted)
    .map(({ name, options }) => ({ name: options.packageName ?? name, version: options.version ?? '' }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** Slow hashes of the application's secrets: equal secrets give equal prints, and a print gives nothing away. */
async function keyFingerprintsOf(app: Application): Promise<Record<string, string>> {
  const encryption = (app.aesEncryptor as unknown as { key?: Buffer } | undefined)?.key;
  const secrets: Record<string, string | Buffer | undefined> = { APP_KEY: process.env.APP_KEY, aes_key: encryption };
  const prints: Record<string, string> = {};
  for (const [name, secret] of Object.entries(secrets)) {
    if (!secret) continue;
    const hash = await promisify<string | Buffer, string, number, Buffer>(scrypt)(secret, `safekeep ${name}`, 12);
    prints[name] = hash.toString('hex');
  }
  return prints;
}

/** Every record of every file collection that lies in a local storage. */
async function* expectedFilesOf(
  db: Database,
  storages: readonly LocalStorageModel[],
  roots: readonly FileRoot[],
): AsyncGenerator<ExpectedFile> {
  const places = new Map<string, { root: FileRoot; below: string }>();
  for (const storage of storages) {
    const folder = await resolveFolder(resolveDocumentRoot(storage.options?.documentRoot ?? ''));
    const root = roots.find((candidate) => isInside(candidate.folder, folder));
    if (root) places.set(String(storage.id), { root, below: path.relative(root.folder, folder) });
  }
  for (const collection of [...db.collections.values()].filter(({ options }) => options.template === 'file')) {
    for await (const record of recordsOf(collection)) {
      const place = places.get(String(record.storageId));
      if (!place || !record.filename) continue;
      const relative = path.join(place.below, record.path?.replace(/^\/+/, '') ?? '', record.filename);
      yield {
        rootFolder: place.root.folder,
        path: relative.split(path.sep).join('/'),
        collection: collection.name,
        id: record.id,
      };
    }
  }
}

interface FileRecord {
  id: string | number;
  filename: string | null;
  path: string | null;
  storageId: string | number | null;
}

async function* recordsOf(collection: Collection): AsyncGenerator<FileRecord> {
  const key = collection.model.primaryKeyAttribute;
  const wanted = ['filename', 'path', 'storageId'].filter((name) => name in collection.model.rawAttributes);
  if (!key || !wanted.includes('storageId') || !wanted.includes('filename')) return;
  for (let offset = 0; ; offset += RECORDS_PER_PAGE) {
    const page = (await collection.model.findAll({
      attributes: [[key, 'id'], ...wanted],
      order: [[key, 'ASC']],
      limit: RECORDS_PER_PAGE,
      offset,
      raw: true,
    })) as unknown as FileRecord[];
    yield* page;
    if (page.length < RECORDS_PER_PAGE) return;
  }
}
