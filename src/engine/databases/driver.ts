/**
 * The contract of every database driver. A driver knows one dialect; it knows nothing of archives, files or runs.
 *
 * A restore works on two slots: the live one and an inactive one. `stage` fills the inactive slot, `switchOver` swaps the slots
 * atomically, `switchBack` swaps them again, `discard` deletes the inactive slot. The plan that names both slots is made first,
 * is plain JSON, and is all that a later process needs to find out what happened and to act on it. Several plans can exist at
 * once, each with an inactive slot of its own.
 */
import type { Readable } from 'node:stream';
import type { DatabaseFacts, Dialect, ManifestDatabase, TableRows } from '../../shared/manifest';
import type { Message } from '../../shared/runs';
import type { RunContext } from '../context';

/** How the app connects to its database. Only server dialects have host, port and credentials. */
export interface DatabaseConnection {
  dialect: Dialect;
  /** SQLite: absolute path of the database file; unused elsewhere. */
  storage?: string;
  host?: string;
  port?: number;
  username?: string;
  password?: string;
  database?: string;
  /** PostgreSQL: the app's schema, 'public' by default. */
  schema?: string;
  tablePrefix: string;
  underscored: boolean;
  timeZone?: string;
  tls?: { rejectUnauthorized?: boolean; ca?: string; cert?: string; key?: string };
}

/** What a dump contains. */
export interface DumpScope {
  /** Tables (as the database names them, PostgreSQL: schema.table) whose rows are skipped; their structure is dumped. */
  excludeRowsOf: string[];
  /** PostgreSQL: schemas that belong to the app, the first is the app's own; ignored elsewhere. */
  schemas: string[];
  /** Tables whose rows name uploaded files. */
  fileTables: FileTable[];
}

/** A table of file records; all names as the database has them. */
export interface FileTable {
  /** PostgreSQL: schema.table. */
  table: string;
  /** Name of the host's collection, for messages. */
  collection: string;
  /** Columns. `path` is null where the table has none. */
  key: string;
  filename: string;
  path: string | null;
  storageId: string;
}

/** A row of a file table: an uploaded file that the app knows. */
export interface FileRecord {
  collection: string;
  key: string;
  filename: string;
  /** Folder below that of the storage, as stored; '' for none. */
  path: string;
  storageId: string;
}

/** A native client tool, found or not. */
export interface ToolReport {
  /** Name of the tool, 'pg_dump'. */
  name: string;
  /** Absolute path of the tool that is used; null when none was found. */
  path: string | null;
  /** Dotted numbers; null when none was found. */
  version: string | null;
  status: 'ok' | 'missing' | 'too old';
  /** Command that installs a suitable one here, 'apt-get install postgresql-client-15'. */
  install: string;
}

export interface DumpPart {
  /** Entry name below database/, 'dump.pgdump'. */
  name: string;
  /** Ends only after the tool has exited with 0; errors otherwise, with a SafekeepError. */
  stream: Readable;
}

export interface Dump {
  /** To be consumed one after the other; each stream must be read to its end before the next part is requested. */
  parts: AsyncIterable<DumpPart>;
  /** The dump's entry in the manifest; only valid once every part has ended. */
  result(): Promise<Pick<ManifestDatabase, 'tables' | 'tool' | 'parts' | 'schemasInDump'>>;
  /**
   * The file records in the dump: read from its own snapshot or its own bytes, never from the live database later. Rows without
   * a filename or storage are skipped. Only valid once every part has ended.
   */
  fileRecords(): AsyncIterable<FileRecord>;
  /** Releases processes, connections and temporary files. Safe to call at any time and more than once. */
  close(): Promise<void>;
}

/** Opens a part of the dump for loading. The stream errors when its bytes are not those that were backed up. */
export type OpenPart = (name: string) => Promise<Readable>;

/** Everything a later process needs to complete or roll back a switchover. Plain JSON, written to the journal. */
export interface DatabasePlan {
  dialect: Dialect;
  /**
   * Where the inactive slot is. postgres: 'database', a second database; 'schema', a second schema, filled in one transaction;
   * 'objects', the same where the live schema cannot be renamed: its objects move. mysql, mariadb: 'tables', tables of a second
   * database; 'names', other names in the live database. sqlite: 'file'.
   */
  strategy: 'database' | 'schema' | 'objects' | 'tables' | 'names' | 'file';
  /** Identifies this restore in all names it makes; lower-case letters and digits. */
  id: string;
  /** Names the driver chose, for example of the second database or schema. */
  names: Record<string, string>;
}

