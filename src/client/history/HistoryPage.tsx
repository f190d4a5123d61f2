import { useSize } from 'ahooks';
import { Table, theme } from 'antd';
import { useRef, useState } from 'react';
import type { RunView } from '../../shared/runs';
import type { ListQuery } from '../api/api';
import { useApi } from '../api/useApi';
import { FailureAlert } from '../components/FailureAlert';
import { fitColumns } from '../components/fit-columns';
import { PageShell } from '../components/PageShell';
import { useLoad } from '../hooks/useLoad';
import { useT } from '../i18n';
import { useRuns } from '../live/RunsProvider';
import { testId } from '../test-ids';
import { HistoryToolbar } from './HistoryToolbar';
import { RunDrawer } from './RunDrawer';
import { SOURCE_MIN_WIDTH, useRunColumns } from './run-columns';

export function HistoryPage() {
  return (
    <PageShell name="history">
      <History />
    </PageShell>
  );
}

const FIRST: ListQuery = { page: 1, pageSize: 20, sort: '-startedAt' };

function History() {
  const t = useT();
  const api = useApi();
  const { token } = theme.useToken();
  const { revision, runs } = useRuns();
  const [query, setQuery] = useState(FIRST);
  const [openId, setOpenId] = useState<string | null>(null);
  const { data, failure, loading, reload } = useLoad(() => api.runs.list(query), JSON.stringify(query), revision);
  const box = useRef<HTMLDivElement>(null);
  const all = useRunColumns(setOpenId);
  const { columns, minWidth } = fitColumns(all, useSize(box)?.width, SOURCE_MIN_WIDTH);
  const rows = (data?.rows ?? []).map((run) => runs.get(run.id) ?? run);
  const open = openId === null ? undefined : (runs.get(openId) ?? rows.find(({ id }) => id === openId));
  const isFiltered = Boolean(query.kinds?.length) || Boolean(query.statuses?.length);
  const empty = isFiltered ? t('No run matches the filter.') : t('No runs yet.');
  return (
    <>
      <HistoryToolbar
        query={query}
        onFilter={(change) => setQuery((before) => ({ ...before, page: 1, ...change }))}
        onRefresh={reload}
      />
      {failure && !data && !failure.isUnavailable ? (
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
            locale={{ emptyText: <div style={{ padding: token.paddingLG }}>{empty}</div> }}
            pagination={{
              // Clear of the host's floating button.
              position: ['bottomLeft'],
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
