/**
 * The contract every database driver keeps. A driver knows one dialect; it knows nothing of archives, files or runs.
 *
 * A restore works on two slots: the live database and one aside. `stage` fills the slot aside, `switch` exchanges the
 * slots atomically, `undo` exchanges them back, `discard` drops the slot aside. The plan that names both slots is made
 * first, is plain JSON, and is all that a later process needs to find out what happened and to act on it.
 */
import type { Readable } from 'node:stream';
import type { DatabaseFacts, Dialect, ManifestDatabase, TableRows } from '../../shared/manifest';
import type { Message } from '../../shared/runs';
import type { RunContext } from '../context';

/** How the app reaches its database. Only the server dialects have host, port and sign-in. */
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

/** What the dump takes along besides the obvious. */
export interface DumpScope {
  /** Tables (as the database names them, PostgreSQL: schema.table) whose rows stay out; their structure is dumped. */
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

/** A native client program, found or not. */
export interface ToolReport {
  /** Program name, 'pg_dump'. */
  name: string;
  /** Absolute path of the one that will be used; null when none was found. */
  path: string | null;
  /** Dotted numbers; null when none was found. */
  version: string | null;
  status: 'ok' | 'missing' | 'too old';
  /** Command that installs a fitting one here, 'apt-get install postgresql-client-15'. */
  install: string;
}

export interface DumpPart {
  /** Entry name below database/, 'dump.pgdump'. */
  name: string;
  /** Ends only after the tool has exited with 0; errors otherwise, with a SafekeepError. */
  stream: Readable;
}

export interface Dump {
  /** To be consumed one after the other; each stream must be read to its end before the next part is asked for. */
  parts: AsyncIterable<DumpPart>;
  /** What the manifest says about the dump; only valid once every part has ended. */
  result(): Promise<Pick<ManifestDatabase, 'tables' | 'tool' | 'parts' | 'schemasInDump'>>;
  /**
   * The file records that the dump holds, exactly: read in the dump's own moment or from its own bytes, never from the live
   * database later. Rows without a filename or storage are left out. Only valid once every part has ended.
   */
  fileRecords?(): AsyncIterable<FileRecord>;
  /** Ends what is still open (processes, connections, temporary files). Safe to call at any time and more than once. */
  close(): Promise<void>;
}

/** Opens a part of the dump for loading. The stream errors when its bytes are not those that were backed up. */
export type OpenPart = (name: string) => Promise<Readable>;

/** Everything a later process needs in order to finish or take back a switch. Plain JSON, written to the journal. */
export interface DatabasePlan {
  dialect: Dialect;
  /**
   * Where the slot aside is. postgres: 'database' beside the live one; 'schema' within one transaction; 'objects', the
   * same where the live schema can not be renamed: its objects move. mysql, mariadb: 'tables' of a database beside the
   * live one; 'names', other names in the live database. sqlite: 'file'.
   */
  strategy: 'database' | 'schema' | 'objects' | 'tables' | 'names' | 'file';
  /** Identifies this restore in all names it makes; lower-case letters and digits. */
  id: string;
  /** Names the driver chose, for example of the database or schema aside. */
  names: Record<string, string>;
}

/** What planning found out, for the dialog before the restore. */
export interface DatabasePlanning {
  /** null when no strategy works here; `blockers` then says why. */
  plan: DatabasePlan | null;
  blockers: { reason: Message; remedy: Message }[];
  /** What the user must know and accept, for example roles that are missing here. `code` is stable. */
  warnings: { code: string; backup: string; current: string; remedy: Message }[];
  /** One sentence on what will happen. */
  summary: Message;
  /** One sentence on how long the app will be away, and whether that grows with the data. */
  downtime: Message;
  /** Disk that staging takes in a folder of this server; absent where the database server has disks of its own. */
  space?: { folder: string; needed: number };
}

/** Where the two slots stand. 'unclear' = neither can be told for sure; nothing may be dropped then. */
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
  fileRecords?(scope: DumpScope): AsyncIterable<FileRecord>;

  /**
   * Rows in live tables, counted within a time limit for all of them together: null where a table is missing or the time was
   * over. Exact where a number is given. Names as in the manifest.
   */
  countRows?(tables: readonly string[], limitMs: number): Promise<Map<string, number | null>>;

  /** Bytes that the inactive slot of a plan takes in a folder of this server; null where that cannot be known. */
  inactiveBytes?(plan: DatabasePlan): Promise<number | null>;

  /**
   * Chooses the strategy. Changes nothing. Purpose: 'restore' unless told. For 'verify' the data is only staged, checked and discarded: what would only be
   * in the way of a switch does not count, and the cheapest slot that does not disturb the app is chosen.
   */
  plan(
    id: string,
    backup: ManifestDatabase,
    scope: DumpScope,
    purpose?: 'restore' | 'verify',
  ): Promise<DatabasePlanning>;

  /**
   * Loads the dump into the slot aside. Live data MUST NOT change, whatever happens. On any failure the caller calls
   * `discard`. Any error the server or tool reports MUST fail the stage and name the object. (TOOL_FAILED, ARCHIVE_DAMAGED)
   */
  stage(plan: DatabasePlan, backup: ManifestDatabase, openPart: OpenPart, run: RunContext): Promise<void>;

  /** Compares the staged data with the manifest: every table there, row counts equal, integrity. @throws STAGED_DATA_DIFFERS */
  check(plan: DatabasePlan, backup: ManifestDatabase, run: RunContext): Promise<void>;

  /**
   * Exchanges the slots in one atomic act; the app must have closed its own connections before. Other sessions are
   * ended. Either it has happened completely or not at all. @throws SWITCHOVER_FAILED (nothing changed)
   */
  switchOver(plan: DatabasePlan, run: RunContext): Promise<void>;

  /** The inverse of `switch`, just as atomic; afterwards the plan is 'before switch' again. @throws SWITCHOVER_FAILED */
  switchBack(plan: DatabasePlan, run: RunContext): Promise<void>;

  /** Tells from the database alone on which side of the switch the plan stands. */
  position(plan: DatabasePlan): Promise<SlotPosition>;

  /** Drops the slot aside of this plan (staged or previous) and whatever the plan's work left; never anything else. Idempotent. */
  discard(plan: DatabasePlan): Promise<void>;

  /** Removes what dumps and plans that were killed have left, outside of all slots; to be called while none is under way. */
  removeLeftovers?(): Promise<void>;

  /** Closes connections the driver keeps. */
  close(): Promise<void>;
}

export type { TableRows };
