import { ReloadOutlined } from '@ant-design/icons';
import { Button, Flex, Select, Space, theme } from 'antd';
import { FINAL_STATUSES, type RunKind, type RunStatus, STEPS } from '../../shared/runs';
import type { ListQuery } from '../api/api';
import { useT } from '../i18n';
import { kindLabel, statusLabel } from '../labels';
import { testId } from '../test-ids';

interface Props {
  query: ListQuery;
  onFilter: (change: Pick<ListQuery, 'kinds' | 'statuses'>) => void;
  onRefresh: () => void;
}

const KINDS = Object.keys(STEPS) as RunKind[];
const STATUSES: readonly RunStatus[] = ['running', ...FINAL_STATUSES];

/** Filters by kind and result. */
export function HistoryToolbar({ query, onFilter, onRefresh }: Props) {
  const t = useT();
  const { token } = theme.useToken();
  return (
    <Flex wrap justify="space-between" gap={token.marginSM} style={{ marginBottom: token.margin }} role="toolbar">
      <Space wrap>
        <Select<RunKind>
          allowClear
          aria-label={t('Filter by kind')}
          placeholder={t('All kinds')}
          popupMatchSelectWidth={false}
          style={{ minWidth: 150 }}
          value={query.kinds?.[0]}
          options={KINDS.map((kind) => ({ value: kind, label: kindLabel(kind, t) }))}
          onChange={(kind?: RunKind) => onFilter({ kinds: kind && [kind] })}
          {...testId('kind-filter')}
        />
        <Select<RunStatus>
          allowClear
          aria-label={t('Filter by result')}
          placeholder={t('All results')}
          popupMatchSelectWidth={false}
          style={{ minWidth: 150 }}
          value={query.statuses?.[0]}
          options={STATUSES.map((status) => ({ value: status, label: statusLabel(status, t) }))}
          onChange={(status?: RunStatus) => onFilter({ statuses: status && [status] })}
          {...testId('result-filter')}
        />
      </Space>
      <Button icon={<ReloadOutlined />} onClick={onRefresh} {...testId('refresh')}>
        {t('Refresh')}
      </Button>
    </Flex>
  );
}
