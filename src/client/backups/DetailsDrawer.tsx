import { PushpinFilled } from '@ant-design/icons';
import { Button, Drawer, Flex, Skeleton, Space, Tabs, Tag, theme, Typography } from 'antd';
import type { BackupDetails, BackupView } from '../../shared/api';
import { useApi } from '../api/useApi';
import { DRAWER_STYLES } from '../components/drawer-styles';
import { FailureAlert } from '../components/FailureAlert';
import { GuardedButton } from '../components/GuardedButton';
import { RunLog } from '../components/RunLog';
import { hasError } from '../components/RunResult';
import { formatMoment } from '../format';
import { useDownload } from '../hooks/useDownload';
import { useLoad } from '../hooks/useLoad';
import { useReturnFocus } from '../hooks/useReturnFocus';
import { useHost } from '../host';
import { useT } from '../i18n';
import { isFinal } from '../live/live-runs';
import { useRuns } from '../live/RunsProvider';
import { hasArchive, restoreRefusal } from '../refusals';
import { testId } from '../test-ids';
import { BackupFacts } from './BackupFacts';
import { FileRootsTable, PluginsTable, TablesTable } from './manifest-tables';
import { LiveTag } from './LiveTag';
import { useBackupActions, type BackupHandlers } from './useBackupActions';
import { BackupStatusTag, VerifiedSign } from './VerifiedSign';

interface Props extends BackupHandlers {
  name: string;
  /** Grows when the backup was changed on this page. */
  changes: number;
  onClose: () => void;
  onRestore: (backup: BackupView) => void;
}

/** Everything known about one backup, and what the role can do with it. */
export function DetailsDrawer({ name, changes, onClose, ...handlers }: Props) {
  const t = useT();
  const api = useApi();
  const { token } = theme.useToken();
  const { revision } = useRuns();
  const { data, failure, reload } = useLoad(() => api.backups.get(name), name, `${revision} ${changes}`);
  useReturnFocus();
  return (
    <Drawer
      open
      width={760}
      onClose={onClose}
      styles={DRAWER_STYLES}
      title={data ? t('Backup of {{time}}', { time: formatMoment(data.startedAt, t) }) : t('Backup')}
      drawerRender={(node) => (
        <div {...testId('details-drawer')} style={{ height: '100%' }}>
          {node}
        </div>
      )}
    >
      {failure && !failure.isUnavailable && <FailureAlert failure={failure} onRetry={reload} />}
      {!data && !failure && <Skeleton active />}
      {data && (
        <Flex vertical gap={token.marginSM}>
          <Actions backup={data} {...handlers} />
          <Details backup={data} />
        </Flex>
      )}
    </Drawer>
  );
}

function Actions({
  backup,
  onRestore,
  ...handlers
}: BackupHandlers & { backup: BackupDetails; onRestore: (backup: BackupView) => void }) {
  const t = useT();
  const host = useHost();
  const { active } = useRuns();
  const { download, busy } = useDownload();
  // Deleting is done in the list, which the entry leaves.
  const actions = useBackupActions(backup, handlers).filter(({ key }) => key !== 'delete');
  if (!hasArchive(backup)) return null;
  return (
    <Space wrap>
      {host.can('restore') && (
        <GuardedButton
          type="primary"
          reason={restoreRefusal(backup, active, t)}
          onClick={() => onRestore(backup)}
          {...testId('drawer-restore')}
        >
          {t('Restore')}
        </GuardedButton>
      )}
      {host.can('download') && (
        <Button loading={busy} onClick={() => void download(backup.name)} {...testId('drawer-download')}>
          {t('Download')}
        </Button>
      )}
      {actions.map(({ key, label, icon, reason, run }) => (
        <GuardedButton key={key} icon={icon} reason={reason} onClick={run} {...testId(`drawer-${key}`)}>
          {label}
        </GuardedButton>
      ))}
    </Space>
  );
}

function Details({ backup }: { backup: BackupDetails }) {
  const t = useT();
  const { runs } = useRuns();
  const { manifest, runId } = backup;
  const run = (runId && runs.get(runId)) || backup.run;
  const live = run ? run.kind === 'backup' && !isFinal(run) : false;
  const tabs = [
    { key: 'overview', label: t('Overview'), children: <BackupFacts backup={backup} /> },
    manifest?.database && {
      key: 'tables',
      label: t('Tables ({{count}})', { count: manifest.database.tables.length }),
      children: <TablesTable tables={manifest.database.tables} />,
    },
    manifest?.files && {
      key: 'files',
      label: t('Uploaded files'),
      children: <FileRootsTable roots={manifest.files.roots} missing={manifest.files.missing} />,
    },
    manifest && {
      key: 'plugins',
      label: t('Plugins ({{count}})', { count: manifest.app.plugins.length }),
      children: <PluginsTable plugins={manifest.app.plugins} />,
    },
    runId && {
      key: 'log',
      label: t('Run log'),
      children: <RunLog key={runId} runId={runId} live={live} height={420} />,
    },
  ];
  return (
    <>
      <Flex gap="small" align="center">
        <BackupStatusTag backup={backup} />
        <VerifiedSign backup={backup} />
        {backup.isProtected && (
          <Tag bordered={false} icon={<PushpinFilled />} style={{ marginInlineEnd: 0 }}>
            {t('Protected')}
          </Tag>
        )}
        {backup.live && <LiveTag live={backup.live} />}
      </Flex>
      {backup.note && (
        <Typography.Text style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{backup.note}</Typography.Text>
      )}
      {hasError(backup) && <FailureAlert failure={backup.error} />}
      <Tabs items={tabs.filter((tab) => typeof tab === 'object' && tab !== null)} />
    </>
  );
}
