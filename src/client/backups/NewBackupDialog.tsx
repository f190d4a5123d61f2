import { Alert, Checkbox, Form, Input, Modal, Skeleton, Space, theme, Typography } from 'antd';
import { useState } from 'react';
import { ALL_CONTENTS, type Content } from '../../shared/runs';
import { toFailure, type Failure } from '../api/failure';
import { useApi } from '../api/useApi';
import { FailureAlert } from '../components/FailureAlert';
import { useLoad } from '../hooks/useLoad';
import { useT } from '../i18n';
import { useRuns } from '../live/RunsProvider';
import { testId } from '../test-ids';

interface Values {
  contents: Content[];
  note?: string;
}

interface Props {
  onClose: () => void;
  onStarted: () => void;
}

export function NewBackupDialog({ onClose, onStarted }: Props) {
  const t = useT();
  const api = useApi();
  const { follow } = useRuns();
  const [form] = Form.useForm<Values>();
  const [failure, setFailure] = useState<Failure | null>(null);
  const [starting, setStarting] = useState(false);
  // The default is a convenience: a role that may not read the settings starts with everything.
  const defaults = useLoad(
    () =>
      api.settings.get().then(
        (settings) => settings.defaultContents,
        () => [...ALL_CONTENTS],
      ),
    'settings',
  );

  const submit = async ({ contents, note }: Values) => {
    setStarting(true);
    setFailure(null);
    try {
      const { runId } = await api.backups.create({ contents, note: note?.trim() ?? '' });
      follow(runId);
      onStarted();
      onClose();
    } catch (error) {
      setFailure(toFailure(error));
      setStarting(false);
    }
  };

  return (
    <Modal
      open
      title={t('New backup')}
      okText={t('Start backup')}
      cancelText={t('Cancel')}
      okButtonProps={{ loading: starting, disabled: !defaults.data, ...testId('create-submit') }}
      onOk={form.submit}
      onCancel={onClose}
      maskClosable={false}
      {...testId('create-dialog')}
    >
      <FailureAlert failure={failure} style={{ marginBottom: 16 }} />
      {defaults.data ? (
        <Form
          form={form}
          layout="vertical"
          initialValues={{ contents: defaults.data }}
          onFinish={(v) => void submit(v)}
        >
          <ContentsField />
          <Form.Item name="note" label={t('Note')} rules={[{ max: 500 }]}>
            <Input.TextArea
              autoSize={{ minRows: 2, maxRows: 6 }}
              maxLength={500}
              showCount
              placeholder={t('For example: before the upgrade')}
              {...testId('create-note')}
            />
          </Form.Item>
        </Form>
      ) : (
        <Skeleton active paragraph={{ rows: 4 }} />
      )}
      <NotIncluded />
    </Modal>
  );
}

function ContentsField() {
  const t = useT();
  const { token } = theme.useToken();
  const choice = (content: Content, label: string, explanation: string) => (
    <Checkbox value={content} {...testId('create-contents', content)}>
      {label}
      <Typography.Text type="secondary" style={{ display: 'block', fontSize: token.fontSizeSM }}>
        {explanation}
      </Typography.Text>
    </Checkbox>
  );
  return (
    <Form.Item
      name="contents"
      label={t('Contents')}
      rules={[{ required: true, type: 'array', min: 1, message: t('Choose at least one.') }]}
    >
      <Checkbox.Group {...testId('create-contents')}>
        <Space direction="vertical">
          {choice('database', t('Database'), t('All tables of this app, in one consistent moment'))}
          {choice('files', t('Uploaded files'), t('The folders of all local file storages'))}
        </Space>
      </Checkbox.Group>
    </Form.Item>
  );
}

function NotIncluded() {
  const t = useT();
  return (
    <Alert
      type="info"
      showIcon
      message={t('Not included')}
      description={t(
        'Files in cloud storages, external data sources, other apps on this server, plugin packages, the .env file and its keys.',
      )}
    />
  );
}
