import { ReloadOutlined } from '@ant-design/icons';
import { Button, Flex, Table, theme, Typography } from 'antd';
import type { ToolsAnswer } from '../../shared/api';
import { useApi } from '../api/useApi';
import { FailureAlert } from '../components/FailureAlert';
import { CheckStatusTag } from '../components/tags';
import { useLoad } from '../hooks/useLoad';
import { useT } from '../i18n';
import { testId } from '../test-ids';

type Tool = ToolsAnswer['tools'][number];

/** The client tools found on the server, and how to install what is missing. */
export function ClientTools() {
  const t = useT();
  const api = useApi();
  const { token } = theme.useToken();
  const { data, failure, loading, reload } = useLoad(() => api.settings.tools(), 'tools');
  return (
    <>
      <Flex gap="middle" align="center" style={{ marginBottom: token.marginSM }}>
        <Typography.Title level={5} style={{ margin: 0 }}>
          {t('Client tools')}
        </Typography.Title>
        <Button icon={<ReloadOutlined />} loading={loading} onClick={reload} {...testId('refresh')}>
          {t('Check again')}
        </Button>
      </Flex>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {!failure && (
        <Table<Tool>
          rowKey="name"
          size="small"
          pagination={false}
          loading={loading && !data}
          dataSource={data?.tools ?? []}
          scroll={{ x: 560 }}
          locale={{ emptyText: data ? t('No client tools required.') : ' ' }}
          columns={[
            { title: t('Name'), dataIndex: 'name', width: 180 },
            {
              title: t('State'),
              dataIndex: 'status',
              width: 110,
              render: (_, { status }) => <CheckStatusTag status={status} />,
            },
            {
              title: t('Found'),
              dataIndex: 'detail',
              render: (detail: string) => <span style={{ overflowWrap: 'anywhere' }}>{detail}</span>,
            },
            { title: t('What to do'), dataIndex: 'remedy', render: (remedy: string) => <Remedy remedy={remedy} /> },
          ]}
          {...testId('tools')}
        />
      )}
    </>
  );
}

function Remedy({ remedy }: { remedy: string }) {
  const t = useT();
  if (!remedy) return '–';
  return (
    <Typography.Text
      copyable={{ text: remedy, tooltips: [t('Copy'), t('Copied')] }}
      style={{ overflowWrap: 'anywhere' }}
    >
      {remedy}
    </Typography.Text>
  );
}
