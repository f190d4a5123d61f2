import { CheckCircleFilled } from '@ant-design/icons';
import { Checkbox, Collapse, Flex, Table, theme, Typography, type TableColumnType } from 'antd';
import type { ReactNode } from 'react';
import type { CheckView } from '../../shared/api';
import { CheckStatusTag } from '../components/tags';
import { useT } from '../i18n';
import { checkLabel } from '../labels';
import { testId } from '../test-ids';

interface Props {
  checks: CheckView[];
  /** Codes of warnings to accept one by one. */
  warnings: readonly string[];
  accepted: readonly string[];
  onAccept: (code: string, yes: boolean) => void;
  /** What is known of the archive itself, and its status. */
  archive: { text: (check: CheckView) => string; status: (check: CheckView) => ReactNode };
}

/** The backup and this app side by side. The archive and every problem first; what passed is folded. */
export function ChecksTable({ checks, archive, ...acceptance }: Props) {
  const t = useT();
  const { token } = theme.useToken();
  const columns = useColumns(acceptance, archive);
  const isShown = ({ code, status }: CheckView) => code === 'archive' || status !== 'ok';
  const shown = checks.filter(isShown);
  const passed = checks.filter((check) => !isShown(check));
  const table = (rows: CheckView[], name: string) => (
    <Table<CheckView>
      rowKey={(check) => checks.indexOf(check)}
      size="small"
      pagination={false}
      dataSource={rows}
      scroll={{ x: 740 }}
      columns={columns}
      onRow={({ code, status }) => ({ 'data-check': code, 'data-status': status }) as object}
      {...testId(name)}
    />
  );
  return (
    <Flex vertical gap={token.marginXS} {...testId('checks')}>
      {shown.length > 0 && table(shown, 'checks-shown')}
      {passed.length > 0 && (
        <Collapse
          ghost
          size="small"
          items={[
            {
              key: 'passed',
              label: (
                <Flex gap={token.marginXS} {...testId('checks-fold')}>
                  <CheckCircleFilled style={{ color: token.colorSuccess }} />
                  {t('{{count}} checks passed', { count: passed.length })}
                </Flex>
              ),
              children: table(passed, 'checks-passed'),
            },
          ]}
        />
      )}
    </Flex>
  );
}

function useColumns(
  { warnings, accepted, onAccept }: Pick<Props, 'warnings' | 'accepted' | 'onAccept'>,
  archive: Props['archive'],
): TableColumnType<CheckView>[] {
  const t = useT();
  const { token } = theme.useToken();
  const yesOrNo: Record<string, string> = { true: t('Yes'), false: t('No') };
  const value = (text: string) => <span style={{ overflowWrap: 'anywhere' }}>{(yesOrNo[text] ?? text) || '–'}</span>;
  // The archive is judged by itself, not compared.
  const isArchive = ({ code }: CheckView) => code === 'archive';
  return [
    { title: t('Check'), dataIndex: 'code', width: 160, render: (code: string) => checkLabel(code, t) },
    {
      title: t('In the backup'),
      dataIndex: 'backup',
      width: 190,
      onCell: (check) => ({ colSpan: isArchive(check) ? 2 : 1 }),
      render: (_, check) => value(isArchive(check) ? archive.text(check) : check.backup),
    },
    {
      title: t('In this app'),
      dataIndex: 'current',
      width: 190,
      onCell: (check) => ({ colSpan: isArchive(check) ? 0 : 1 }),
      render: value,
    },
    {
      title: t('Result'),
      dataIndex: 'status',
      render: (_, check) =>
        isArchive(check) ? (
          archive.status(check)
        ) : (
          <Flex vertical align="flex-start" gap={token.marginXXS}>
            <CheckStatusTag status={check.status} />
            {check.remedy && (
              <Typography.Text type="secondary" style={{ overflowWrap: 'anywhere' }}>
                {check.remedy}
              </Typography.Text>
            )}
            {warnings.includes(check.code) && check.status === 'warning' && (
              <Checkbox
                checked={accepted.includes(check.code)}
                onChange={({ target }) => onAccept(check.code, target.checked)}
                {...testId('accept', check.code)}
              >
                {t('I accept this')}
              </Checkbox>
            )}
          </Flex>
        ),
    },
  ];
}
