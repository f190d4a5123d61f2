import { PushpinFilled } from '@ant-design/icons';
import { Flex, Grid, theme, Tooltip, Typography } from 'antd';
import type { BackupView } from '../../shared/api';
import type { FittingColumn } from '../components/fit-columns';
import { Elapsed } from '../components/Elapsed';
import { RunProgress } from '../components/RunProgress';
import { ContentTags } from '../components/tags';
import { formatBytes, formatTime } from '../format';
import { useT } from '../i18n';
import { destinationLabel, triggerLabel, verifiedSentence } from '../labels';
import { useBackupRun } from '../live/useBackupRun';
import { testId } from '../test-ids';
import { BackupActions, type ActionHandlers } from './BackupActions';
import { BackupStatusTag, VerifiedSign } from './VerifiedSign';

export type RowActions = Omit<ActionHandlers, 'onChanged'>;

export const NAME_MIN_WIDTH = 224;

/** Columns of the list; `sort` is the query's, so that the arrows show what the server did. */
export function useBackupColumns(actions: ActionHandlers, sort: string): FittingColumn<BackupView>[] {
  const t = useT();
  const { md } = Grid.useBreakpoint();
  const sortable = (field: string) => ({
    sorter: true,
    sortOrder: sort === field ? ('ascend' as const) : sort === `-${field}` ? ('descend' as const) : null,
  });
  return [
    {
      title: t('Name'),
      dataIndex: 'name',
      ...sortable('name'),
      render: (_, backup) => <NameCell backup={backup} onOpen={() => actions.onDetails(backup)} />,
    },
    {
      title: t('Contents'),
      dataIndex: 'contents',
      width: 168,
      leaves: 4,
      render: (_, { contents }) => <ContentTags contents={contents} />,
    },
    { title: t('Status'), dataIndex: 'status', width: 146, render: (_, backup) => <StatusCell backup={backup} /> },
    {
      title: t('Trigger'),
      dataIndex: 'trigger',
      width: 84,
      leaves: 2,
      render: (_, { trigger }) => triggerLabel(trigger, t),
    },
    {
      title: t('Stored on'),
      dataIndex: 'destinations',
      width: 104,
      leaves: 1,
      ellipsis: true,
      render: (_, { destinations }) => destinations.map((place) => destinationLabel(place, t)).join(', ') || '–',
    },
    {
      title: t('Started'),
      dataIndex: 'startedAt',
      width: 164,
      ...sortable('startedAt'),
      render: (_, { startedAt }) => (
        <span style={{ fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' }}>{formatTime(startedAt)}</span>
      ),
    },
    {
      title: t('Duration'),
      dataIndex: 'durationMs',
      width: 100,
      leaves: 3,
      ...sortable('durationMs'),
      render: (_, { startedAt, finishedAt, status }) =>
        finishedAt || status === 'running' ? <Elapsed startedAt={startedAt} finishedAt={finishedAt} /> : '–',
    },
    {
      title: t('Size'),
      dataIndex: 'bytes',
      width: 84,
      align: 'right',
      ...sortable('bytes'),
      render: (_, { bytes }) => (bytes === null ? '–' : formatBytes(bytes)),
    },
    {
      title: t('Actions'),
      key: 'actions',
      width: 180,
      fixed: md ? 'right' : undefined,
      render: (_, backup) => <BackupActions backup={backup} {...actions} />,
    },
  ];
}

function NameCell({ backup, onOpen }: { backup: BackupView; onOpen: () => void }) {
  const t = useT();
  const { token } = theme.useToken();
  return (
    <div style={{ minWidth: 0 }} {...testId('backup', backup.name)}>
      <Flex gap={token.marginXXS} align="center" style={{ minWidth: 0 }}>
        {backup.isProtected && (
          <Tooltip title={t('Pinned: never deleted automatically')}>
            <PushpinFilled style={{ color: token.colorPrimary }} aria-label={t('Pinned')} />
          </Tooltip>
        )}
        <Tooltip title={backup.name} placement="topLeft">
          <Typography.Link ellipsis onClick={onOpen} style={{ minWidth: 0 }} role="button" tabIndex={0}>
            {backup.name}
          </Typography.Link>
        </Tooltip>
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

/** The tag of an ended backup, with its error; the live bar of one under way. */
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
  const why = backup.error
    ? [backup.error.message, backup.error.hint].filter(Boolean).join(' ')
    : backup.verified?.result === 'failed'
      ? verifiedSentence(backup.verified, t)
      : backup.warnings > 0
        ? t('Warnings: {{count}}. The log names them.', { count: backup.warnings })
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
