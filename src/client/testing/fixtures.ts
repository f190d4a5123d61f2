/** Answers of a server, as small as the types allow. */
import type { BackupView, CheckView, InspectAnswer, LiveOrigin, PreviewAnswer, PreviousView } from '../../shared/api';
import type { Manifest } from '../../shared/manifest';
import type { RunView } from '../../shared/runs';

/** An undo window that does not close while tests run. */
export const LATER = '2999-01-01T10:00:00.000Z';

export function aRun(change: Partial<RunView> = {}): RunView {
  return {
    id: 'run-1',
    kind: 'restore',
    status: 'running',
    step: 'stageDatabase',
    steps: ['open', 'compatibility', 'checksum', 'stageDatabase'],
    cancelling: false,
    progress: { done: 10, total: 100, unit: 'rows' },
    percent: 30,
    startedAt: '2026-11-20T10:00:00.000Z',
    finishedAt: null,
    backupName: 'main_20261120T090000Z_abcdef',
    backupAt: '2026-11-20T09:00:00.000Z',
    uploadId: null,
    uploadName: null,
    contents: ['database', 'files'],
    note: '',
    trigger: 'manual',
    warnings: 0,
    error: null,
    startedBy: 'Super Admin',
    undo: null,
    undoOf: null,
    direction: null,
    ...change,
  };
}

export function aBackup(change: Partial<BackupView> = {}): BackupView {
  return {
    name: 'main_20261120T090000Z_abcdef',
    status: 'succeeded',
    trigger: 'manual',
    contents: ['database', 'files'],
    note: 'Before the upgrade',
    isProtected: false,
    startedAt: '2026-11-20T09:00:00.000Z',
    finishedAt: '2026-11-20T09:00:42.000Z',
    durationMs: 42_000,
    bytes: 12_345_678,
    sha256: 'ab'.repeat(32),
    runId: 'run-0',
    warnings: 0,
    error: null,
    startedBy: 'Super Admin',
    appVersion: '2.2.15',
    dialect: 'sqlite',
    destinations: ['local'],
    verified: null,
    run: null,
    live: null,
    ...change,
  };
}

export function aManifest(change: Partial<Manifest> = {}): Manifest {
  return {
    format: 1,
    name: 'main_20261120T090000Z_abcdef',
    createdAt: '2026-11-20T09:00:00.000Z',
    app: { name: 'main', version: '2.2.15', plugins: [] },
    contents: ['database', 'files'],
    note: '',
    trigger: 'manual',
    database: null,
    files: { roots: [], missing: 0 },
    keyFingerprints: {},
    entries: { count: 3, bytes: 1000, sha256: 'cd'.repeat(32) },
    warnings: 0,
    ...change,
  };
}

export function anInspection(checks: CheckView[], change: Partial<InspectAnswer> = {}): InspectAnswer {
  return {
    manifest: aManifest(),
    checks,
    restorable: checks.every(({ status }) => status !== 'blocking'),
    plan: {
      databaseStrategy: 'file',
      summary: 'The backup is loaded into a new file.',
      downtime: 'The app is unavailable for a few seconds.',
      extraBytes: 1_000_000,
      undoHours: 72,
      sharedFolders: [],
    },
    appName: 'main',
    discards: [],
    ...change,
  };
}

/** Data before a restore, kept for ever. */
export function previousData(change: Partial<PreviousView> = {}): PreviousView {
  return {
    id: 'run-1',
    replacedBy: 'restore',
    replacedAt: '2026-11-20T10:01:00.000Z',
    startedBy: 'Anna Weber',
    until: LATER,
    origin: null,
    contents: ['database', 'files'],
    bytes: 12_345_678,
    ...change,
  };
}

export function anOrigin(change: Partial<LiveOrigin> = {}): LiveOrigin {
  return {
    runId: 'run-1',
    backupName: 'main_20261120T090000Z_abcdef',
    backupAt: '2026-11-20T09:00:00.000Z',
    at: '2026-11-20T10:01:00.000Z',
    by: 'Anna Weber',
    ...change,
  };
}

export function aPreview(change: Partial<PreviewAnswer> = {}): PreviewAnswer {
  return { backupAt: '2026-11-20T09:00:00.000Z', tables: [], removedFiles: null, isPartial: false, ...change };
}

export function aCheck(code: string, status: CheckView['status']): CheckView {
  return { code, status, backup: 'old', current: 'new', remedy: status === 'ok' ? '' : `What to do about ${code}` };
}

/** The error axios rejects with when the server answers with an error of ours. */
export function refusal(status: number, code: string, message = '', params?: Record<string, unknown>): unknown {
  return {
    isAxiosError: true,
    response: { status, data: { errors: [{ code, message, hint: `Hint of ${code}`, params }] } },
  };
}

/** The gateway's answer while the app is in maintenance. */
export function maintenance(message = 'Switching'): unknown {
  const error = { code: 'APP_COMMANDING', message, maintaining: true };
  return { isAxiosError: true, response: { status: 503, data: { error } } };
}

export const noNetwork: unknown = { isAxiosError: true, code: 'ERR_NETWORK' };
