/** Which folders a restore is allowed to replace. Pure: facts in, verdict and reason out. All folders are real paths. */
import type { Message } from '../../shared/runs';
import { isInside } from './roots';

/** A folder that is not for uploads. */
export interface ReservedFolder {
  folder: string;
  /** database: of SQLite; program: NocoBase is installed there; working: it was started there; own: its other folders. */
  use: 'database' | 'program' | 'working' | 'own';
  /** Name of the app that uses it, if it is another one. */
  app?: string;
}

/** Another app of this NocoBase. */
export interface OtherApp {
  name: string;
  /** Folders of its local file storages; null where they are unknown. */
  fileFolders: readonly string[] | null;
}

export interface FolderFacts {
  /** Folders of the local file storages that this app has now. */
  own: readonly string[];
  /** The File manager's folder for storages without a folder of their own. */
  defaultRoot: string;
  /** Folders that the operator allows for file storages, with all below them. */
  allowedRoots: readonly string[];
  reserved: readonly ReservedFolder[];
  otherApps: readonly OtherApp[];
}

export type FolderVerdict =
  /** `sharedWith`: other apps that can have files there. */
  { allowed: true; sharedWith: string[] } | { allowed: false; reason: Message; remedy: Message };

export const OWN_FOLDER: Message = { text: 'Give the file storage a folder of its own.' };
export const NAME_FOLDER: Message = {
  text: 'Create a file storage with this name here, or add the folder to LOCAL_STORAGE_ALLOWED_ROOTS.',
};

export function verdictOn(folder: string, facts: FolderFacts): FolderVerdict {
  const reserved = facts.reserved.find((one) => isTaken(folder, one, facts));
  if (reserved) return { allowed: false, reason: reasonOf(reserved), remedy: OWN_FOLDER };
  const isOwn = facts.own.includes(folder);
  const isAllowed = isOwn || folder === facts.defaultRoot || facts.allowedRoots.some((root) => isInside(root, folder));
  if (!isAllowed)
    return { allowed: false, reason: { text: 'it is not a folder for file storages' }, remedy: NAME_FOLDER };
  const user = isOwn ? null : facts.otherApps.find(({ fileFolders }) => fileFolders && uses(fileFolders, folder));
  if (user) {
    const reason: Message = { text: 'the app {{app}} keeps its files there', params: { app: user.name } };
    return { allowed: false, reason, remedy: NAME_FOLDER };
  }
  return { allowed: true, sharedWith: appsThatShare(folder, facts.otherApps) };
}

/** The apps that can have files in a folder, or in one above or below it. */
export function appsThatShare(folder: string, apps: readonly OtherApp[]): string[] {
  return apps.filter(({ fileFolders }) => !fileFolders || uses(fileFolders, folder)).map(({ name }) => name);
}

function uses(fileFolders: readonly string[], folder: string): boolean {
  return fileFolders.some((theirs) => holds(theirs, folder) || holds(folder, theirs));
}

/**
 * A folder that is, contains or is in a reserved folder is not for uploads. Two reserved folders are exceptions, which can contain
 * uploads: the working folder, and the folder of a database file if uploads are there.
 */
function isTaken(
  folder: string,
  { folder: reserved, use }: ReservedFolder,
  { own, defaultRoot }: FolderFacts,
): boolean {
  if (holds(folder, reserved)) return true;
  if (use === 'working') return false;
  if (use === 'database' && [...own, defaultRoot].some((uploads) => holds(reserved, uploads))) return false;
  return holds(reserved, folder);
}

function reasonOf({ folder, use, app }: ReservedFolder): Message {
  const params = { folder, ...(app && { app }) };
  if (app) return { text: 'the app {{app}} uses {{folder}}', params };
  switch (use) {
    case 'database':
      return { text: 'the database file is in {{folder}}', params };
    case 'program':
      return { text: 'NocoBase is installed in {{folder}}', params };
    case 'working':
      return { text: 'NocoBase was started in {{folder}}', params };
    case 'own':
      return { text: 'NocoBase itself uses {{folder}}', params };
  }
}

/** As `isInside`; names that differ in case, or in the encoding of an accent, can be one folder. */
function holds(outer: string, inner: string): boolean {
  return isInside(folded(outer), folded(inner));
}

function folded(folder: string): string {
  return folder.normalize('NFC').toLowerCase();
}
