import { ReloadOutlined } from '@ant-design/icons';
import { useSize } from 'ahooks';
import { Button, Flex, Table, theme, Typography } from 'antd';
import { useRef, useState } from 'react';
import type { RunView } from '../../shared/runs';
import { useApi } from '../api/useApi';
import { Elapsed } from '../components/Elapsed';
import { fitColumns, type FittingColumn } from '../components/fit-columns';
import { FailureAlert } from '../components/FailureAlert';
import { PageShell } from '../components/PageShell';
import { RunProgress } from '../components/RunProgress';
import { StatusTag } from '../components/tags';
import { useNow } from '../components/useNow';
import { formatTime } from '../format';
import { useLoad } from '../hooks/useLoad';
import { useRunActions } from '../hooks/useRunActions';
import { useT } from '../i18n';
import { runLabel, shortUndoLabel } from '../labels';
import { isFinal } from '../live/live-runs';
import { useRuns } from '../live/RunsProvider';
import { testId } from '../test-ids';
import { RunDrawer } from './RunDrawer';

export function HistoryPage() {
  return (
    <PageShell name="history">
      <History />
    </PageShell>
  );
}

function History() {
  const t = useT();
  const api = useApi();
  const { token } = theme.useToken();
  const { revision, runs } = useRuns();
  const [query, setQuery] = useState({ page: 1, pageSize: 20, sort: '-startedAt' });
  const [openId, setOpenId] = useState<string | null>(null);
  const { data, failure, loading, reload } = useLoad(() => api.runs.list(query), JSON.stringify(query), revision);
  const box = useRef<HTMLDivElement>(null);
  const all = useColumns(setOpenId);
  const { columns, minWidth } = fitColumns(all, useSize(box)?.width, NAME_MIN_WIDTH);
  const rows = (data?.rows ?? []).map((run) => runs.get(run.id) ?? run);
  const open = openId === null ? undefined : (runs.get(openId) ?? rows.find(({ id }) => id === openId));
  return (
    <>
      <Flex justify="flex-end" style={{ marginBottom: token.margin }}>
        <Button icon={<ReloadOutlined />} onClick={reload} {...testId('refresh')}>
          {t('Refresh')}
        </Button>
      </Flex>
      {failure && !data && !failure.away ? (
        <FailureAlert failure={failure} onRetry={reload} />
      ) : (
        <div ref={box}>
          <Table<RunView>
            rowKey="id"
            size="middle"
            columns={columns}
            dataSource={rows}
            loading={loading && !data ? true : { spinning: loading, delay: 500 }}
            scroll={{ x: minWidth }}
            tableLayout="fixed"
            locale={{ emptyText: <div style={{ padding: token.paddingLG }}>{t('Nothing has run yet.')}</div> }}
            pagination={{
              current: query.page,
              pageSize: query.pageSize,
              total: data?.count ?? 0,
              hideOnSinglePage: (data?.count ?? 0) <= 10,
              showSizeChanger: true,
              onChange: (page, pageSize) => setQuery((before) => ({ ...before, page, pageSize })),
            }}
            {...testId('runs-table')}
          />
        </div>
      )}
      {open && <RunDrawer run={open} onClose={() => setOpenId(null)} />}
    </>
  );
}

const NAME_MIN_WIDTH = 210;

function useColumns(onOpen: (id: string) => void): FittingColumn<RunView>[] {
  const t = useT();
  return [
    {
      title: t('Kind'),
      dataIndex: 'kind',
      width: 126,
      render: (_, run) => (
        <Typography.Link onClick={() => onOpen(run.id)} role="button" tabIndex={0} {...testId('run', run.id)}>
          {runLabel(run, t)}
        </Typography.Link>
      ),
    },
    { title: t('Status'), dataIndex: 'status', width: 130, render: (_, run) => <RunStatusCell run={run} /> },
    {
      title: t('Backup'),
      dataIndex: 'backupName',
      render: (name: string | null, { uploadId }) => (
        <Typography.Text ellipsis={{ tooltip: true }}>{name ?? (uploadId ? t('Uploaded file') : '–')}</Typography.Text>
      ),
    },
    {
      title: t('Started'),
      dataIndex: 'startedAt',
      width: 164,
      render: (time: string) => (
        <span style={{ fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' }}>{formatTime(time)}</span>
      ),
    },
    { title: t('Duration'), key: 'duration', width: 90, leaves: 2, render: (_, run) => <Elapsed {...run} /> },
    {
      title: t('Started by'),
      dataIndex: 'startedBy',
      width: 108,
      leaves: 1,
      ellipsis: true,
      render: (who: string | null) => who ?? t('System'),
    },
    {
      title: t('Error'),
      dataIndex: 'error',
      width: 120,
      leaves: 3,
      render: (_, { error, warnings }) =>
        error ? (
          <Typography.Text type="danger" ellipsis={{ tooltip: [error.message, error.hint].filter(Boolean).join(' ') }}>
            {error.message}
          </Typography.Text>
        ) : warnings > 0 ? (
          <Typography.Text type="warning">{t('Warnings: {{count}}', { count: warnings })}</Typography.Text>
        ) : (
          '–'
        ),
    },
    {
      title: t('Actions'),
      key: 'actions',
      width: 170,
      fixed: 'right',
      render: (_, run) => <RunRowActions run={run} onOpen={onOpen} />,
    },
  ];
}

function RunStatusCell({ run }: { run: RunView }) {
  return (
    <span {...testId('run-status', run.id)} data-status={run.status}>
      {isFinal(run) ? <StatusTag status={run.status} /> : <RunProgress run={run} size="small" />}
    </span>
  );
}

function RunRowActions({ run, onOpen }: { run: RunView; onOpen: (id: string) => void }) {
  const t = useT();
  const now = useNow(Boolean(run.undoUntil));
  const { token } = theme.useToken();
  const { mayUndo, undo, mayCancel, cancel } = useRunActions();
  const buttons = (
    <Flex gap={0}>
      <Button type="link" size="small" onClick={() => onOpen(run.id)}>
        {t('Log')}
      </Button>
      {mayUndo(run, now) && (
        <Button type="link" size="small" onClick={() => void undo(run)} {...testId('undo', run.id)}>
          {shortUndoLabel(run, t)}
        </Button>
      )}
      {mayCancel(run) && (
        <Button type="link" size="small" danger onClick={() => cancel(run)} {...testId('cancel', run.id)}>
          {t('Cancel')}
        </Button>
      )}
    </Flex>
  );
  if (!mayUndo(run, now) || !run.undoUntil) return buttons;
  return (
    <>
      {buttons}
      <Typography.Text
        type="secondary"
        style={{ fontSize: token.fontSizeSM, paddingInlineStart: 8, whiteSpace: 'nowrap' }}
        {...testId('undo-until', run.id)}
      >
        {t('until {{time}}', { time: formatTime(run.undoUntil).slice(0, -3) })}
      </Typography.Text>
    </>
  );
}
