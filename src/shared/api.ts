/** Shapes of the HTTP API (DESIGN: resource:action). Answers are wrapped as `{ data, meta? }` by the host. Times are ISO 8601, UTC. */
import type { Manifest } from './manifest';
import type { ApiError, Content, LogLevel, RunStatus, RunView, Trigger, Verification } from './runs';

export const PLUGIN_NAME = 'nocobase-plugin-safekeep';

/** Sent by the page with every request, so that the history can tell a person from a script. */
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
  /** Milliseconds, null while it runs. */
  durationMs: number | null;
  /** Size of the archive, null while it runs or when it failed. */
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
  /** The run that makes it, while it runs. */
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

/** A verification as people read it: `detail` is in the user's language. */
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

/** How a row of the compatibility table came out. */
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

/** How the restore will make the new state live. */
export interface RestorePlanView {
  /** For example 'database', 'schema', 'tables', 'file'; null when the database is not restored. */
  databaseStrategy: string | null;
  /** One sentence on what will happen, in the user's language. */
  summary: string;
  /** One sentence on how long the app will be away. */
  downtime: string;
  /** Disk needed while the restore runs, in bytes. */
  extraBytes: number;
  /** Hours for which the previous data is kept, so that the restore can be undone; 0: not at all. */
  undoHours: number;
  /** Folders of uploaded files that other apps may use too: there only files move that records of this app name. */
  sharedFolders: { folder: string; apps: string[] }[];
}

/** Data that a restore or an undo replaced and that can be brought back. */
export interface PreviousView {
  /** Id of the run that replaced it: what `safekeepRuns:undo` and `:discard` take. */
  id: string;
  /** 'restore' or 'undo': the kind of that run. */
  replacedBy: 'restore' | 'undo';
  /** When it was replaced, by whom, and when its undo window closes. */
  replacedAt: string;
  startedBy: string | null;
  until: string;
  /** The backup it had been restored from; null for data that no restore brought. */
  origin: LiveOrigin | null;
  contents: Content[];
  /** Disk space that discarding it frees on this server; null where that cannot be known. */
  bytes: number | null;
}

/** `safekeepRuns:previous` */
export interface PreviousAnswer {
  /** null while no restore brought the live data. */
  live: LiveOrigin | null;
  /** Newest first. */
  previous: PreviousView[];
}

/** `safekeepBackups:preview` takes `{ name | uploadId, contents?, filesMode? }`: what a restore would lose. */
export interface PreviewAnswer {
  backupAt: string;
  /** Larger tables whose number of rows would change; `now` is null where it was not counted in time. */
  tables: { name: string; now: number | null; then: number }[];
  /** Live files that are not in the backup; null when files are not restored or newer ones are kept. */
  removedFiles: { count: number; bytes: number; newestAt: string | null } | null;
  /** Only one of database and files is restored, so records and files may not match. */
  isPartial: boolean;
}

/** `safekeepBackups:inspect` takes `{ name | uploadId, contents? }`. */
export interface InspectAnswer {
  manifest: Manifest;
  checks: CheckView[];
  /** True when nothing blocks. */
  restorable: boolean;
  plan: RestorePlanView;
  /** Name of the app that would be overwritten: what the user types to confirm. */
  appName: string;
  /** Previous data that has to be discarded for good, so that there is enough disk space; its ids go into `discard`. */
  discards: PreviousView[];
}

/** `safekeepBackups:restore` */
export interface RestoreRequest {
  name?: string;
  uploadId?: string;
  contents?: Content[];
  /** mirror (default): the folder becomes as it was; merge: newer files are kept. */
  filesMode?: 'mirror' | 'merge';
  /** Codes of the warnings the user has accepted; a warning not named here refuses the restore. */
  acceptWarnings?: string[];
  /** Previous data to discard for good where disk space is short (`InspectAnswer.discards`). */
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
  /** How large one chunk may be. */
  maxChunkBytes: number;
  /** Where to go on: bytes that have arrived. */
  received: number;
}
/** `safekeepBackups:uploadAppend?uploadId=&offset=` with the raw chunk as application/octet-stream. */
export interface UploadAppendAnswer {
  received: number;
}
/** `safekeepBackups:uploadFinish` `{ uploadId, sha256? }`: the archive is opened and checked byte by byte. */
export interface UploadFinishAnswer {
  uploadId: string;
  manifest: Manifest;
}

/** `safekeepRuns:log?filterByTk=&offset=`; poll with the `nextOffset` of the answer before. */
export interface RunLogAnswer {
  lines: { at: string; level: LogLevel; step: string; message: string }[];
  nextOffset: number;
}

/** `safekeepSettings:get` and `:update`. */
export interface Settings {
  /** Keep at most this many successful backups of each content; protected ones do not count. 0 = no limit. */
  maxBackups: number;
  /** What a new backup holds unless told otherwise. */
  defaultContents: Content[];
  /** Hours for which previous data is kept after a restore. */
  undoHours: number;
}
/** `safekeepSettings:get` adds facts the page shows. */
export interface SettingsAnswer extends Settings {
  /** Folder on the server that keeps the archives. */
  folder: string;
  freeBytes: number;
}
/** `safekeepSettings:tools`, for those who may change settings: the client tools found on the server. */
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
