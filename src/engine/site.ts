import type { Manifest } from '../shared/manifest';
import type { DumpScope } from './databases/driver';
import type { FileRoot } from './files/roots';

/** A file that some record of the app's database points to. */
export interface ExpectedFile {
  /** Folder of its FileRoot. */
  rootFolder: string;
  /** Relative to the root, '/' between folders. */
  path: string;
  collection: string;
  id: string | number;
}

/** What the engine must know about the app that it serves. Made by the host's side, or by the command line. */
export interface Site {
  /** Its plugins are those that are enabled. */
  app: Manifest['app'];
  /** Every plugin that could be enabled. */
  installedPlugins: Manifest['app']['plugins'];
  scope: DumpScope;
  fileRoots: FileRoot[];
  /** Safekeep's own folder: never part of a backup. */
  ownFolder: string;
  keyFingerprints: Record<string, string>;
  /** Every file that the database expects in a local file storage. */
  expectedFiles(): AsyncIterable<ExpectedFile>;
  /** Absolute folder for a file storage's configured document root; the host's rules. */
  resolveDocumentRoot(documentRoot: string): string;
  /** Folders below which a file storage may lie; nothing else is ever replaced. */
  allowedFileFolders: string[];
}
