/** The manifest of an archive (docs/archive-format.md). Its schema is in engine/archive/manifest.ts. */
import type { Content, Trigger } from './runs';

export type Dialect = 'postgres' | 'mysql' | 'mariadb' | 'sqlite';

export interface TableRows {
  /** Name as the database has it; PostgreSQL: schema.table. */
  name: string;
  /** Rows in the dump; null where the database could not count them at the moment of the dump. */
  rows: number | null;
  /** True where only the structure was dumped (runtime tables). */
  dataExcluded?: boolean;
}

export interface DatabaseExtension {
  name: string;
  version: string;
  schema: string;
}

/** Facts about a database that a restore compares. */
export interface DatabaseFacts {
  dialect: Dialect;
  /** The server's own: 'postgres', 'mariadb', 'mysql' or 'sqlite' (the mysql dialect may talk to a MariaDB server). */
  flavour: 'postgres' | 'mysql' | 'mariadb' | 'sqlite';
  /** Dotted numbers only, '15.18'. */
  serverVersion: string;
  underscored: boolean;
  tablePrefix: string;
  /** PostgreSQL: the app's schema; '' elsewhere. */
  schema: string;
  /** Character set of the database, 'UTF8', 'utf8mb4'. */
  encoding: string;
  collation: string;
  timeZone: string;
  /** PostgreSQL only; empty elsewhere. */
  extensions: DatabaseExtension[];
  /** PostgreSQL: roles with ownership or grants in the dump, except the connecting role; empty elsewhere. */
  roles: string[];
  /** Estimated size of the data in bytes, without indexes. */
  dataBytes: number;
}

export interface ManifestDatabase extends DatabaseFacts {
  tool: { name: string; version: string };
  /** The entries of the dump, in the order in which they are loaded. */
  parts: string[];
  tables: TableRows[];
  /**
   * PostgreSQL, for a dump of previous data: the name in the dump of each of the app's schemas. The rest of the manifest uses
   * their live names.
   */
  schemasInDump?: Record<string, string>;
}

export interface ManifestFileRoot {
  /** Folder name below files/ in the archive. */
  id: string;
  /** Names of the File manager storages whose files are here. */
  storages: string[];
  /** The folder on the server that was backed up, as it was configured. */
  documentRoot: string;
  /** The path of each storage below `documentRoot`, '/' between folders; '' for itself. Older archives lack it. */
  places?: Record<string, string>;
  files: number;
  bytes: number;
  /** Of these, the files named in records of the app. Older archives lack it. */
  recorded?: { files: number; bytes: number };
}

export interface Manifest {
  /** Number of the archive format. */
  format: number;
  /** Name of the backup, which is also the file name without its extension. */
  name: string;
  /** ISO 8601, UTC. */
  createdAt: string;
  app: {
    name: string;
    version: string;
    plugins: { name: string; version: string }[];
  };
  contents: Content[];
  note: string;
  trigger: Trigger;
  database: ManifestDatabase | null;
  files: { roots: ManifestFileRoot[]; missing: number } | null;
  /** Derived from the app's secrets, so that another server can check whether it has the same ones. */
  keyFingerprints: Record<string, string>;
  /** The list of all other entries (entries.jsonl). */
  entries: { count: number; bytes: number; sha256: string };
  /** Number of problems during the backup, such as files missing on disk. */
  warnings: number;
}

/** A line of entries.jsonl. */
export interface ArchiveEntry {
  name: string;
  /** Size of the entry as any unzip extracts it. */
  bytes: number;
  /** Hex, of the entry as any unzip extracts it. */
  sha256: string;
  /** Milliseconds since 1970, files only. */
  mtimeMs?: number;
  /** Permission bits, files only. */
  mode?: number;
  /** Whether records of the app name the file; files only. Older archives lack it. */
  recorded?: boolean;
}
