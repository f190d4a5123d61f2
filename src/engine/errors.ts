/**
 * The errors that Safekeep raises on purpose. Callers switch on `code`. `message` (what happened) and `hint` (what to do) are
 * English sentences and also the translation keys (locale/); `{{name}}` is filled from `params`.
 */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { THING_NAMES } from '../shared/names';
import type { Message, Params } from '../shared/runs';
import { readableBytes } from './bytes';
import { fill } from './messages';

export interface ErrorKind {
  /** HTTP status the API answers with. */
  status: number;
  message: string;
  hint: string;
}

export const ERRORS = {
  // The archive
  NOT_A_ZIP: {
    status: 422,
    message: 'This file is not a backup: it is not a ZIP archive.',
    hint: 'Choose another file, or download the backup again.',
  },
  NOT_A_BACKUP: {
    status: 422,
    message: 'This ZIP archive is not a Safekeep backup: it contains no manifest.',
    hint: 'Choose another file, or download the backup again.',
  },
  ARCHIVE_DAMAGED: {
    status: 422,
    message: 'The backup is damaged: {{detail}}.',
    hint: 'Use another copy of this backup, or another backup.',
  },
  ARCHIVE_TRUNCATED: {
    status: 422,
    message: 'The backup is incomplete: the end of the file is missing.',
    hint: 'Copy or download the file again.',
  },
  FORMAT_TOO_NEW: {
    status: 422,
    message: 'The backup uses format {{format}}; this version of Safekeep supports formats up to {{supported}}.',
    hint: 'Update Safekeep on this server.',
  },
  ARCHIVE_CHANGED: {
    status: 409,
    message: 'The archive was replaced after it was checked.',
    hint: 'Nothing was changed. Check the backup again.',
  },
  UNSAFE_ENTRY: {
    status: 422,
    message: 'The archive contains a forbidden entry: {{entry}}.',
    hint: 'Do not use this file: Safekeep never writes such entries.',
  },
  NOT_IN_BACKUP: {
    status: 422,
    message: 'The backup contains no {{content}}.',
    hint: 'Select only contents that the backup lists.',
  },
  SIDECAR_UNREADABLE: {
    status: 500,
    message: 'The sidecar file {{file}} cannot be read.',
    hint: 'Check the file and its permissions, then try again.',
  },
  // Compatibility
  INCOMPATIBLE: {
    status: 409,
    message: 'Unable to restore: {{checks}}.',
    hint: 'Fix each problem as the compatibility check describes.',
  },
  WARNINGS_NOT_ACCEPTED: {
    status: 409,
    message: 'Unable to restore: these warnings were not accepted: {{checks}}.',
    hint: 'Read the compatibility check, then accept each warning.',
  },
  // Client tools
  TOOL_MISSING: {
    status: 424,
    message: '{{tool}} was not found on this server.',
    hint: 'Install it with: {{install}}',
  },
  TOOL_TOO_OLD: {
    status: 424,
    message: '{{tool}} {{version}} is too old for version {{serverVersion}} of the database server.',
    hint: 'Install it with: {{install}}',
  },
  TOOL_FAILED: {
    status: 500,
    message: '{{tool}} failed: {{detail}}',
    hint: 'See the output of the tool in the run log.',
  },
  TOOL_KILLED: {
    status: 500,
    message: '{{tool}} was terminated by {{signal}}.',
    hint: 'Check the free memory and the system log of this server, then try again.',
  },
  TOOL_TIMED_OUT: {
    status: 500,
    message: '{{tool}} was idle for {{seconds}} seconds and was terminated.',
    hint: 'Check the database server for overload or locks, then try again.',
  },
  DUMP_INCOMPLETE: {
    status: 500,
    message: 'The dump is incomplete: {{detail}}.',
    hint: 'The incomplete backup was deleted. See the run log for the cause.',
  },
  // Database
  DATABASE_UNREACHABLE: {
    status: 503,
    message: 'Cannot connect to the database: {{detail}}',
    hint: 'Check that the database server is running and that the app’s credentials are correct.',
  },
  SERVER_FAILED: {
    status: 503,
    message: 'The database server could not complete the operation: {{detail}}',
    hint: 'Check the free disk space, memory and log of the database server, then try again.',
  },
  STAGED_DATA_DIFFERS: {
    status: 500,
    message: 'The loaded data does not match the backup: {{detail}}.',
    hint: 'Live data is unchanged. Use another backup.',
  },
  SWITCHOVER_FAILED: {
    status: 500,
    message: 'Switchover failed: {{detail}}',
    hint: 'Live data is unchanged. End the sessions or transactions that block the database, then try again.',
  },
  RESTORED_APP_UNHEALTHY: {
    status: 500,
    message: 'The app failed to start on the restored data, so the switchover was rolled back: {{detail}}',
    hint: 'See the run log and the server log for the cause.',
  },
  ROLLBACK_FAILED: {
    status: 500,
    message: 'The rollback failed: {{detail}}',
    hint: 'The previous data is kept. Stop NocoBase, run "node storage/plugins/nocobase-plugin-safekeep/dist/cli/index.js recover" in its working folder, then start it again.',
  },
  JOURNAL_UNREADABLE: {
    status: 500,
    message: 'Cannot read the journal of an unfinished restore ({{file}}): {{detail}}.',
    hint: 'Nothing was changed. Update Safekeep if a newer version wrote the journal; otherwise follow docs/recovery.md.',
  },
  JOURNAL_IN_USE: {
    status: 409,
    message: 'Another process is working on this restore (process {{pid}} on {{host}}).',
    hint: 'Wait until it has finished, or end that process and try again.',
  },
  JOURNAL_ELSEWHERE: {
    status: 500,
    message:
      'The journal of an unfinished restore ({{file}}) belongs to another database ({{there}}); the app is configured for {{here}}.',
    hint: 'Configure the app for the database of the journal, so that the restore can be completed or rolled back; see docs/recovery.md.',
  },
  PREVIOUS_UNREADABLE: {
    status: 500,
    message: 'Cannot read the record of previous data ({{file}}): {{detail}}.',
    hint: 'Nothing was changed. Replace the file with a copy of it, or follow docs/recovery.md.',
  },
  PREVIOUS_AT_RISK: {
    status: 409,
    message: 'There is not enough free disk space to keep all previous data.',
    hint: 'Confirm which previous data to discard, or free some disk space.',
  },
  ENVIRONMENT_INCOMPLETE: {
    status: 500,
    message: 'The environment of NocoBase was not found: {{detail}}.',
    hint: 'Run this command in the working folder of NocoBase, with its environment or .env file.',
  },
  NOTHING_TO_UNDO: {
    status: 409,
    message: 'The previous data is no longer kept.',
    hint: 'Restore a backup from the list instead.',
  },
  // Files and disk
  FOLDER_SHARED: {
    status: 409,
    message: 'Other apps now use the folder {{folder}}: {{apps}}. Undo would move their files as well.',
    hint: 'Restore a backup instead: a restore moves only files of this app.',
  },
  NO_SPACE: {
    status: 507,
    message: 'Not enough free disk space in {{folder}}: {{needed}} needed, {{free}} free.',
    hint: 'Free some space there, or delete old backups.',
  },
  FOLDER_NOT_WRITABLE: {
    status: 500,
    message: 'Cannot write to the folder {{folder}}: {{detail}}.',
    hint: 'Grant the user that runs NocoBase write permission there.',
  },
  // Runs and requests
  BUSY: {
    status: 409,
    message: 'Another run is in progress: {{kind}}.',
    hint: 'Wait until it has finished, or cancel it.',
  },
  CANCELLED: {
    status: 409,
    message: 'The run was cancelled.',
    hint: 'Nothing was changed.',
  },
  TOO_LATE_TO_CANCEL: {
    status: 409,
    message: 'It is too late to cancel the run: its final steps have begun.',
    hint: 'Wait until it has finished.',
  },
  NOT_RUNNING: {
    status: 409,
    message: 'This run is not in progress.',
    hint: 'Refresh the list.',
  },
  INTERRUPTED: {
    status: 500,
    message: 'The server stopped while the run was in progress.',
    hint: 'Start the run again.',
  },
  NOT_FOUND: {
    status: 404,
    message: 'There is no {{what}} named {{name}}.',
    hint: 'Refresh the list.',
  },
  NAME_TAKEN: {
    status: 409,
    message: 'The list already contains a backup named {{name}}.',
    hint: 'Use that backup, or delete it first.',
  },
  BAD_REQUEST: {
    status: 400,
    message: 'The request is invalid: {{detail}}.',
    hint: 'Compare the request with the API documentation.',
  },
  PROTECTED: {
    status: 409,
    message: 'The backup {{name}} is protected.',
    hint: 'Remove the protection first.',
  },
  FORBIDDEN: {
    status: 403,
    message: 'Your role lacks permission.',
    hint: 'Ask an administrator for the permission.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    message: 'This action must be called with POST.',
    hint: 'Send the request again as a POST request.',
  },
  NODE_TOO_OLD: {
    status: 503,
    message: 'Safekeep requires Node.js {{needed}} or newer; this server runs {{version}}.',
    hint: 'Update Node.js on the server and restart NocoBase.',
  },
  // Uploads and downloads
  UPLOAD_OUT_OF_ORDER: {
    status: 409,
    message: 'The chunk starts at byte {{offset}}; the server expects byte {{expected}}.',
    hint: 'Continue from byte {{expected}}.',
  },
  UPLOAD_TOO_LARGE: {
    status: 413,
    message: 'The upload is larger than announced ({{bytes}} bytes).',
    hint: 'Start the upload again.',
  },
  UPLOAD_INCOMPLETE: {
    status: 409,
    message: 'The upload is incomplete: {{received}} of {{bytes}} bytes were received.',
    hint: 'Continue from byte {{received}}.',
  },
  UPLOAD_DAMAGED: {
    status: 422,
    message: 'The upload is damaged: its checksum does not match.',
    hint: 'Upload the file again.',
  },
  TICKET_INVALID: {
    status: 403,
    message: 'This download link is invalid or has expired.',
    hint: 'Start the download again from the list of backups.',
  },
  INTERNAL: {
    status: 500,
    message: 'Safekeep encountered an internal error: {{detail}}',
    hint: 'See the run log and the server log, then report the problem.',
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

export class SafekeepError extends Error {
  override readonly name = 'SafekeepError';

  constructor(
    readonly code: ErrorCode,
    readonly params: Params = {},
    options?: { cause?: unknown },
  ) {
    super(fill(ERRORS[code].message, params), options);
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get hint(): string {
    return fill(ERRORS[this.code].hint, this.params);
  }
}

/** The message of an error with its parameters, as part of another message. */
export function messageOf({ code, params }: SafekeepError): Message {
  return { text: ERRORS[code].message, params };
}

/** Codes of a connection that is broken or refused: of Node.js, mysql2 and mariadb (`PROTOCOL_`, `ER_`), and SQLSTATEs of PostgreSQL. */
const LOST_CONNECTION =
  /^(ECONN(RESET|REFUSED|ABORTED)|EPIPE|ETIMEDOUT|ENET(UNREACH|DOWN)|EHOST(UNREACH|DOWN)|ENOTFOUND|EAI_AGAIN|PROTOCOL_(CONNECTION_LOST|ENQUEUE_AFTER_\w+)|ER_(SOCKET_UNEXPECTED_CLOSE|SERVER_SHUTDOWN|CONNECTION_TIMEOUT)|57P0[123]|08\w{3})$/;
const LOST_BY_MESSAGE =
  /^(Connection terminated|Client has encountered a connection error|.*add new command when connection is in closed state)/;
const LOST_BY_NAME = /^Sequelize(Connection|HostNot|AccessDenied|InvalidConnection)\w*Error$/;

/** Whether the database is unavailable, by the error or its causes: the same call may succeed later. */
export function isConnectionLost(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code, name, message, cause, parent } = error as Error & { code?: unknown; parent?: unknown };
  if (code === 'DATABASE_UNREACHABLE' || LOST_CONNECTION.test(String(code))) return true;
  if (LOST_BY_NAME.test(String(name)) || LOST_BY_MESSAGE.test(String(message))) return true;
  return isConnectionLost(cause) || isConnectionLost(parent);
}

/** NO_SPACE for a write that failed. `needed`: bytes; without it, more than is free. */
export function diskFull(folder: string, cause: unknown, needed?: number): SafekeepError {
  const free = readableBytes(freeBytes(folder));
  const wanted = needed === undefined ? { text: 'more than {{size}}', params: { size: free } } : readableBytes(needed);
  return new SafekeepError('NO_SPACE', { folder, needed: wanted, free }, { cause });
}

function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    const parent = dirname(folder);
    return parent === folder ? 0 : freeBytes(parent);
  }
}

