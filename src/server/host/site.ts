/** The facts about this NocoBase that the engine needs, gathered from the running app. */
import type Database from '@nocobase/database';
import type { Collection } from '@nocobase/database';
import type { Application } from '@nocobase/server';
import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import type { DumpScope, FileTable } from '../../engine/databases/driver';
import { resolveFolder } from '../../engine/files/roots';
import { fileRootsOf } from '../../engine/files/storages';
import type { Site } from '../../engine/site';
import { BACKUPS, RUNS } from '../catalog/collections';
import { otherAppsOf } from './apps';
import { allowedRoots, databaseFolders, documentRootBases, localStoragesOf, reservedFolders } from './folders';

export async function siteOf(app: Application, ownFolder: string): Promise<Site> {
  const storages = (await localStoragesOf(app)) ?? [];
  const others = await otherAppsOf(app);
  return {
    app: { name: app.name, version: app.getPackageVersion(), plugins: pluginsOf(app, (plugin) => plugin.enabled) },
    installedPlugins: pluginsOf(app, () => true),
    scope: scopeOf(app.db),
    storages,
    fileRoots: fileRootsOf(storages, others.apps),
    documentRoots: documentRootBases(),
    allowedRoots: await allowedRoots(),
    reservedFolders: [...(await reservedFolders()), ...(await databaseFolders(app)), ...others.reserved],
    otherApps: others.apps,
    ownFolder: await resolveFolder(ownFolder),
    keyFingerprints: await keyFingerprintsOf(app),
  };
}

/** The scope of a dump; rows of runtime tables and of Safekeep's own indexes are excluded. */
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

/** Empty for a collection that is not a file collection or lacks its columns. */
function fileTableOf({ name, options, model }: Collection, table: string): FileTable[] {
  if (options.template !== 'file') return [];
  const column = (attribute: string) => model.rawAttributes[attribute]?.field ?? null;
  const [key, filename, storageId] = [model.primaryKeyAttribute, 'filename', 'storageId'].map(column);
  if (!key || !filename || !storageId) return [];
  return [{ table, collection: name, key, filename, storageId, path: column('path') }];
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

/** Slow hashes of the app's secrets: equal secrets have equal fingerprints, and a fingerprint reveals nothing about its secret. */
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
