/** English names for use in messages; each is a translation key. */
import type { Content, RunKind } from './runs';

export const CHECK_NAMES: Record<string, string> = {
  appVersion: 'NocoBase version',
  archive: 'Archive',
  collation: 'Collation',
  databaseVersion: 'Database version',
  dialect: 'Database type',
  encoding: 'Character set',
  fileFolders: 'Folders of uploaded files',
  flavour: 'MySQL or MariaDB',
  foreignKeys: 'Foreign keys',
  freeSpace: 'Free disk space',
  keys: 'Encryption keys',
  plugins: 'Plugins',
  roles: 'Database roles',
  schema: 'Database schema',
  sharedFolders: 'Folders shared with other apps',
  strategy: 'Restore strategy',
  tableNameCase: 'Case of table names',
  tablePrefix: 'Table prefix',
  tools: 'Client tools',
  underscored: 'Underscored names',
};

/** Within a sentence. */
export const KIND_NAMES: Record<RunKind, string> = {
  backup: 'backup',
  restore: 'restore',
  undo: 'undo',
  verify: 'verification',
  prune: 'cleanup',
};

/** Within a sentence. */
export const CONTENT_NAMES: Record<Content, string> = { database: 'database', files: 'uploaded files' };

/** The subjects of NOT_FOUND, within a sentence. */
export const THING_NAMES = { backup: 'backup', run: 'run', upload: 'upload', file: 'file' } as const;
