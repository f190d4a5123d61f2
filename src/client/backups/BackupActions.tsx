import {
  CheckCircleOutlined,
  DeleteOutlined,
  EditOutlined,
  EllipsisOutlined,
  InfoCircleOutlined,
  PushpinOutlined,
} from '@ant-design/icons';
import { App, Button, Dropdown, Space, type MenuProps } from 'antd';
import type { BackupView } from '../../shared/api';
import { useApi } from '../api/useApi';
import { GuardedButton } from '../components/GuardedButton';
import { useDownload } from '../hooks/useDownload';
import { useRunActions } from '../hooks/useRunActions';
import { useHost } from '../host';
import { useT } from '../i18n';
import { useRuns } from '../live/RunsProvider';
import { useBackupRun } from '../live/useBackupRun';
import { testId } from '../test-ids';
import { deletionRefusal, downloadRefusal, editRefusal, restoreRefusal, verificationRefusal } from './refusals';

export interface ActionHandlers {
  onRestore: (backup: BackupView) => void;
  onDetails: (backup: BackupView) => void;
  onEditNote: (backup: BackupView) => void;
  /** The list has to be read again. */
  onChanged: () => void;
}

export function BackupActions({ backup, onRestore, ...menu }: ActionHandlers & { backup: BackupView }) {
  const t = useT();
  const host = useHost();
  const { active } = useRuns();
  const { download, busy } = useDownload();
  const { mayCancel, cancel } = useRunActions();
  const run = useBackupRun(backup);
  const items = useMenu(backup, menu);
  const more = (
    <Dropdown trigger={['click']} placement="bottomRight" menu={{ items }}>
      <Button
        type="text"
        size="small"
        icon={<EllipsisOutlined />}
        aria-label={t('More actions for {{name}}', { name: backup.name })}
        {...testId('more', backup.name)}
      />
    </Dropdown>
  );
  if (run) {
    return (
      <Space size={0}>
        {mayCancel(run) && (
          <Button type="link" size="small" danger onClick={() => cancel(run)} {...testId('cancel', run.id)}>
            {t('Cancel')}
          </Button>
        )}
        {more}
      </Space>
    );
  }
  return (
    <Space size={0}>
      <GuardedButton
        type="link"
        size="small"
        reason={restoreRefusal(host, active, t, backup)}
        onClick={() => onRestore(backup)}
        {...testId('restore', backup.name)}
      >
        {t('Restore')}
      </GuardedButton>
      <GuardedButton
        type="link"
        size="small"
        loading={busy}
        reason={downloadRefusal(host, t, backup)}
        onClick={() => void download(backup.name)}
        {...testId('download', backup.name)}
      >
        {t('Download')}
      </GuardedButton>
      {more}
    </Space>
  );
}

function useMenu(backup: BackupView, handlers: Omit<ActionHandlers, 'onRestore'>): MenuProps['items'] {
  const t = useT();
  const host = useHost();
  const api = useApi();
  const { modal, message } = App.useApp();
  const { active, follow } = useRuns();
  const { tell } = useRunActions();

  const verify = () => api.backups.verify(backup.name).then(({ runId }) => follow(runId), tell);
  const pin = () =>
    api.backups.update(backup.name, { isProtected: !backup.isProtected }).then(() => {
      void message.success(backup.isProtected ? t('Unpinned') : t('Pinned'));
      handlers.onChanged();
    }, tell);
  const destroy = () =>
    modal.confirm({
      title: t('Delete this backup?'),
      content: (
        <>
          <p style={{ overflowWrap: 'anywhere' }}>{backup.name}</p>
          {t('The archive is removed for good. This can not be undone.')}
        </>
      ),
      okText: t('Delete'),
      okButtonProps: { danger: true, ...testId('delete-confirm') },
      cancelText: t('Cancel'),
      onOk: () => api.backups.destroy(backup.name).then(handlers.onChanged, tell),
    });

  const guarded = (key: string, label: string, reason: string | null) => ({
    key,
    disabled: reason !== null,
    label: (
      <span title={reason ?? undefined} {...testId(key)}>
        {label}
      </span>
    ),
  });
  const editing = editRefusal(host, t, backup);
  return [
    {
      ...guarded('details', t('Details'), null),
      icon: <InfoCircleOutlined />,
      onClick: () => handlers.onDetails(backup),
    },
    {
      ...guarded('verify', t('Verify'), verificationRefusal(host, active, t, backup)),
      icon: <CheckCircleOutlined />,
      onClick: () => void verify(),
    },
    {
      ...guarded('pin', backup.isProtected ? t('Unpin') : t('Pin'), editing),
      icon: <PushpinOutlined />,
      onClick: () => void pin(),
    },
    {
      ...guarded('edit-note', t('Edit note'), editing),
      icon: <EditOutlined />,
      onClick: () => handlers.onEditNote(backup),
    },
    { type: 'divider' },
    {
      ...guarded('delete', t('Delete'), deletionRefusal(host, t, backup)),
      danger: true,
      icon: <DeleteOutlined />,
      onClick: () => void destroy(),
    },
  ];
}
