import type { Manifest } from '../shared/manifest';
import type { DumpScope } from './databases/driver';
import type { OtherApp, ReservedFolder } from './files/rules';
import type { DocumentRootBases, FileRoot, LocalStorage } from './files/storages';

/** The facts about the app that the engine needs: plain data, gathered by the server. All folders are real paths. */
export interface Site {
  /** `plugins`: the enabled ones. */
  app: Manifest['app'];
  /** All plugins, enabled or not. */
  installedPlugins: Manifest['app']['plugins'];
  scope: DumpScope;
  /** Its local file storages, and the folders that hold their files. */
  storages: LocalStorage[];
  fileRoots: FileRoot[];
  /** Base folders for document roots that an archive names. */
  documentRoots: DocumentRootBases;
  /** Folders that the operator allows for file storages, including their subfolders. */
  allowedRoots: string[];
  /** Folders that are not for uploads. */
  reservedFolders: ReservedFolder[];
  otherApps: OtherApp[];
  /** Safekeep's own folder: never part of a backup. */
  ownFolder: string;
  keyFingerprints: Record<string, string>;
}
