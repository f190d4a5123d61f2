/**
 * Every error Safekeep raises on purpose. Callers switch on `code`; `message` and `hint` are English sentences that
 * are also the translation keys (locale/), `{{name}}` is filled from `params`.
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
    hint: 'Choose a file whose name ends with .safekeep.zip.',
  },
  NOT_A_BACKUP: {
    status: 422,
    message: 'This ZIP archive is not a Safekeep backup: it holds no manifest.',
    hint: 'Choose a file whose name ends with .safekeep.zip.',
  },
  ARCHIVE_DAMAGED: {
    status: 422,
    message: 'The backup is damaged: {{detail}}.',
    hint: 'Nothing was changed. Use another copy of this backup, or another backup.',
  },
  ARCHIVE_TRUNCATED: {
    status: 422,
    message: 'The backup is incomplete: its end is missing.',
    hint: 'The file was cut while it was copied. Copy or download it again.',
  },
  FORMAT_TOO_NEW: {
    status: 422,
    message: 'The backup has format {{format}}; this version of Safekeep reads up to format {{supported}}.',
    hint: 'Update Safekeep here, then restore.',
  },
  ARCHIVE_CHANGED: {
    status: 409,
    message: 'The archive was replaced after it was checked.',
    hint: 'Nothing was changed. Check the backup again.',
  },
  UNSAFE_ENTRY: {
    status: 422,
    message: 'The archive holds an entry with a forbidden name: {{entry}}.',
    hint: 'Safekeep never writes such names. Do not trust this file.',
  },
  NOT_IN_BACKUP: {
    status: 422,
    message: 'The backup does not hold what was asked for: {{content}}.',
    hint: 'Choose only contents that the backup lists.',
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
    hint: 'The compatibility table of the backup names the way out for each line.',
  },
  WARNINGS_NOT_ACCEPTED: {
    status: 409,
    message: 'Unable to restore: these warnings have not been accepted: {{checks}}.',
    hint: 'Read the compatibility table and accept the warnings one by one.',
  },
  // Native clients
  TOOL_MISSING: {
    status: 424,
    message: 'The program {{tool}} was not found on this server.',
    hint: 'Install it with: {{install}}',
  },
  TOOL_TOO_OLD: {
    status: 424,
    message: '{{tool}} {{version}} is too old for the database server {{serverVersion}}.',
    hint: 'Install it with: {{install}}',
  },
  TOOL_FAILED: {
    status: 500,
    message: '{{tool}} failed: {{detail}}',
    hint: 'The log of the run shows what the program said.',
  },
  TOOL_KILLED: {
    status: 500,
    message: '{{tool}} was terminated by {{signal}}.',
    hint: 'Check the free memory and the system log of this server, then try again.',
  },
  TOOL_TIMED_OUT: {
    status: 500,
    message: '{{tool}} said nothing for {{seconds}} seconds and was ended.',
    hint: 'Look whether the database server is overloaded or a lock is held, then try again.',
  },
  DUMP_INCOMPLETE: {
    status: 500,
    message: 'The dump is incomplete: {{detail}}.',
    hint: 'The backup was thrown away. The log of the run shows what the program said.',
  },
  // Database
  DATABASE_UNREACHABLE: {
    status: 503,
    message: 'The database can not be reached: {{detail}}',
    hint: 'Check that the database server runs and that the app’s sign-in for it is right.',
  },
  SERVER_FAILED: {
    status: 503,
    message: 'The database server could not complete the operation: {{detail}}',
    hint: "Check the database server's free disk space, memory and log, then try again.",
  },
  STAGED_DATA_DIFFERS: {
    status: 500,
    message: 'The loaded data does not match the backup: {{detail}}.',
    hint: 'Live data was not touched. Use another backup.',
  },
  SWITCHOVER_FAILED: {
    status: 500,
    message: 'The switch to the restored data was refused: {{detail}}',
    hint: 'Live data was not touched. Look for sessions or transactions that hold the database.',
  },
  RESTORED_APP_UNHEALTHY: {
    status: 500,
    message: 'The app did not come up with the restored data: {{detail}}',
    hint: 'Safekeep has switched back to the state before the restore.',
  },
  ROLLBACK_FAILED: {
    status: 500,
    message: 'The app did not come up with the restored data and the way back failed: {{detail}}',
    hint: 'The previous state is still kept aside. Restart the app: Safekeep takes up the way back before it serves.',
  },
  JOURNAL_UNREADABLE: {
    status: 500,
    message: 'The journal of an unfinished restore can not be read ({{file}}): {{detail}}.',
    hint: 'Safekeep does not guess. Update Safekeep if the journal is from a newer version; see docs/recovery.md otherwise.',
  },
  JOURNAL_IN_USE: {
    status: 409,
    message: 'Another process works on this restore (process {{pid}} on {{host}}).',
    hint: 'Wait until it has finished, or end that process and try again.',
  },
  JOURNAL_ELSEWHERE: {
    status: 500,
    message:
      'The journal of an unfinished restore ({{file}}) is for another database: {{there}}; the app is configured for: {{here}}.',
    hint: 'Configure the database of the journal again, so that the restore can be finished or taken back; see docs/recovery.md.',
  },
  PREVIOUS_UNREADABLE: {
    status: 500,
    message: 'The record of previous data cannot be read ({{file}}): {{detail}}.',
    hint: 'Nothing was changed. Restore the file from a copy, or see docs/recovery.md.',
  },
  PREVIOUS_AT_RISK: {
    status: 409,
    message: 'There is not enough free disk space while all previous data is kept.',
    hint: 'Confirm which previous data to discard, or free some disk space.',
  },
  ENVIRONMENT_INCOMPLETE: {
    status: 500,
    message: 'NocoBase’s environment is not to be found here: {{detail}}.',
    hint: 'Run this in the working folder of NocoBase, with its environment or its .env file.',
  },
  NOTHING_TO_UNDO: {
    status: 409,
    message: 'The previous data is no longer kept.',
    hint: 'Restore a backup from the list instead.',
  },
  // Files and disk
  FOLDER_SHARED: {
    status: 409,
    message: 'Other apps have come to use the folder {{folder}}: {{apps}}. Undo would move their files, too.',
    hint: 'Restore a backup instead: it moves only files of this app.',
  },
  NO_SPACE: {
    status: 507,
    message: 'Not enough free disk space in {{folder}}: {{needed}} needed, {{free}} free.',
    hint: 'Free some space there or delete old backups.',
  },
  FOLDER_NOT_WRITABLE: {
    status: 500,
    message: 'The folder {{folder}} can not be written to: {{detail}}.',
    hint: 'Give the user that runs NocoBase the right to write there.',
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
    message: 'The run can no longer be cancelled: the switch has begun.',
    hint: 'Wait until it has finished.',
  },
  NOT_RUNNING: {
    status: 409,
    message: 'This run is not under way.',
    hint: 'Refresh the list.',
  },
  INTERRUPTED: {
    status: 500,
    message: 'The server stopped while the run was under way.',
    hint: 'Start it again.',
  },
  NOT_FOUND: {
    status: 404,
    message: 'There is no {{what}} named {{name}}.',
    hint: 'Refresh the list.',
  },
  NAME_TAKEN: {
    status: 409,
    message: 'The list already contains a backup named {{name}}.',
    hint: 'Use that one, or delete it first.',
  },
  BAD_REQUEST: {
    status: 400,
    message: 'The request is not valid: {{detail}}.',
    hint: 'Compare it with the API documentation.',
  },
  PROTECTED: {
    status: 409,
    message: 'The backup {{name}} is pinned.',
    hint: 'Unpin it first.',
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
    message: 'Safekeep needs Node.js {{needed}} or newer; this server runs {{version}}.',
    hint: 'Update Node.js on the server and restart NocoBase.',
  },
  // Uploads and downloads
  UPLOAD_OUT_OF_ORDER: {
    status: 409,
    message: 'The chunk starts at byte {{offset}}, but byte {{expected}} comes next.',
    hint: 'Go on from byte {{expected}}.',
  },
  UPLOAD_TOO_LARGE: {
    status: 413,
    message: 'More bytes arrived than were announced ({{bytes}}).',
    hint: 'Start the upload again.',
  },
  UPLOAD_INCOMPLETE: {
    status: 409,
    message: 'Only {{received}} of {{bytes}} bytes have arrived.',
    hint: 'Go on from byte {{received}}.',
  },
  UPLOAD_DAMAGED: {
    status: 422,
    message: 'The uploaded file differs from the one that was sent.',
    hint: 'Upload it again.',
  },
  TICKET_INVALID: {
    status: 403,
    message: 'This download link has expired or was used already.',
    hint: 'Press Download again.',
  },
  INTERNAL: {
    status: 500,
    message: 'Something went wrong inside Safekeep: {{detail}}',
    hint: 'The log of the run and the log of the server tell more. Please report it.',
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

/** What Node.js, the drivers of the databases and the servers call a connection that is broken or can not be had. */
const LOST_CONNECTION =
  /^(ECONN(RESET|REFUSED|ABORTED)|EPIPE|ETIMEDOUT|ENET(UNREACH|DOWN)|EHOST(UNREACH|DOWN)|ENOTFOUND|EAI_AGAIN|PROTOCOL_(CONNECTION_LOST|ENQUEUE_AFTER_\w+)|ER_(SOCKET_UNEXPECTED_CLOSE|SERVER_SHUTDOWN|CONNECTION_TIMEOUT)|57P0[123]|08\w{3})$/;
