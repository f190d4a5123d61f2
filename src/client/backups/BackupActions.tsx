import { EllipsisOutlined, InfoCircleOutlined } from '@ant-design/icons';
import { Button, Dropdown, Space, type MenuProps } from 'antd';
import { useRef } from 'react';
import type { BackupView } from '../../shared/api';
import { CancelButton } from '../components/CancelButton';
import { GuardedButton } from '../components/GuardedButton';
import { formatMoment } from '../format';
import { useDownload } from '../hooks/useDownload';
import { useHost } from '../host';
import { useT } from '../i18n';
import { useRuns } from '../live/RunsProvider';
import { useBackupRun } from '../live/useBackupRun';
import { hasArchive, restoreRefusal } from '../refusals';
import { testId } from '../test-ids';
import { useBackupActions, type BackupHandlers } from './useBackupActions';

export interface ActionHandlers extends BackupHandlers {
  onRestore: (backup: BackupView) => void;
  onDetails: (backup: BackupView) => void;
}

/** Restore, Download and the menu of a row; only what the role can do. */
export function BackupActions({ backup, ...handlers }: ActionHandlers & { backup: BackupView }) {
  const t = useT();
  const host = useHost();
  const { active } = useRuns();
  const { download, busy } = useDownload();
  const run = useBackupRun(backup);
  const isUsable = !run && hasArchive(backup);
  return (
    <Space size={0}>
      {run && <CancelButton run={run} type="link" size="small" />}
      {isUsable && host.can('restore') && (
        <GuardedButton
          type="link"
          size="small"
          reason={restoreRefusal(backup, active, t)}
          onClick={() => handlers.onRestore(backup)}
          {...testId('restore', backup.name)}
        >
          {t('Restore')}
        </GuardedButton>
      )}
      {isUsable && host.can('download') && (
        <Button
          type="link"
          size="small"
          loading={busy}
          onClick={() => void download(backup.name)}
          {...testId('download', backup.name)}
        >
          {t('Download')}
        </Button>
      )}
      <MoreActions backup={backup} {...handlers} />
    </Space>
  );
}

/** The menu; with nothing in it but the details, these have a button of their own. */
function MoreActions({ backup, onDetails, ...handlers }: Omit<ActionHandlers, 'onRestore'> & { backup: BackupView }) {
  const t = useT();
  const opener = useRef<HTMLButtonElement>(null);
  const actions = useBackupActions(backup, handlers);
  if (actions.length === 0) {
    return (
      <Button type="link" size="small" onClick={() => onDetails(backup)} {...testId('details')}>
        {t('Details')}
      </Button>
    );
  }
  const item = (key: string, label: string, act: () => void) => ({
    key,
    label: <span {...testId(key)}>{label}</span>,
    onClick: () => {
      // The menu closes; what it opens gives the focus back to the button.
      opener.current?.focus();
      act();
    },
  });
  const items: MenuProps['items'] = [
    { ...item('details', t('Details'), () => onDetails(backup)), icon: <InfoCircleOutlined /> },
    ...actions.flatMap(({ key, label, icon, danger, reason, run }) => [
      ...(key === 'delete' ? [{ type: 'divider' as const }] : []),
      { ...item(key, label, run), icon, danger, disabled: reason !== null, title: reason ?? undefined },
    ]),
  ];
  return (
    <Dropdown trigger={['click']} placement="bottomRight" menu={{ items }}>
      <Button
        ref={opener}
        type="text"
        size="small"
        icon={<EllipsisOutlined />}
        aria-label={t('More actions for the backup of {{time}}', { time: formatMoment(backup.startedAt, t) })}
        {...testId('more', backup.name)}
      />
    </Dropdown>
  );
}
