import { Alert, Descriptions, Flex, Form, Radio, Skeleton, Space, Spin, Typography } from 'antd';
import type { InspectAnswer } from '../../shared/api';
import type { Content } from '../../shared/runs';
import { FailureAlert } from '../components/FailureAlert';
import { Explained } from '../components/Explained';
import { ContentTags } from '../components/tags';
import { TWO_COLUMNS } from '../components/two-columns';
import { formatTime } from '../format';
import { useT } from '../i18n';
import { filesModeSentence } from '../labels';
import { testId } from '../test-ids';
import { ChecksTable } from './ChecksTable';
import type { FilesMode, RestorePlan } from './useRestorePlan';

/** What the backup is, what shall be restored of it, and whether it fits this app. */
export function CheckStep({ plan }: { plan: RestorePlan }) {
  const t = useT();
  const { inspection, failure, inspecting, checks, choices, choose, available } = plan;
  const blocked = checks.some(({ status }) => status === 'blocking');
  const open = checks.filter(({ status, code }) => status === 'warning' && !choices.accepted.includes(code)).length;
  if (!inspection) {
    if (failure) return <FailureAlert failure={failure} onRetry={plan.inspectAgain} />;
    return (
      <Flex vertical gap="small" role="status">
        <Typography.Text type="secondary">{t('Reading the backup and comparing it with this app …')}</Typography.Text>
        <Skeleton active paragraph={{ rows: 6 }} title={false} />
      </Flex>
    );
  }
  const files = (choices.contents ?? available).includes('files');
  return (
    <Flex vertical gap="middle">
      <FailureAlert failure={failure} onRetry={plan.inspectAgain} />
      <Summary inspection={inspection} />
      <Flex gap="large" wrap>
        {available.length > 1 && (
          <ContentsChoice value={choices.contents} onChange={(contents) => choose({ contents })} />
        )}
        {files && <FilesModeChoice value={choices.filesMode} onChange={(filesMode) => choose({ filesMode })} />}
      </Flex>
      {blocked && (
        <Alert
          type="error"
          showIcon
          role="alert"
          message={t('Unable to restore: the lines marked as blocking must be put right first.')}
        />
      )}
      {!blocked && open > 0 && (
        <Alert
          type="warning"
          role="status"
          showIcon
          message={t('Accept every warning to go on. Still open: {{count}}.', { count: open })}
        />
      )}
      <Spin spinning={inspecting} delay={200}>
        <ChecksTable
          checks={checks}
          accepted={choices.accepted}
          onAccept={(code, yes) =>
            choose({ accepted: yes ? [...choices.accepted, code] : choices.accepted.filter((other) => other !== code) })
          }
        />
      </Spin>
    </Flex>
  );
}

function Summary({ inspection: { manifest } }: { inspection: InspectAnswer }) {
  const t = useT();
  return (
    <Descriptions
      size="small"
      column={TWO_COLUMNS}
      items={[
        {
          key: 'name',
          label: t('Backup'),
          span: 'filled',
          children: <span style={{ overflowWrap: 'anywhere' }}>{manifest.name}</span>,
        },
        { key: 'created', label: t('Created'), children: formatTime(manifest.createdAt) },
        { key: 'app', label: t('App'), children: `${manifest.app.name}, NocoBase ${manifest.app.version}` },
        { key: 'contents', label: t('Contents'), children: <ContentTags contents={manifest.contents} /> },
        ...(manifest.note ? [{ key: 'note', label: t('Note'), children: manifest.note }] : []),
      ]}
    />
  );
}

function ContentsChoice({ value, onChange }: { value: Content[] | null; onChange: (value: Content[] | null) => void }) {
  const t = useT();
  return (
    <Form layout="vertical" component="div" style={{ flex: '1 1 220px' }}>
      <Form.Item label={t('Restore')} style={{ margin: 0 }}>
        <Radio.Group
          value={value ? value[0] : 'all'}
          onChange={({ target }) => onChange(target.value === 'all' ? null : [target.value as Content])}
          {...testId('restore-contents')}
        >
          <Space direction="vertical" size="small">
            <Radio value="all">{t('Everything')}</Radio>
            <Radio value="database">{t('Only the database')}</Radio>
            <Radio value="files">{t('Only the uploaded files')}</Radio>
          </Space>
        </Radio.Group>
      </Form.Item>
    </Form>
  );
}

function FilesModeChoice({ value, onChange }: { value: FilesMode; onChange: (value: FilesMode) => void }) {
  const t = useT();
  return (
    <Form layout="vertical" component="div" style={{ flex: '2 1 380px' }}>
      <Form.Item label={t('Uploaded files')} style={{ margin: 0 }}>
        <Radio.Group
          value={value}
          onChange={({ target }) => onChange(target.value as FilesMode)}
          {...testId('files-mode')}
        >
          <Space direction="vertical" size="small">
            <Explained sentence={filesModeSentence('mirror', t)}>
              <Radio value="mirror">{t('Mirror')}</Radio>
            </Explained>
            <Explained sentence={filesModeSentence('merge', t)}>
              <Radio value="merge">{t('Merge')}</Radio>
            </Explained>
          </Space>
        </Radio.Group>
      </Form.Item>
    </Form>
  );
}
