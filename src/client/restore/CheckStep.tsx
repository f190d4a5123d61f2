import { InboxOutlined } from '@ant-design/icons';
import { Alert, Button, Flex, Form, Radio, Skeleton, Spin, theme, Typography } from 'antd';
import type { InspectAnswer } from '../../shared/api';
import type { Content } from '../../shared/runs';
import { FailureAlert } from '../components/FailureAlert';
import { ContentTags } from '../components/tags';
import { formatMoment } from '../format';
import { useT } from '../i18n';
import { filesModeSentence } from '../labels';
import { testId } from '../test-ids';
import { archiveText, ArchiveStatus } from './ArchiveStatus';
import { ChecksTable } from './ChecksTable';
import type { FilesMode, RestorePlan } from './useRestorePlan';

interface Props {
  plan: RestorePlan;
  /** Keeps the uploaded archive in the list; absent where that cannot be done. */
  onKeep?: () => Promise<void>;
}

/** What the backup is, what is restored of it, and whether it fits this app. */
export function CheckStep({ plan, onKeep }: Props) {
  const t = useT();
  const { token } = theme.useToken();
  const { inspection, failure, inspecting, checks, choices, choose, available, warnings } = plan;
  if (!inspection) {
    if (failure) return <FailureAlert failure={failure} onRetry={plan.inspectAgain} />;
    return (
      <Flex vertical gap="small" role="status">
        <Typography.Text type="secondary">{t('Reading the backup and comparing it with this app…')}</Typography.Text>
        <Skeleton active paragraph={{ rows: 6 }} title={false} />
      </Flex>
    );
  }
  const isBlocked = checks.some(({ status }) => status === 'blocking');
  const open = warnings.filter((code) => !choices.accepted.includes(code)).length;
  const accept = (code: string, yes: boolean) =>
    choose({ accepted: yes ? [...choices.accepted, code] : choices.accepted.filter((other) => other !== code) });
  return (
    <Flex vertical gap={token.marginSM}>
      <FailureAlert failure={failure} onRetry={plan.inspectAgain} />
      <Flex justify="space-between" align="start" gap="small">
        <Summary inspection={inspection} />
        {onKeep && <KeepButton onKeep={onKeep} />}
      </Flex>
      <Flex gap="large" wrap>
        {available.length > 1 && (
          <ContentsChoice value={choices.contents} onChange={(contents) => choose({ contents })} />
        )}
        {plan.contents.includes('files') && (
          <FilesModeChoice value={choices.filesMode} onChange={(filesMode) => choose({ filesMode })} />
        )}
      </Flex>
      {isBlocked && (
        <Alert
          type="error"
          showIcon
          role="alert"
          message={t('Cannot restore this backup. Fix the problems marked as blocking first.')}
        />
      )}
      {!isBlocked && open > 0 && (
        <Alert
          type="warning"
          role="status"
          showIcon
          message={t('Accept every warning to continue. Remaining: {{count}}.', { count: open })}
        />
      )}
      <Spin spinning={inspecting} delay={200}>
        <ChecksTable
          checks={checks}
          warnings={warnings}
          accepted={choices.accepted}
          onAccept={accept}
          archive={{
            text: (check) => archiveText(check, plan.backup, t),
            status: (check) => <ArchiveStatus check={check} backup={plan.backup} onVerified={plan.inspectAgain} />,
          }}
        />
      </Spin>
    </Flex>
  );
}

function Summary({ inspection: { manifest } }: { inspection: InspectAnswer }) {
  const t = useT();
  const { token } = theme.useToken();
  const app = t('App {{app}}, NocoBase {{version}}', { app: manifest.app.name, version: manifest.app.version });
  return (
    <div style={{ minWidth: 0 }}>
      <Flex wrap gap={token.marginXS} align="center">
        <Typography.Text strong>
          {t('Backup of {{time}}', { time: formatMoment(manifest.createdAt, t) })}
        </Typography.Text>
        <ContentTags contents={manifest.contents} />
      </Flex>
      <Typography.Text type="secondary" ellipsis={{ tooltip: true }} style={{ display: 'block' }}>
        {[app, manifest.note].filter(Boolean).join(' · ')}
      </Typography.Text>
    </div>
  );
}

function KeepButton({ onKeep }: { onKeep: () => Promise<void> }) {
  const t = useT();
  return (
    <Button icon={<InboxOutlined />} onClick={() => void onKeep()} {...testId('keep-upload')}>
      {t('Keep in the list')}
    </Button>
  );
}

function ContentsChoice({ value, onChange }: { value: Content[] | null; onChange: (value: Content[] | null) => void }) {
  const t = useT();
  return (
    <Form layout="vertical" component="div">
      <Form.Item label={t('Restore')} style={{ margin: 0 }}>
        <Radio.Group
          value={value ? value[0] : 'all'}
          onChange={({ target }) => onChange(target.value === 'all' ? null : [target.value as Content])}
          {...testId('restore-contents')}
        >
          <Radio value="all">{t('Everything')}</Radio>
          <Radio value="database">{t('Only the database')}</Radio>
          <Radio value="files">{t('Only the uploaded files')}</Radio>
        </Radio.Group>
      </Form.Item>
    </Form>
  );
}

function FilesModeChoice({ value, onChange }: { value: FilesMode; onChange: (value: FilesMode) => void }) {
  const t = useT();
  return (
    <Form layout="vertical" component="div" style={{ flex: '1 1 320px' }}>
      <Form.Item label={t('Uploaded files')} extra={filesModeSentence(value, t)} style={{ margin: 0 }}>
        <Radio.Group
          value={value}
          onChange={({ target }) => onChange(target.value as FilesMode)}
          {...testId('files-mode')}
        >
          <Radio value="mirror">{t('Mirror')}</Radio>
          <Radio value="merge">{t('Merge')}</Radio>
        </Radio.Group>
      </Form.Item>
    </Form>
  );
}
