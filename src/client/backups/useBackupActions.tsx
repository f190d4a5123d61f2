import { CheckCircleOutlined, DeleteOutlined, EditOutlined, PushpinOutlined } from '@ant-design/icons';
import { App } from 'antd';
import type { ReactNode } from 'react';
import type { BackupView } from '../../shared/api';
import { useApi } from '../api/useApi';
import { formatMoment } from '../format';
import { useReport } from '../hooks/useReport';
import { useHost } from '../host';
import { useT, type Translate } from '../i18n';
import { useRuns } from '../live/RunsProvider';
import { busyRefusal, deletionRefusal, hasArchive, type Refusal } from '../refusals';
import { testId } from '../test-ids';

export interface BackupHandlers {
  onEditNote: (backup: BackupView) => void;
  /** The list has to be read again. */
  onChanged: () => void;
}

export interface BackupAction {
  key: 'verify' | 'protect' | 'edit-note' | 'delete';
  label: string;
  icon: ReactNode;
  danger?: boolean;
  /** Why it is impossible now. */
  reason: Refusal;
  run: () => void;
}

/** What the role can do with a backup besides restoring and downloading it, in the order of a menu. */
export function useBackupActions(backup: BackupView, { onEditNote, onChanged }: BackupHandlers): BackupAction[] {
  const t = useT();
  const host = useHost();
  const api = useApi();
  const { modal, message } = App.useApp();
  const { active, follow } = useRuns();
  const report = useReport();
  const { name, isProtected } = backup;

  const verify = () => api.backups.verify(name).then(({ runId }) => follow(runId), report);
  const protect = () =>
    api.backups.update(name, { isProtected: !isProtected }).then(() => {
      const time = formatMoment(backup.startedAt, t);
      const text = isProtected
        ? t('Backup of {{time}}: protection removed', { time })
        : t('Backup of {{time}}: protected', { time });
      void message.success(text);
      onChanged();
    }, report);
  const destroy = () =>
    modal.confirm({
      title: t('Delete this backup?'),
      content: <DeleteText backup={backup} t={t} />,
      okText: t('Delete'),
      okButtonProps: { danger: true, ...testId('delete-confirm') },
      cancelText: t('Cancel'),
      onOk: () => api.backups.destroy(name).then(onChanged, report),
    });

  const actions: BackupAction[] = [];
  if (hasArchive(backup) && host.can('create')) {
    actions.push({
      key: 'verify',
      label: t('Verify'),
      icon: <CheckCircleOutlined />,
      reason: busyRefusal(active, t),
      run: () => void verify(),
    });
    // A backup without protection may be deleted by the next one: that takes the permission to delete.
    if (!isProtected || host.can('delete')) {
      const label = isProtected ? t('Remove protection') : t('Protect');
      actions.push({ key: 'protect', label, icon: <PushpinOutlined />, reason: null, run: () => void protect() });
    }
    actions.push({
      key: 'edit-note',
      label: t('Edit note'),
      icon: <EditOutlined />,
      reason: null,
      run: () => onEditNote(backup),
    });
  }
  if (host.can('delete')) {
    actions.push({
      key: 'delete',
      label: t('Delete'),
      icon: <DeleteOutlined />,
      danger: true,
      reason: deletionRefusal(backup, t),
      run: () => void destroy(),
    });
  }
  return actions;
}

function DeleteText({ backup, t }: { backup: BackupView; t: Translate }) {
  return (
    <>
      <p style={{ overflowWrap: 'anywhere' }}>
        <strong>{t('Backup of {{time}}', { time: formatMoment(backup.startedAt, t) })}</strong>
        {backup.note && <br />}
        {backup.note}
      </p>
      {hasArchive(backup)
        ? t('The archive is deleted permanently. This cannot be undone.')
        : t('The entry is removed from the list.')}
    </>
  );
}
