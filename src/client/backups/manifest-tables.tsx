import { Alert, Flex, Input, Table, Tag } from 'antd';
import { useState } from 'react';
import type { Manifest, ManifestFileRoot, TableRows } from '../../shared/manifest';
import { formatBytes, formatNumber } from '../format';
import { useT } from '../i18n';
import { testId } from '../test-ids';

const PAGINATION = {
  defaultPageSize: 20,
  hideOnSinglePage: true,
  showSizeChanger: true,
  pageSizeOptions: [20, 50, 200],
};

/** Every table with its number of rows in the dump. */
export function TablesTable({ tables }: { tables: TableRows[] }) {
  const t = useT();
  const [search, setSearch] = useState('');
  const wanted = search.trim().toLowerCase();
  const total = tables.reduce((sum, { rows }) => sum + (rows ?? 0), 0);
  return (
    <Flex vertical gap="small">
      <Flex justify="space-between" align="center" gap="small" wrap>
        <Input.Search
          allowClear
          style={{ width: 260 }}
          placeholder={t('Search tables')}
          aria-label={t('Search tables')}
          onChange={(event) => setSearch(event.target.value)}
          {...testId('table-search')}
        />
        <span>{t('Rows in all tables: {{rows}}', { rows: formatNumber(total) })}</span>
      </Flex>
      <Table<TableRows>
        rowKey="name"
        size="small"
        pagination={PAGINATION}
        dataSource={tables.filter(({ name }) => name.toLowerCase().includes(wanted))}
        showSorterTooltip={false}
        columns={[
          {
            title: t('Table'),
            dataIndex: 'name',
            sorter: (a, b) => a.name.localeCompare(b.name),
            render: (name: string, { dataExcluded }) => (
              <Flex gap="small" style={{ overflowWrap: 'anywhere' }}>
                {name}
                {dataExcluded && <Tag bordered={false}>{t('structure only')}</Tag>}
              </Flex>
            ),
          },
          {
            title: t('Rows'),
            dataIndex: 'rows',
            width: 140,
            align: 'right',
            sorter: (a, b) => (a.rows ?? -1) - (b.rows ?? -1),
            render: (rows: number | null) => (rows === null ? t('not counted') : formatNumber(rows)),
          },
        ]}
        {...testId('tables')}
      />
    </Flex>
  );
}

/** The folders of uploaded files, by storage. */
export function FileRootsTable({ roots, missing }: { roots: ManifestFileRoot[]; missing: number }) {
  const t = useT();
  return (
    <Flex vertical gap="small">
      {missing > 0 && (
        <Alert
          type="warning"
          showIcon
          role="note"
          message={t('Files missing on disk: {{count}}. See the run log.', {
            count: formatNumber(missing),
          })}
        />
      )}
      <Table<ManifestFileRoot>
        rowKey="id"
        size="small"
        pagination={false}
        dataSource={roots}
        columns={[
          { title: t('File storages'), dataIndex: 'storages', render: (names: string[]) => names.join(', ') },
          {
            title: t('Folder on the server'),
            dataIndex: 'documentRoot',
            render: (folder: string) => <span style={{ overflowWrap: 'anywhere' }}>{folder}</span>,
          },
          { title: t('Number of files'), dataIndex: 'files', width: 140, align: 'right', render: formatNumber },
          { title: t('Size'), dataIndex: 'bytes', width: 110, align: 'right', render: formatBytes },
        ]}
      />
    </Flex>
  );
}

export function PluginsTable({ plugins }: { plugins: Manifest['app']['plugins'] }) {
  const t = useT();
  return (
    <Table
      rowKey="name"
      size="small"
      pagination={PAGINATION}
      dataSource={plugins}
      columns={[
        { title: t('Plugin'), dataIndex: 'name' },
        { title: t('Version'), dataIndex: 'version', width: 160 },
      ]}
    />
  );
}
