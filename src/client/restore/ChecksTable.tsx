import { Checkbox, Flex, Table, theme, Typography } from 'antd';
import type { CheckView } from '../../shared/api';
import { VerdictTag } from '../components/tags';
import { useT } from '../i18n';
import { checkLabel } from '../labels';
import { testId } from '../test-ids';

interface Props {
  checks: CheckView[];
  accepted: readonly string[];
  onAccept: (code: string, yes: boolean) => void;
}

/** Side by side: the backup, this app, the verdict and the way out. Warnings are accepted one by one. */
export function ChecksTable({ checks, accepted, onAccept }: Props) {
  const t = useT();
  const { token } = theme.useToken();
  const yesOrNo: Record<string, string> = { true: t('Yes'), false: t('No') };
  const value = (text: string) => <span style={{ overflowWrap: 'anywhere' }}>{(yesOrNo[text] ?? text) || '–'}</span>;
  return (
    <Table<CheckView>
      rowKey={(check) => checks.indexOf(check)}
      size="small"
      pagination={false}
      dataSource={checks}
      scroll={{ x: 740 }}
      columns={[
        {
          title: t('Check'),
          dataIndex: 'code',
          width: 160,
          render: (code: string) => checkLabel(code, t),
        },
        { title: t('In the backup'), dataIndex: 'backup', width: 190, render: value },
        { title: t('In this app'), dataIndex: 'current', width: 190, render: value },
        {
          title: t('Verdict'),
          dataIndex: 'status',
          render: (_, { code, status, remedy }) => (
            <Flex vertical align="flex-start" gap={token.marginXXS}>
              <VerdictTag status={status} />
              {remedy && (
                <Typography.Text type="secondary" style={{ overflowWrap: 'anywhere' }}>
                  {remedy}
                </Typography.Text>
              )}
              {status === 'warning' && (
                <Checkbox
                  checked={accepted.includes(code)}
                  onChange={({ target }) => onAccept(code, target.checked)}
                  {...testId('accept', code)}
                >
                  {t('I accept this')}
                </Checkbox>
              )}
            </Flex>
          ),
        },
      ]}
      onRow={({ code, status }) => ({ 'data-check': code, 'data-status': status }) as object}
      {...testId('checks')}
    />
  );
}
