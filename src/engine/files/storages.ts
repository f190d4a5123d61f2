/** The local storages of the File manager and their folders. */
import path from 'node:path';
import type { FileRecord } from '../databases/driver';
import { isInside } from './roots';
import { appsThatShare, type OtherApp } from './rules';

/** A local File manager storage. */
export interface LocalStorage {
  id: string;
  name: string;
  /** As configured; '' for the host's default. */
  documentRoot: string;
  /** Real path. */
  folder: string;
}

/** A folder in which one or several File manager storages keep their files. */
export interface FileRoot {
  /** Folder name below files/ in the archive; letters, digits, '-' and '_'. */
  id: string;
  storages: string[];
  /** As configured in the storage; '' for the host's default. */
  documentRoot: string;
  /** Real path. */
  folder: string;
  /** Location of each storage below `folder`, '/' between folders; '' for `folder` itself. */
  places: Record<string, string>;
  /** Names of other apps that can have files there; empty: only this app uses it. */
  sharedWith: string[];
}

/** Base folders for document roots; all absolute. */
export interface DocumentRootBases {
  /** STORAGE_PATH */
  storage: string;
  /** The working folder of NocoBase. */
  working: string;
  /** For storages without a document root. */
  default: string;
}

/** The File manager's rule: absolute as it is, 'storage/…' below STORAGE_PATH, anything else below the working folder. */
export function resolveDocumentRoot(documentRoot: string, bases: DocumentRootBases): string {
  if (!documentRoot) return bases.default;
  if (path.isAbsolute(documentRoot)) return path.resolve(documentRoot);
  const inStorage = /^(?:\.\/)?storage(?:\/+(.*))?$/s.exec(documentRoot.replace(/\\/g, '/'));
  return inStorage ? path.join(bases.storage, inStorage[1] ?? '') : path.resolve(bases.working, documentRoot);
}

/**
 * Converts storages to roots: those that share a folder, or are inside another's, become one root, so that no file is backed up
 * twice and no folder is replaced under another.
 */
export function fileRootsOf(
  storages: readonly Pick<LocalStorage, 'name' | 'documentRoot' | 'folder'>[],
  otherApps: readonly OtherApp[],
): FileRoot[] {
  const outerFirst = storages.toSorted((a, b) => a.folder.length - b.folder.length || a.name.localeCompare(b.name));
  const roots: FileRoot[] = [];
  for (const storage of outerFirst) {
    const home = roots.find((root) => isInside(root.folder, storage.folder));
    if (home) {
      home.storages.push(storage.name);
      home.places[storage.name] = slashed(path.relative(home.folder, storage.folder));
      continue;
    }
    const wanted = storage.name.replace(/[^A-Za-z0-9_-]/g, '-') || 'storage';
    const taken = (id: string) => roots.some((root) => root.id === id);
    let id = wanted;
    for (let n = 2; taken(id); n++) id = `${wanted}-${n}`;
    const { name, documentRoot, folder } = storage;
    const sharedWith = appsThatShare(folder, otherApps);
    roots.push({ id, storages: [name], documentRoot, folder, places: { [name]: '' }, sharedWith });
  }
  return roots;
}

/** elsewhere: in no known local storage; outside: its path leaves its storage, the File manager does not serve it. */
export type RecordPlace = { root: FileRoot; path: string } | 'elsewhere' | 'outside';

/** Returns a function that finds the root and the path below it of a file record. */
export function recordPlaces(
  storages: readonly LocalStorage[],
  roots: readonly FileRoot[],
): (record: Pick<FileRecord, 'storageId' | 'path' | 'filename'>) => RecordPlace {
  const homes = new Map(storages.map(({ id, folder }) => [id, folder]));
  return ({ storageId, path: below, filename }) => {
    const home = homes.get(storageId);
    const root = home && roots.find(({ folder }) => isInside(folder, home));
    if (!home || !root) return 'elsewhere';
    const file = path.join(home, below.replace(/^\/+/, ''), filename);
    if (file === home || !isInside(home, file) || file.includes('\0')) return 'outside';
    return { root, path: slashed(path.relative(root.folder, file)) };
  };
}

function slashed(relative: string): string {
  return relative.split(path.sep).join('/');
}
