import { CHECK_NAMES } from '../shared/names';
import type { CheckStatus, VerifiedView } from '../shared/api';
import type { Content, Progress, RunKind, RunStatus, RunView, Trigger } from '../shared/runs';
import type { Failure } from './api/failure';
import { formatBytes, formatMoment, formatNumber } from './format';
import type { Translate } from './i18n';

export function statusLabel(status: RunStatus, t: Translate): string {
  const labels: Record<RunStatus, string> = {
    pending: t('Waiting'),
    running: t('Running'),
    succeeded: t('Succeeded'),
    'succeeded with warnings': t('With warnings'),
    failed: t('Failed'),
    cancelled: t('Cancelled'),
    interrupted: t('Interrupted'),
  };
  return labels[status] ?? status;
}

/** antd Tag colours; they follow the theme. */
export const STATUS_COLORS: Record<RunStatus, string> = {
  pending: 'default',
  running: 'processing',
  succeeded: 'success',
  'succeeded with warnings': 'warning',
  failed: 'error',
  cancelled: 'default',
  interrupted: 'error',
};

export function kindLabel(kind: RunKind, t: Translate): string {
  const labels: Record<RunKind, string> = {
    backup: t('Backup'),
    restore: t('Restore'),
    undo: t('Undo'),
    verify: t('Verification'),
    prune: t('Cleanup'),
  };
  return labels[kind] ?? kind;
}

/** What a run does; undo and redo, cleanup and discard share a kind. */
export function runLabel(run: Pick<RunView, 'kind' | 'direction' | 'undoOf'>, t: Translate): string {
  if (run.direction === 'redo') return t('Redo');
  if (run.kind === 'prune' && run.undoOf) return t('Discard of previous data');
  return kindLabel(run.kind, t);
}

/** Whether bringing back the data that a run replaced is a redo: the undo of an undo. */
export const isRedo = ({ kind, direction }: Pick<RunView, 'kind' | 'direction'>): boolean =>
  kind === 'undo' && direction !== 'redo';

/** What bringing it back is called. */
export function undoLabel(run: Pick<RunView, 'kind' | 'direction'>, t: Translate): string {
  return isRedo(run) ? t('Redo') : t('Undo');
}

/** Until when the data that a run replaced can be brought back, or why it cannot; '' for a run that replaced none. */
export function undoSentence(run: Pick<RunView, 'kind' | 'direction' | 'undo'>, t: Translate): string {
  const { undo } = run;
  switch (undo?.state) {
    case undefined:
      return '';
    case 'available': {
      const time = formatMoment(undo.until, t);
      return isRedo(run) ? t('Redo available until {{time}}', { time }) : t('Undo available until {{time}}', { time });
    }
    case 'live again':
      return t('Brought back on {{time}}', { time: formatMoment(undo.at, t) });
    case 'expired':
      return t('Undo window closed on {{time}}', { time: formatMoment(undo.at, t) });
    case 'discarded':
      return t('Previous data discarded on {{time}}', { time: formatMoment(undo.at, t) });
    case 'not kept':
      return t('Previous data was not kept');
  }
}

/** What the last verification of a backup found. */
export function verifiedSentence({ result, at, detail }: VerifiedView, t: Translate): string {
  const time = formatMoment(at, t);
  switch (result) {
    case 'restorable':
      return t('Verified on {{time}}. {{detail}}', { time, detail });
    case 'bytes only':
      return t('Checksums verified on {{time}}; the data was not loaded. {{detail}}', { time, detail });
    case 'failed':
      return t('Verification failed on {{time}}. {{detail}}', { time, detail });
  }
}

export function triggerLabel(trigger: Trigger, t: Translate): string {
  const labels: Record<Trigger, string> = {
    manual: t('Manual'),
    schedule: t('Schedule'),
    api: t('API'),
    cli: t('Command line'),
    'pre-restore': t('Before a restore'),
    upload: t('Upload'),
  };
  return labels[trigger] ?? trigger;
}

/** Who or what started something: the person, or the machine's way. */
export function starterLabel({ trigger, startedBy }: Pick<RunView, 'trigger' | 'startedBy'>, t: Translate): string {
  return trigger === 'manual' && startedBy ? startedBy : triggerLabel(trigger, t);
}

export function contentLabel(content: Content, t: Translate): string {
  return content === 'database' ? t('Database') : t('Uploaded files');
}

export function contentsLabel(contents: readonly Content[], t: Translate): string {
  return contents.map((content) => contentLabel(content, t)).join(t(', '));
}

export function filesModeSentence(mode: 'mirror' | 'merge', t: Translate): string {
  return mode === 'mirror'
    ? t('The folders return to their state at the time of the backup; files added since then are removed.')
    : t('Files in the backup are restored; files added since then are kept.');
}

/** Where an archive is kept. */
export function destinationLabel(destination: string, t: Translate): string {
  return destination === 'local' ? t('This server') : destination;
}

export function stepLabel(step: string, t: Translate): string {
  const labels: Record<string, string> = {
    prepare: t('Prepare'),
    database: t('Database'),
    files: t('Uploaded files'),
    finish: t('Complete the archive'),
    checksum: t('Verify checksums'),
    open: t('Open the backup'),
    compatibility: t('Check compatibility'),
    stageDatabase: t('Stage the database'),
    stageFiles: t('Stage the files'),
    checkStaged: t('Check the staged data'),
    drop: t('Discard the staged data'),
    switchover: t('Switch over'),
    reload: t('Reload the app'),
    healthCheck: t('Health check'),
    prune: t('Discard previous data'),
  };
  return labels[step] ?? step;
}

export function progressLabel({ done, total, unit }: Progress, t: Translate): string {
  if (total === 0 && done === 0) return '';
  const amount = (value: number) => (unit === 'bytes' ? formatBytes(value) : formatNumber(value));
  const text = total > 0 ? t('{{done}} of {{total}}', { done: amount(done), total: amount(total) }) : amount(done);
  if (unit === 'rows') return t('{{amount}} rows', { amount: text });
  if (unit === 'files') return t('{{amount}} files', { amount: text });
  return text;
}

export function checkLabel(code: string, t: Translate): string {
  return t(CHECK_NAMES[code] ?? code);
}

export function checkStatusLabel(status: CheckStatus, t: Translate): string {
  const labels: Record<CheckStatus, string> = { ok: t('OK'), warning: t('Warning'), blocking: t('Blocking') };
  return labels[status] ?? status;
}

export const CHECK_STATUS_COLORS: Record<CheckStatus, string> = {
  ok: 'success',
  warning: 'warning',
  blocking: 'error',
};

/** Message and hint of a failure; the client's own codes get their sentences here. */
export function failureText(failure: Pick<Failure, 'code' | 'message' | 'hint'>, t: Translate) {
  const { code, message, hint } = failure;
  const own: Record<string, { message: string; hint: string }> = {
    NETWORK: { message: t('Cannot reach the server.'), hint: t('Check your connection and try again.') },
    MAINTENANCE: {
      message: message || t('The app is in maintenance.'),
      hint: t('Wait a moment and try again.'),
    },
    SIGNED_OUT: { message: t('You are signed out.'), hint: t('Sign in again.') },
    FORBIDDEN: { message: t('Your role lacks permission.'), hint: t('Ask an administrator for the permission.') },
  };
  const known = own[code];
  return {
    message: known?.message || message || t('The server returned an error ({{code}}).', { code }),
    hint: known?.hint || hint,
  };
}
