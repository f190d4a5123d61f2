import type { Manifest } from '../shared/manifest';
import type { DumpScope } from './databases/driver';
import type { OtherApp, ReservedFolder } from './files/rules';
import type { DocumentRootBases, FileRoot, LocalStorage } from './files/storages';

/** What the engine must know about the app that it serves: plain data, made by the host's side. All folders are real paths. */
export interface Site {
  /** Its plugins are those that are enabled. */
  app: Manifest['app'];
  /** Every plugin that could be enabled. */
  installedPlugins: Manifest['app']['plugins'];
  scope: DumpScope;
  /** Its local file storages, and the folders in which they keep their files. */
  storages: LocalStorage[];
  fileRoots: FileRoot[];
  /** For document roots that an archive names. */
  documentRoots: DocumentRootBases;
  /** Folders that the operator opens for file storages, with all below them. */
  allowedRoots: string[];
  /** Folders that are not for uploads. */
  reservedFolders: ReservedFolder[];
  otherApps: OtherApp[];
  /** Safekeep's own folder: never part of a backup. */
  ownFolder: string;
  keyFingerprints: Record<string, string>;
}
