import type { BackupView } from '../../shared/api';
import type { RunView } from '../../shared/runs';
import type { SafekeepHost } from '../host';
import type { Translate } from '../i18n';
import { runLabel } from '../labels';

/** Why something can't be done right now; null when it can. The server decides again. */
type Refusal = string | null;

const busy = (active: RunView | null, t: Translate): Refusal =>
  active ? t('Another run is under way: {{kind}}.', { kind: runLabel(active, t) }) : null;

const holdsNoArchive = (backup: BackupView, t: Translate): Refusal =>
  backup.status.startsWith('succeeded') ? null : t('This backup holds no archive.');

export function creationRefusal(host: SafekeepHost, active: RunView | null, t: Translate): Refusal {
  if (!host.can('create')) return t('Your role may not create backups.');
  return busy(active, t);
}

export function restoreRefusal(host: SafekeepHost, active: RunView | null, t: Translate, backup?: BackupView): Refusal {
  if (!host.can('restore')) return t('Your role may not restore backups.');
  return (backup && holdsNoArchive(backup, t)) ?? busy(active, t);
}

export function downloadRefusal(host: SafekeepHost, t: Translate, backup: BackupView): Refusal {
  if (!host.can('download')) return t('Your role may not download backups.');
  return holdsNoArchive(backup, t);
}

export function deletionRefusal(host: SafekeepHost, t: Translate, backup: BackupView): Refusal {
  if (!host.can('delete')) return t('Your role may not delete backups.');
  if (backup.isProtected) return t('Pinned backups are kept. Unpin it first.');
  return backup.status === 'running' || backup.status === 'pending' ? t('This backup is still being made.') : null;
}

export function verificationRefusal(
  host: SafekeepHost,
  active: RunView | null,
  t: Translate,
  backup: BackupView,
): Refusal {
  if (!host.can('create')) return t('Your role may not create backups.');
  return holdsNoArchive(backup, t) ?? busy(active, t);
}

/** Note and pin are kept beside the archive. */
export function editRefusal(host: SafekeepHost, t: Translate, backup: BackupView): Refusal {
  if (!host.can('create')) return t('Your role may not create backups.');
  return holdsNoArchive(backup, t);
}