const ACCESS_DENIED = ['EACCES', 'EPERM', 'EROFS'];

/**
 * A SafekeepError as it is; any other error as the cause of one: CANCELLED, NO_SPACE, FOLDER_NOT_WRITABLE,
 * DATABASE_UNREACHABLE, otherwise INTERNAL.
 * @param folder the folder of NO_SPACE where the error has no path
 */
export function toSafekeepError(error: unknown, folder = process.cwd()): SafekeepError {
  if (error instanceof SafekeepError) return error;
  const { name, code = '', message, path } = error as NodeJS.ErrnoException;
  if (name === 'AbortError' || code === 'ABORT_ERR') return new SafekeepError('CANCELLED', {}, { cause: error });
  if (code === 'ENOSPC') {
    return diskFull(path ?? folder, error);
  }
  if (path !== undefined && ACCESS_DENIED.includes(code)) {
    return new SafekeepError('FOLDER_NOT_WRITABLE', { folder: path, detail: message }, { cause: error });
  }
  const detail = message || code || String(error);
  if (isConnectionLost(error)) return new SafekeepError('DATABASE_UNREACHABLE', { detail }, { cause: error });
  return new SafekeepError('INTERNAL', { detail }, { cause: error });
}

/** NOT_FOUND; `name` is a name or an id. */
export function notFound(what: keyof typeof THING_NAMES, name: string, options?: { cause?: unknown }): SafekeepError {
  return new SafekeepError('NOT_FOUND', { what: { text: THING_NAMES[what] }, name }, options);
}