/** The result of planning, for the dialog before the restore. */
export interface DatabasePlanning {
  /** null when no strategy works here; `blockers` lists the reasons. */
  plan: DatabasePlan | null;
  blockers: { reason: Message; remedy: Message }[];
  /** What the user has to accept, for example missing roles. `code` is stable. */
  warnings: { code: string; backup: string; current: string; remedy: Message }[];
  /** One sentence on what will happen. */
  summary: Message;
  /** One sentence on how long the app is unavailable, and whether that grows with the data. */
  downtime: Message;
  /** Disk space that staging takes in a folder of this server; absent where the database server has its own disks. */
  space?: { folder: string; needed: number };
}

/** On which side of the switchover the slots are. 'unclear': neither is certain; nothing must be deleted then. */
export type SlotPosition = 'before switchover' | 'after switchover' | 'unclear';

export interface DatabaseDriver {
  readonly dialect: Dialect;

  /**
   * Facts about the live database, or about the data in the inactive slot of a plan.
   * @throws DATABASE_UNREACHABLE
   */
  describe(scope: DumpScope, inactive?: DatabasePlan): Promise<DatabaseFacts>;

  /** Native clients this driver needs here, best fitting one each; empty for SQLite. Never throws for a missing one. */
  tools(): Promise<ToolReport[]>;

  /**
   * Starts a dump of one consistent moment. MUST throw before any part is produced when a tool is missing or too old
   * (TOOL_MISSING, TOOL_TOO_OLD). A part's stream MUST fail when the tool exits non-zero, is killed, or leaves the dump
   * without its proper end (TOOL_FAILED, DUMP_INCOMPLETE).
   * @param inactive dumps the data in the inactive slot of this plan instead of the live data, so that previous data can be
   * saved as a backup; a restore of it MUST give the same result as a restore of a backup made while that data was live
   */
  dump(scope: DumpScope, run: RunContext, inactive?: DatabasePlan): Promise<Dump>;

  /** The file records of the live database, now. @throws DATABASE_UNREACHABLE */
  fileRecords(scope: DumpScope): AsyncIterable<FileRecord>;

  /**
   * Exact row counts of live tables, within a time limit for all of them together; null where a table is missing or was not
   * counted in time. Names as in the manifest.
   */
  countRows(tables: readonly string[], limitMs: number): Promise<Map<string, number | null>>;

  /** Bytes that the inactive slot of a plan takes in a folder of this server; null where that cannot be known. */
  inactiveBytes(plan: DatabasePlan): Promise<number | null>;

  /**
   * Chooses the strategy. Changes nothing. For 'verify' the data is only staged, checked and discarded: obstacles to a switchover
   * do not count, and the cheapest slot that does not disturb the app is chosen. Default purpose: 'restore'.
   */
  plan(
    id: string,
    backup: ManifestDatabase,
    scope: DumpScope,
    purpose?: 'restore' | 'verify',
  ): Promise<DatabasePlanning>;

  /**
   * Loads the dump into the inactive slot. Live data MUST NOT change, whatever happens. On any failure the caller calls
   * `discard`. Any error that the server or tool reports MUST fail the stage and name the object.
   * @throws TOOL_FAILED, ARCHIVE_DAMAGED
   */
  stage(plan: DatabasePlan, backup: ManifestDatabase, openPart: OpenPart, run: RunContext): Promise<void>;

  /** Compares the staged data with the manifest: tables, row counts, integrity. @throws STAGED_DATA_DIFFERS */
  check(plan: DatabasePlan, backup: ManifestDatabase, run: RunContext): Promise<void>;

  /**
   * Swaps the slots atomically: completely or not at all. The app must have closed its own connections; other sessions are
   * terminated. @throws SWITCHOVER_FAILED (nothing changed)
   */
  switchOver(plan: DatabasePlan, run: RunContext): Promise<void>;

  /** The inverse of `switchOver`, just as atomic; afterwards the plan is 'before switchover'. @throws SWITCHOVER_FAILED */
  switchBack(plan: DatabasePlan, run: RunContext): Promise<void>;

  /** The side of the switchover that the plan is on, found from the database alone. */
  position(plan: DatabasePlan): Promise<SlotPosition>;

  /** Deletes the inactive slot of this plan, staged or previous, and other remains of the plan; never anything else. Idempotent. */
  discard(plan: DatabasePlan): Promise<void>;

  /** Removes remains of killed dumps and plans outside all slots. To be called while none is in progress. */
  removeLeftovers?(): Promise<void>;

  /** Closes the driver's connections. */
  close(): Promise<void>;
}

export type { TableRows };
