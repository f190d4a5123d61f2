import { Drawer, Flex, Skeleton, Tabs, theme } from 'antd';
import type { BackupDetails, BackupView } from '../../shared/api';
import { useApi } from '../api/useApi';
import { FailureAlert } from '../components/FailureAlert';
import { GuardedButton } from '../components/GuardedButton';
import { RunLog } from '../components/RunLog';
import { useDownload } from '../hooks/useDownload';
import { useLoad } from '../hooks/useLoad';
import { useHost } from '../host';
import { useT } from '../i18n';
import { isFinal } from '../live/live-runs';
import { useRuns } from '../live/RunsProvider';
import { testId } from '../test-ids';
import { BackupFacts } from './BackupFacts';
import { FileRootsTable, PluginsTable, TablesTable } from './manifest-tables';
import { downloadRefusal, restoreRefusal } from './refusals';
import { BackupStatusTag, VerifiedSign } from './VerifiedSign';

interface Props {
  name: string;
  onClose: () => void;
  onRestore: (backup: BackupView) => void;
}

/** Everything known about one backup. */
export function DetailsDrawer({ name, onClose, onRestore }: Props) {
  const t = useT();
  const api = useApi();
  const { revision } = useRuns();
  const { data, failure, reload } = useLoad(() => api.backups.get(name), name, revision);
  return (
    <Drawer
      open
      width={760}
      onClose={onClose}
      title={t('Backup details')}
      extra={data && <HeaderActions backup={data} onRestore={onRestore} />}
      drawerRender={(node) => (
        <div {...testId('details-drawer')} style={{ height: '100%' }}>
          {node}
        </div>
      )}
    >
      {failure && !failure.away && <FailureAlert failure={failure} onRetry={reload} />}
      {!data && !failure && <Skeleton active />}
      {data && <Details backup={data} />}
    </Drawer>
  );
}

function HeaderActions({ backup, onRestore }: { backup: BackupDetails; onRestore: (backup: BackupView) => void }) {
  const t = useT();
  const host = useHost();
  const { active } = useRuns();
  const { download, busy } = useDownload();
  return (
    <Flex gap="small">
      <GuardedButton
        loading={busy}
        reason={downloadRefusal(host, t, backup)}
        onClick={() => void download(backup.name)}
      >
        {t('Download')}
      </GuardedButton>
      <GuardedButton type="primary" reason={restoreRefusal(host, active, t, backup)} onClick={() => onRestore(backup)}>
        {t('Restore')}
      </GuardedButton>
    </Flex>
  );
}

function Details({ backup }: { backup: BackupDetails }) {
  const t = useT();
  const { token } = theme.useToken();
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
      label: t('Log'),
      children: <RunLog key={runId} runId={runId} kind="backup" live={live} height={420} />,
    },
  ];
  return (
    <Flex vertical gap={token.marginSM}>
      <Flex gap="small" align="baseline">
        <strong style={{ overflowWrap: 'anywhere' }}>{backup.name}</strong>
        <BackupStatusTag backup={backup} />
        <VerifiedSign backup={backup} />
      </Flex>
      {backup.note && <div style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{backup.note}</div>}
      <FailureAlert failure={backup.error} />
      <Tabs items={tabs.filter((tab) => typeof tab === 'object' && tab !== null)} />
    </Flex>
  );
}
