/** Shapes of the HTTP API (resource:action). The host wraps answers as `{ data, meta? }`. Times are ISO 8601, UTC. */
import type { Manifest } from './manifest';
import type { ApiError, Content, LogLevel, RunStatus, RunView, Trigger, Verification } from './runs';

export const PLUGIN_NAME = 'nocobase-plugin-safekeep';

/** Sent by the page with every request, so that the history can distinguish users from scripts. */
export const CLIENT_HEADER = 'x-safekeep-client';
export const CLIENT_PAGE = 'page';

/** A row of `safekeepBackups:list`; `filterByTk` is `name`. */
export interface BackupView {
  name: string;
  status: RunStatus;
  trigger: Trigger;
  contents: Content[];
  note: string;
  isProtected: boolean;
  startedAt: string;
  finishedAt: string | null;
  /** Milliseconds; null while it is in progress. */
  durationMs: number | null;
  /** Size of the archive; null while the backup is in progress or when it failed. */
  bytes: number | null;
  /** Hex, of the whole archive. */
  sha256: string | null;
  runId: string | null;
  warnings: number;
  error: ApiError | null;
  startedBy: string | null;
  appVersion: string;
  dialect: string | null;
  /** Destination names; 'local' is the folder on this server. */
  destinations: string[];
  /** Its last verification; null before the first. */
  verified: VerifiedView | null;
  /** The run that makes it, while that is in progress. */
  run: RunView | null;
  /** Set on the backup that the live data was restored from. */
  live: LiveOrigin | null;
}

/** Where the live data came from. */
export interface LiveOrigin {
  runId: string;
  backupName: string;
  /** When the backup was made. */
  backupAt: string;
  /** When and by whom it was restored. */
  at: string;
  by: string | null;
}

/** A verification as the user reads it: `detail` is in the user's language. */
export type VerifiedView = Omit<Verification, 'detail'> & { detail: string };

/** `safekeepBackups:get` */
export interface BackupDetails extends BackupView {
  manifest: Manifest | null;
}

/** `safekeepBackups:create` */
export interface CreateBackupRequest {
  contents?: Content[];
  note?: string;
  /** Saves this previous data (`PreviousView.id`) as a protected backup instead of the live data; decides the contents. */
  previous?: string;
}
export interface CreateBackupAnswer {
  runId: string;
  backupName: string;
}

/** The result of one compatibility check. */
export type CheckStatus = 'ok' | 'warning' | 'blocking';

/** One line of the compatibility check; `backup`, `current` and `remedy` are in the user's language. */
export interface CheckView {
  /** For example archive, dialect, underscored, tablePrefix, schema, appVersion, databaseVersion, plugins, tools, freeSpace. */
  code: string;
  status: CheckStatus;
  backup: string;
  current: string;
  remedy: string;
}

/** The plan of a restore. */
export interface RestorePlanView {
  /** For example 'database', 'schema', 'tables', 'file'; null when the database is not restored. */
  databaseStrategy: string | null;
  /** One sentence about the procedure, in the user's language. */
  summary: string;
  /** One sentence about how long the app is unavailable. */
  downtime: string;
  /** Disk space needed during the restore, in bytes. */
  extraBytes: number;
  /** Hours for which the previous data is kept, so that the restore can be undone; 0: not at all. */
  undoHours: number;
  /** Folders of uploaded files that other apps can use as well: only files named in records of this app move there. */
  sharedFolders: { folder: string; apps: string[] }[];
}

/** Data that a restore or an undo replaced and that can be brought back. */
export interface PreviousView {
  /** Id of the run that replaced it; the key for `safekeepRuns:undo` and `:discard`. */
  id: string;
  /** 'restore' or 'undo': the kind of that run. */
  replacedBy: 'restore' | 'undo';
  /** When it was replaced, by whom, and when its undo window closes. */
  replacedAt: string;
  startedBy: string | null;
  until: string;
  /** The backup it was restored from; null for data that was never restored. */
  origin: LiveOrigin | null;
  contents: Content[];
  /** Bytes that discarding it frees on this server; null where unknown. */
  bytes: number | null;
}

