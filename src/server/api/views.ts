/** Records and rows as the API returns them. */
import { type SafekeepError, type ErrorCode, ERRORS } from '../../engine/errors';
import { fill } from '../../engine/messages';
import { isExpired, type PreviousData } from '../../engine/previous';
import type { BackupView, CheckView, LiveOrigin } from '../../shared/api';
import type { Check } from '../../engine/compatibility';
import type {
  ApiError,
  Content,
  LogLine,
  Message,
  RunStatus,
  RunView,
  Trigger,
  UndoView,
  Verification,
} from '../../shared/runs';
import { fromStoredError, type RunRecord, type StoredError, storedErrorSchema } from '../../engine/history/record';

/** Translates an English sentence into the user's language; `{{places}}` stay unchanged. */
export type Translate = (sentence: string) => string;

export function translated(message: Message, translate: Translate): string {
  return message.text === '' ? '' : fill(translate(message.text), message.params, translate);
}

export function apiError(error: SafekeepError, translate: Translate): ApiError {
  const { message, hint } = ERRORS[error.code];
  const { code, params } = error;
  return {
    code: code satisfies ErrorCode,
    message: translated({ text: message, params }, translate),
    hint: translated({ text: hint, params }, translate),
    params: Object.fromEntries(
      Object.entries(params).map(([name, value]) => [
        name,
        typeof value === 'object' ? fill(`{{${name}}}`, params) : value,
      ]),
    ),
  };
}

export function storedApiError(stored: unknown, translate: Translate): ApiError | null {
  const parsed = storedErrorSchema.safeParse(stored);
  return parsed.success ? apiError(fromStoredError(parsed.data), translate) : null;
}

/** The input of a run's view in addition to its record. */
export interface RunViewContext {
  translate: Translate;
  isCancelling: boolean;
  undo: UndoView | null;
}

export function runView(record: RunRecord, { translate, isCancelling, undo }: RunViewContext): RunView {
  const { id, kind, status, step, steps, progress, percent, startedAt, finishedAt, backupName, backupAt } = record;
  const { uploadId, uploadName, contents, note, trigger, warnings, startedBy, undoOf, direction = null } = record;
  const state = { id, kind, status, step, steps, progress, percent, startedAt, finishedAt, cancelling: isCancelling };
  const about = { backupName, backupAt, uploadId, uploadName, contents, note, trigger, startedBy, undoOf, direction };
  const error = record.error && apiError(fromStoredError(record.error), translate);
  return { ...state, ...about, warnings, error, undo };
}

/** Whether the data that a run replaced can be brought back; null for a run that replaced none. */
export function undoView({ states, endings }: PreviousData, runId: string, now: Date): UndoView | null {
  const state = states.find(({ id }) => id === runId);
  if (state && isExpired(now)(state)) return { state: 'expired', at: state.until };
  if (state) return { state: 'available', until: state.until };
  const ending = endings.findLast(({ id }) => id === runId);
  return ending ? { state: ending.why, at: ending.at } : null;
}

/** A row of the collection of backups. */
export interface BackupRow {
  name: string;
  status: RunStatus;
  trigger: Trigger;
  contents: Content[];
  note: string;
  isProtected: boolean;
  startedAt: Date | string;
  finishedAt: Date | string | null;
  /** Some databases return bigInt columns as text. */
  durationMs: number | string | null;
  bytes: number | string | null;
  sha256: string | null;
  runId: string | null;
  warnings: number;
  error: StoredError | null;
  startedBy: string | null;
  appVersion: string;
  dialect: string | null;
  destinations: string[];
  verified: Verification | null;
}

export function backupView(
  row: BackupRow,
  { run, live, translate }: { run: RunView | null; live: LiveOrigin | null; translate: Translate },
): BackupView {
  const iso = (at: Date | string | null) => (at === null ? null : new Date(at).toISOString());
  const count = (value: number | string | null) => (value === null ? null : Number(value));
  return {
    name: row.name,
    status: row.status,
    trigger: row.trigger,
    contents: row.contents,
    note: row.note,
    isProtected: Boolean(row.isProtected),
    startedAt: iso(row.startedAt) ?? '',
    finishedAt: iso(row.finishedAt),
    durationMs: count(row.durationMs),
    bytes: count(row.bytes),
    sha256: row.sha256,
    runId: row.runId,
    warnings: row.warnings,
    error: storedApiError(row.error, translate),
    startedBy: row.startedBy,
    appVersion: row.appVersion,
    dialect: row.dialect,
    destinations: row.destinations,
    verified: row.verified && { ...row.verified, detail: translated(row.verified.detail, translate) },
    run,
    live: live?.backupName === row.name ? live : null,
  };
}

export function checkView(check: Check, translate: Translate): CheckView {
  return {
    code: check.code,
    status: check.status,
    backup: translated(check.backup, translate),
    current: translated(check.current, translate),
    remedy: translated(check.remedy, translate),
  };
}

export function logLineView(line: LogLine, translate: Translate) {
  return { at: line.at, level: line.level, step: line.step, message: translated(line.message, translate) };
}