const LOST_IN_WORDS =
  /^(Connection terminated|Client has encountered a connection error|.*add new command when connection is in closed state)/;
const LOST_BY_NAME = /^Sequelize(Connection|HostNot|AccessDenied|InvalidConnection)\w*Error$/;

/** Whether the database went away, or is away: whatever was tried may work once it is back. */
export function isConnectionLost(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code, name, message, cause, parent } = error as Error & { code?: unknown; parent?: unknown };
  if (code === 'DATABASE_UNREACHABLE' || LOST_CONNECTION.test(String(code))) return true;
  if (LOST_BY_NAME.test(String(name)) || LOST_IN_WORDS.test(String(message))) return true;
  return isConnectionLost(cause) || isConnectionLost(parent);
}

/** NO_SPACE for a write that failed. `needed`: bytes, where that is known; otherwise it was more than is free. */
export function diskFull(folder: string, cause: unknown, needed?: number): SafekeepError {
  const free = readableBytes(freeBytes(folder));
  const wanted = needed === undefined ? `> ${free}` : readableBytes(needed);
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

const NOT_ALLOWED = ['EACCES', 'EPERM', 'EROFS'];

/**
 * The error as it is, or INTERNAL around it. A cancel, a full disk (in `folder`, should the error not say where), a folder that can
 * not be written to and a database that went away get their own code.
 */
export function toSafekeepError(error: unknown, folder = 'the disk'): SafekeepError {
  if (error instanceof SafekeepError) return error;
  const { name, code = '', message, path } = error as NodeJS.ErrnoException;
  if (name === 'AbortError' || code === 'ABORT_ERR') return new SafekeepError('CANCELLED', {}, { cause: error });
  if (code === 'ENOSPC') {
    return diskFull(path ?? folder, error);
  }
  if (path !== undefined && NOT_ALLOWED.includes(code)) {
    return new SafekeepError('FOLDER_NOT_WRITABLE', { folder: path, detail: message }, { cause: error });
  }
  const detail = message || code || String(error);
  if (isConnectionLost(error)) return new SafekeepError('DATABASE_UNREACHABLE', { detail }, { cause: error });
  return new SafekeepError('INTERNAL', { detail }, { cause: error });
}

/** NOT_FOUND. */
export function notFound(what: keyof typeof THING_NAMES, name: string, options?: { cause?: unknown }): SafekeepError {
  return new SafekeepError('NOT_FOUND', { what: { text: THING_NAMES[what] }, name }, options);
}
