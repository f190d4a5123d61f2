/** What an archive says about itself (docs/archive-format.md). The schema that parses it stands in engine/archive/manifest.ts. */
import type { Content, Trigger } from './runs';

export type Dialect = 'postgres' | 'mysql' | 'mariadb' | 'sqlite';

export interface TableRows {
  /** Name as the database has it; PostgreSQL: schema.table. */
  name: string;
  /** Rows in the dump; null where the database could not count them in the dump's own moment. */
  rows: number | null;
  /** True where the structure was dumped and the rows were left out on purpose (run-time tables). */
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
  /** PostgreSQL: roles that own or were granted something in the dump, without the connecting one; empty elsewhere. */
  roles: string[];
  /** Estimate of the data's size in bytes, indexes left out. */
  dataBytes: number;
}

export interface ManifestDatabase extends DatabaseFacts {
  tool: { name: string; version: string };
  /** The dump's entries in the order in which they are loaded. */
  parts: string[];
  tables: TableRows[];
  /**
   * PostgreSQL, where data was dumped that was not live: under which name each of the app's schemas stands in the dump. Everywhere
   * else in the manifest they bear their live names.
   */
  schemasInDump?: Record<string, string>;
}

export interface ManifestFileRoot {
  /** Folder name below files/ in the archive. */
  id: string;
  /** Names of the File manager storages that keep their files here. */
  storages: string[];
  /** The folder on the server that was backed up, as it was configured. */
  documentRoot: string;
  files: number;
  bytes: number;
}

export interface Manifest {
  /** Number of the archive format. */
  format: number;
  /** Name of the backup, which is also the file name without its ending. */
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
  /** Derived from the application's secrets so that another server can tell whether it has the same ones. */
  keyFingerprints: Record<string, string>;
  /** The list of all other entries (entries.jsonl). */
  entries: { count: number; bytes: number; sha256: string };
  /** Problems met while backing up, such as files missing on disk. */
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
}
