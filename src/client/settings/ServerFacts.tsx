import { ReloadOutlined } from '@ant-design/icons';
import { Button, Descriptions, Divider, Flex, Table, theme, Typography } from 'antd';
import type { SettingsAnswer } from '../../shared/api';
import { VerdictTag } from '../components/tags';
import { formatBytes } from '../format';
import { useT } from '../i18n';
import { testId } from '../test-ids';

type Tool = SettingsAnswer['tools'][number];

/** The server as it is: where archives are, how much room there is, which programs are there. */
export function ServerFacts({ facts, onCheckAgain }: { facts: SettingsAnswer; onCheckAgain: () => void }) {
  const t = useT();
  const { token } = theme.useToken();
  return (
    <>
      <Divider style={{ marginTop: 0 }} />
      <Flex justify="space-between" align="center" style={{ marginBottom: token.marginSM }}>
        <Typography.Title level={5} style={{ margin: 0 }}>
          {t('This server')}
        </Typography.Title>
        <Button icon={<ReloadOutlined />} onClick={onCheckAgain} {...testId('refresh')}>
          {t('Check again')}
        </Button>
      </Flex>
      <Descriptions
        column={1}
        size="small"
        style={{ marginBottom: token.margin }}
        items={[
          {
            key: 'folder',
            label: t('Folder of the archives'),
            children: (
              <Typography.Text
                code
                copyable={{ text: facts.folder, tooltips: [t('Copy'), t('Copied')] }}
                style={{ overflowWrap: 'anywhere' }}
                {...testId('folder')}
              >
                {facts.folder}
              </Typography.Text>
            ),
          },
          {
            key: 'free',
            label: t('Free disk space there'),
            children: <span {...testId('free-space')}>{formatBytes(facts.freeBytes)}</span>,
          },
        ]}
      />
      <Table<Tool>
        rowKey="name"
        size="small"
        pagination={false}
        dataSource={facts.tools}
        scroll={{ x: 560 }}
        locale={{ emptyText: t('This database needs no programs beside the app.') }}
        columns={[
          { title: t('Database programs'), dataIndex: 'name', width: 180 },
          {
            title: t('State'),
            dataIndex: 'status',
            width: 110,
            render: (_, { status }) => <VerdictTag status={status} />,
          },
          {
            title: t('Found'),
            dataIndex: 'detail',
            render: (detail: string) => <span style={{ overflowWrap: 'anywhere' }}>{detail}</span>,
          },
          {
            title: t('What to do'),
            dataIndex: 'remedy',
            render: (remedy: string) =>
              remedy ? (
                <Typography.Text
                  copyable={{ text: remedy, tooltips: [t('Copy'), t('Copied')] }}
                  style={{ overflowWrap: 'anywhere' }}
                >
                  {remedy}
                </Typography.Text>
              ) : (
                '–'
              ),
          },
        ]}
        {...testId('tools')}
      />
    </>
  );
}