/** `safekeepRuns:previous` */
export interface PreviousAnswer {
  /** null where the live data does not come from a restore. */
  live: LiveOrigin | null;
  /** Newest first. */
  previous: PreviousView[];
}

/** `safekeepBackups:preview` takes `{ name | uploadId, contents?, filesMode? }`: the losses of a restore. */
export interface PreviewAnswer {
  backupAt: string;
  /** Larger tables whose number of rows would change; `now` is null where it was not counted in time. */
  tables: { name: string; now: number | null; then: number }[];
  /** Live files that are not in the backup; null when files are not restored or newer ones are kept. */
  removedFiles: { count: number; bytes: number; newestAt: string | null } | null;
  /** Only one of database and files is restored, so records and files can differ. */
  isPartial: boolean;
}

/** `safekeepBackups:inspect` takes `{ name | uploadId, contents? }`. */
export interface InspectAnswer {
  manifest: Manifest;
  checks: CheckView[];
  /** True when nothing blocks. */
  restorable: boolean;
  plan: RestorePlanView;
  /** Name of the app to overwrite: the user types it to confirm. */
  appName: string;
  /** Previous data that must be discarded to free disk space; its ids go into `discard`. */
  discards: PreviousView[];
}

/** `safekeepBackups:restore` */
export interface RestoreRequest {
  name?: string;
  uploadId?: string;
  contents?: Content[];
  /** mirror (default): the folder becomes as it was; merge: newer files are kept. */
  filesMode?: 'mirror' | 'merge';
  /** Codes of the warnings that the user accepted; the restore is refused for any other warning. */
  acceptWarnings?: string[];
  /** Previous data to discard permanently where disk space is short (`InspectAnswer.discards`). */
  discard?: string[];
}
export interface RestoreAnswer {
  runId: string;
}

/** `safekeepBackups:ticket` `{ name }`: the URL works without a token until it expires, for any number of ranges. */
export interface TicketAnswer {
  url: string;
  expiresAt: string;
}

/** `safekeepBackups:uploadStart` */
export interface UploadStartRequest {
  fileName: string;
  bytes: number;
}
export interface UploadStartAnswer {
  uploadId: string;
  /** Maximum size of a chunk. */
  maxChunkBytes: number;
  /** Bytes received so far: the offset to continue at. */
  received: number;
}
/** `safekeepBackups:uploadAppend?uploadId=&offset=` with the raw chunk as application/octet-stream. */
export interface UploadAppendAnswer {
  received: number;
}
/** `safekeepBackups:uploadFinish` `{ uploadId, sha256? }`: the archive is opened and its checksum verified. */
export interface UploadFinishAnswer {
  uploadId: string;
  manifest: Manifest;
}

/** `safekeepRuns:log?filterByTk=&offset=`; poll with the `nextOffset` of the last answer. */
export interface RunLogAnswer {
  lines: { at: string; level: LogLevel; step: string; message: string }[];
  nextOffset: number;
}

/** `safekeepSettings:get` and `:update`. */
export interface Settings {
  /** Maximum number of successful backups per content; protected backups do not count. 0 = no limit. */
  maxBackups: number;
  /** Default contents of a new backup. */
  defaultContents: Content[];
  /** Hours for which previous data is kept after a restore. */
  undoHours: number;
}
/** `safekeepSettings:get` adds facts for the page. */
export interface SettingsAnswer extends Settings {
  /** Folder on the server that keeps the archives. */
  folder: string;
  freeBytes: number;
}
/** `safekeepSettings:tools`, with the permission to change settings: the client tools on the server. */
export interface ToolsAnswer {
  tools: { name: string; status: CheckStatus; detail: string; remedy: string }[];
}

/** `safekeepBackups:keepUpload` `{ uploadId }`: moves an uploaded archive into the list. */
export interface KeepUploadAnswer {
  name: string;
}

/** Error bodies: HTTP status and `{ errors: [ApiError] }`. */
export interface ErrorAnswer {
  errors: ApiError[];
}

/** Websocket message type; the payload is a RunView. */
export const RUN_MESSAGE = 'safekeep:run';
