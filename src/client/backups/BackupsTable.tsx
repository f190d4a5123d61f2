import { useSize } from 'ahooks';
import { Table, type TableProps } from 'antd';
import { useRef } from 'react';
import type { BackupView } from '../../shared/api';
import { fitColumns } from '../components/fit-columns';
import { FailureAlert } from '../components/FailureAlert';
import type { Backups } from '../hooks/useBackups';
import { useT } from '../i18n';
import { testId } from '../test-ids';
import { EmptyBackups } from './EmptyBackups';
import type { ActionHandlers } from './BackupActions';
import { BACKUP_MIN_WIDTH, useBackupColumns } from './columns';

interface Props extends ActionHandlers {
  backups: Backups;
  onCreate: () => void;
}

export function BackupsTable({ backups, onCreate, ...actions }: Props) {
  const t = useT();
  const { data, failure, loading, query, ask, reload, filtered } = backups;
  const box = useRef<HTMLDivElement>(null);
  const all = useBackupColumns(actions, query.sort);
  const { columns, minWidth } = fitColumns(all, useSize(box)?.width, BACKUP_MIN_WIDTH);
  if (failure && !data && !failure.isUnavailable) {
    return (
      <div {...testId('list-error')}>
        <FailureAlert failure={failure} onRetry={reload} />
      </div>
    );
  }
  const onChange: TableProps<BackupView>['onChange'] = ({ current, pageSize }, _filters, sorter, { action }) => {
    if (action === 'sort') {
      const { field, order } = Array.isArray(sorter) ? (sorter[0] ?? {}) : sorter;
      ask({ sort: order ? `${order === 'descend' ? '-' : ''}${String(field)}` : '-startedAt' });
    } else {
      ask({ page: current ?? 1, pageSize: pageSize ?? query.pageSize });
    }
  };
  return (
    <div ref={box}>
      <Table<BackupView>
        rowKey="name"
        size="middle"
        columns={columns}
        dataSource={data?.rows ?? []}
        loading={loading && !data ? true : { spinning: loading, delay: 500 }}
        onChange={onChange}
        showSorterTooltip={false}
        scroll={{ x: minWidth }}
        tableLayout="fixed"
        locale={{
          emptyText: data ? <EmptyBackups filtered={filtered} onCreate={onCreate} /> : <div style={{ height: 120 }} />,
        }}
        pagination={{
          // Clear of the host's floating button.
          position: ['bottomLeft'],
          current: query.page,
          pageSize: query.pageSize,
          total: data?.count ?? 0,
          hideOnSinglePage: (data?.count ?? 0) <= 10,
          showSizeChanger: true,
          pageSizeOptions: [10, 20, 50, 100],
          showTotal: (total) => t('Backups: {{total}}', { total }),
        }}
        {...testId('backups-table')}
      />
    </div>
  );
}
