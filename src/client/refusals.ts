import type { BackupView } from '../shared/api';
import type { RunView } from '../shared/runs';
import type { Translate } from './i18n';
import { runLabel } from './labels';

/**
 * Why something is impossible right now; null when it is not. What the role lacks permission for is not shown at all. The
 * server decides again.
 */
export type Refusal = string | null;

export const busyRefusal = (active: RunView | null, t: Translate): Refusal =>
  active ? t('Another run is in progress: {{kind}}.', { kind: runLabel(active, t) }) : null;

export function restoreRefusal(backup: BackupView, active: RunView | null, t: Translate): Refusal {
  if (backup.verified?.result === 'failed')
    return t('Verification failed. Use another backup, or verify this one again.');
  return busyRefusal(active, t);
}

export function deletionRefusal({ isProtected, status }: BackupView, t: Translate): Refusal {
  if (isProtected) return t('Protected backups are kept. Remove the protection first.');
  return status === 'running' || status === 'pending' ? t('This backup is still in progress.') : null;
}

/** Only a successful backup has an archive that can be restored, downloaded, verified or protected. */
export const hasArchive = ({ status }: BackupView): boolean => status.startsWith('succeeded');
