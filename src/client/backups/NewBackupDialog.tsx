import { Alert, Checkbox, Form, Input, Modal, Skeleton, Space } from 'antd';
import { useState } from 'react';
import { ALL_CONTENTS, type Content } from '../../shared/runs';
import { toFailure, type Failure } from '../api/failure';
import { useApi } from '../api/useApi';
import { Explained } from '../components/Explained';
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
      modalRender={(node) => <div {...testId('create-dialog')}>{node}</div>}
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
          <Form.Item name="note" label={t('Note')} rules={[{ max: 500 }]} style={{ marginBottom: 32 }}>
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
  return (
    <Form.Item
      name="contents"
      label={t('Contents')}
      rules={[{ required: true, type: 'array', min: 1, message: t('Choose at least one.') }]}
    >
      <Checkbox.Group {...testId('create-contents')}>
        <Space direction="vertical">
          <Explained sentence={t('All tables of this app, in one consistent moment')}>
            <Checkbox value="database" {...testId('create-contents', 'database')}>
              {t('Database')}
            </Checkbox>
          </Explained>
          <Explained sentence={t('The folders of all local file storages')}>
            <Checkbox value="files" {...testId('create-contents', 'files')}>
              {t('Uploaded files')}
            </Checkbox>
          </Explained>
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
      role="note"
      message={t('Not included')}
      description={t(
        'Files in cloud storages, external data sources, other apps on this server, plugin packages, the .env file and its keys.',
      )}
    />
  );
}
