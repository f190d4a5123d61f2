import type { CheckStatus, VerifiedView } from '../shared/api';
import type { Content, Progress, RunKind, RunStatus, RunView, Trigger } from '../shared/runs';
import type { Failure } from './api/failure';
import { formatBytes, formatNumber, formatTime } from './format';
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
    undo: t('Undo of a restore'),
    verify: t('Verification'),
    prune: t('Clean-up of old backups'),
  };
  return labels[kind] ?? kind;
}

/** What a run does, the direction of an undo included. */
export function runLabel({ kind, direction }: Pick<RunView, 'kind' | 'direction'>, t: Translate): string {
  return direction === 'redo' ? t('Redo of a restore') : kindLabel(kind, t);
}

/** Whether the way back from a run leads to the state before a restore; otherwise it leads to the restored one again. */
export function leadsBeforeRestore({ kind, direction }: Pick<RunView, 'kind' | 'direction'>): boolean {
  return kind === 'restore' || direction === 'redo';
}

/** The way back from a restore, or from the undo of one. */
export function undoLabel(run: Pick<RunView, 'kind' | 'direction'>, t: Translate): string {
  return leadsBeforeRestore(run) ? t('Undo the restore') : t('Bring the restored state back');
}

/** What an undo does, to what is live and to what has been entered since. */
export function undoSentences(run: Pick<RunView, 'kind' | 'direction'>, undoHours: number, t: Translate): string[] {
  return [
    leadsBeforeRestore(run)
      ? t('Everything the restore replaced, database and files, becomes as it was before it.')
      : t('Everything the restore had brought, database and files, becomes as it was before it was undone.'),
    undoHours > 0
      ? t(
          'What has been entered since then is set aside, not lost: for {{hours}} hours it can be brought back the same way.',
          { hours: undoHours },
        )
      : t('What has been entered since then is lost: by the settings, no state before is kept.'),
    t('The app is in maintenance for a moment.'),
  ];
}

/** The same where there is little room. */
export function shortUndoLabel(run: Pick<RunView, 'kind' | 'direction'>, t: Translate): string {
  return leadsBeforeRestore(run) ? t('Undo restore') : t('Undo the undo');
}

/** What the last verification of a backup found. */
export function verifiedSentence({ result, at, detail }: VerifiedView, t: Translate): string {
  const time = formatTime(at);
  switch (result) {
    case 'restorable':
      return t('Verified on {{time}}. {{detail}}', { time, detail });
    case 'bytes only':
      return t('Verified on {{time}}: every byte is right, but it was not loaded here. {{detail}}', { time, detail });
    case 'failed':
      return t('Verified on {{time}}: not restorable. {{detail}}', { time, detail });
  }
}

export function triggerLabel(trigger: Trigger, t: Translate): string {
  const labels: Record<Trigger, string> = {
    manual: t('By hand'),
    schedule: t('Schedule'),
    api: t('API'),
    cli: t('Command line'),
    'pre-restore': t('Before a restore'),
    upload: t('Upload'),
  };
  return labels[trigger] ?? trigger;
}

export function contentLabel(content: Content, t: Translate): string {
  return content === 'database' ? t('Database') : t('Uploaded files');
}

export function filesModeSentence(mode: 'mirror' | 'merge', t: Translate): string {
  return mode === 'mirror'
    ? t('The folders become exactly as they were; files added since the backup are removed.')
    : t('Files of the backup are put back; files added since are kept.');
}

/** Where an archive is kept. */
export function destinationLabel(destination: string, t: Translate): string {
  return destination === 'local' ? t('This server') : destination;
}

export function stepLabel(kind: RunKind, step: string, t: Translate): string {
  const labels: Record<string, string> = {
    prepare: t('Prepare'),
    database: t('Database'),
    files: t('Uploaded files'),
    finish: t('Finish the archive'),
    checksum: kind === 'backup' ? t('Read the archive back') : t('Verify the archive'),
    open: t('Open the backup'),
    compatibility: t('Check compatibility'),
    stageDatabase: t('Load the database beside the live one'),
    stageFiles: t('Unpack the files beside the live ones'),
    checkStaged: t('Check the loaded data'),
    drop: t('Drop what was loaded'),
    switchover: t('Switch over'),
    reload: t('Reload the app'),
    healthCheck: t('Health check'),
    prune: t('Delete old backups'),
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
  const labels: Record<string, string> = {
    appVersion: t('NocoBase version'),
    databaseVersion: t('Database version'),
    dialect: t('Database type'),
    encoding: t('Character set'),
    collation: t('Collation'),
    extensions: t('Database extensions'),
    fileFolders: t('Folders of uploaded files'),
    files: t('Uploaded files'),
    format: t('Archive format'),
    freeSpace: t('Free disk space'),
    keys: t('Encryption keys'),
    plugins: t('Plugins'),
    roles: t('Database roles'),
    schema: t('Database schema'),
    sharedFolders: t('Folders shared with other apps'),
    strategy: t('Way to restore'),
    tablePrefix: t('Table prefix'),
    timeZone: t('Time zone'),
    tools: t('Database programs'),
    underscored: t('Underscored names'),
  };
  return labels[code] ?? code;
}

export function verdictLabel(status: CheckStatus, t: Translate): string {
  const labels: Record<CheckStatus, string> = { ok: t('OK'), warning: t('Warning'), blocking: t('Blocking') };
  return labels[status] ?? status;
}

export const VERDICT_COLORS: Record<CheckStatus, string> = { ok: 'success', warning: 'warning', blocking: 'error' };

/** Message and hint of a failure; the client's own kinds get their sentences here. */
export function failureText(failure: Pick<Failure, 'code' | 'message' | 'hint'>, t: Translate) {
  const { code, message, hint } = failure;
  const own: Record<string, { message: string; hint: string }> = {
    NETWORK: {
      message: t('The server can not be reached.'),
      hint: t('Check your connection and try again.'),
    },
    MAINTENANCE: {
      message: message || t('The app is in maintenance at the moment.'),
      hint: t('Wait a moment and try again.'),
    },
    SIGNED_OUT: { message: t('You are no longer signed in.'), hint: t('Sign in again.') },
    FORBIDDEN: {
      message: t('Your role may not do this.'),
      hint: t('Ask an administrator for the permission.'),
    },
  };
  const known = own[code];
  return {
    message: known?.message || message || t('The server answered with an error ({{code}}).', { code }),
    hint: known?.hint || hint,
  };
}
