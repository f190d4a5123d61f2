import { PushpinFilled } from '@ant-design/icons';
import { Flex, Grid, theme, Tooltip, Typography } from 'antd';
import type { BackupView } from '../../shared/api';
import { Elapsed } from '../components/Elapsed';
import { actionsWidth, type FittingColumn } from '../components/fit-columns';
import { RunProgress } from '../components/RunProgress';
import { hasError } from '../components/RunResult';
import { ContentTags } from '../components/tags';
import { TextButton } from '../components/TextButton';
import { formatBytes, formatMoment, formatTime } from '../format';
import { useT } from '../i18n';
import { destinationLabel, starterLabel, triggerLabel, verifiedSentence } from '../labels';
import { useBackupRun } from '../live/useBackupRun';
import { testId } from '../test-ids';
import { BackupActions, type ActionHandlers } from './BackupActions';
import { LiveTag } from './LiveTag';
import { BackupStatusTag, VerifiedSign } from './VerifiedSign';

export const BACKUP_MIN_WIDTH = 248;

/** Columns of the list; `sort` is the query's, so that the arrows show what the server did. */
export function useBackupColumns(actions: ActionHandlers, sort: string): FittingColumn<BackupView>[] {
  const t = useT();
  const { lg } = Grid.useBreakpoint();
  const sortable = (field: string) => ({
    sorter: true,
    sortOrder: sort === field ? ('ascend' as const) : sort === `-${field}` ? ('descend' as const) : null,
  });
  return [
    {
      title: t('Backup'),
      dataIndex: 'startedAt',
      ...sortable('startedAt'),
      render: (_, backup) => <BackupCell backup={backup} onOpen={() => actions.onDetails(backup)} />,
    },
    {
      title: t('Contents'),
      dataIndex: 'contents',
      width: 188,
      dropOrder: 4,
      render: (_, { contents }) => <ContentTags contents={contents} />,
    },
    { title: t('Status'), dataIndex: 'status', width: 160, render: (_, backup) => <StatusCell backup={backup} /> },
    {
      title: t('Trigger'),
      dataIndex: 'trigger',
      width: 120,
      dropOrder: 3,
      ellipsis: true,
      render: (_, backup) => <TriggerCell backup={backup} />,
    },
    {
      title: t('Stored on'),
      dataIndex: 'destinations',
      width: 108,
      dropOrder: 1,
      ellipsis: true,
      render: (_, { destinations }) => destinations.map((place) => destinationLabel(place, t)).join(t(', ')) || '–',
    },
    {
      title: t('Duration'),
      dataIndex: 'durationMs',
      width: 104,
      dropOrder: 2,
      ...sortable('durationMs'),
      render: (_, { startedAt, finishedAt, status }) =>
        finishedAt || status === 'running' ? <Elapsed startedAt={startedAt} finishedAt={finishedAt} /> : '–',
    },
    {
      title: t('Size'),
      dataIndex: 'bytes',
      width: 92,
      dropOrder: 5,
      align: 'right',
      ...sortable('bytes'),
      render: (_, { bytes }) => (bytes === null ? '–' : formatBytes(bytes)),
    },
    {
      title: t('Actions'),
      key: 'actions',
      width: actionsWidth(174),
      fixed: lg ? 'right' : undefined,
      render: (_, backup) => <BackupActions backup={backup} {...actions} />,
    },
  ];
}

/** When it was made, its marks and its note: what distinguishes backups for people. */
function BackupCell({ backup, onOpen }: { backup: BackupView; onOpen: () => void }) {
  const t = useT();
  const { token } = theme.useToken();
  const hasFailedVerification = backup.verified?.result === 'failed';
  return (
    <div style={{ minWidth: 0 }} {...testId('backup', backup.name)}>
      <Flex gap={token.marginXXS} align="center" style={{ minWidth: 0 }}>
        {backup.isProtected && (
          <Tooltip title={t('Protected: never deleted automatically')}>
            <PushpinFilled style={{ color: token.colorPrimary }} aria-label={t('Protected')} />
          </Tooltip>
        )}
        <Tooltip title={formatTime(backup.startedAt)} placement="topLeft">
          <TextButton
            ellipsis
            delete={hasFailedVerification}
            onPress={onOpen}
            style={{ fontVariantNumeric: 'tabular-nums', flexShrink: 0 }}
          >
            {formatMoment(backup.startedAt, t)}
          </TextButton>
        </Tooltip>
        {backup.live && <LiveTag live={backup.live} />}
      </Flex>
      {backup.note && (
        <Typography.Text
          type="secondary"
          ellipsis={{ tooltip: { title: backup.note, placement: 'bottomLeft' } }}
          style={{ display: 'block', fontSize: token.fontSizeSM }}
        >
          {backup.note}
        </Typography.Text>
      )}
    </div>
  );
}

function TriggerCell({ backup }: { backup: BackupView }) {
  const t = useT();
  const { trigger, startedBy } = backup;
  const whole = [triggerLabel(trigger, t), startedBy].filter(Boolean).join(' · ');
  return (
    <Tooltip title={whole}>
      <span>{starterLabel(backup, t)}</span>
    </Tooltip>
  );
}

/** The tag of an ended backup, with its error; the live bar of one in progress. */
function StatusCell({ backup }: { backup: BackupView }) {
  const t = useT();
  const { token } = theme.useToken();
  const run = useBackupRun(backup);
  const data = { ...testId('status', backup.name), 'data-status': backup.status };
  if (run) {
    return (
      <div {...data}>
        <RunProgress run={run} size="small" />
      </div>
    );
  }
  const why =
    backup.error && hasError(backup)
      ? [backup.error.message, backup.error.hint].filter(Boolean).join(' ')
      : backup.verified?.result === 'failed'
        ? verifiedSentence(backup.verified, t)
        : backup.warnings > 0
          ? t('Warnings: {{count}}. See the run log.', { count: backup.warnings })
          : undefined;
  return (
    <Flex gap={token.marginXXS} align="center">
      <Tooltip title={why}>
        <span tabIndex={why ? 0 : undefined} {...data}>
          <BackupStatusTag backup={backup} />
        </span>
      </Tooltip>
      <VerifiedSign backup={backup} />
    </Flex>
  );
}
