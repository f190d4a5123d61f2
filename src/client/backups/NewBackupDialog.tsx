import { Alert, Checkbox, Form, Input, Modal, Skeleton, Space, theme } from 'antd';
import { useState } from 'react';
import type { PreviousView } from '../../shared/api';
import { ALL_CONTENTS, type Content } from '../../shared/runs';
import { toFailure, type Failure } from '../api/failure';
import { useApi } from '../api/useApi';
import { Explained } from '../components/Explained';
import { FailureAlert } from '../components/FailureAlert';
import { useLoad } from '../hooks/useLoad';
import { useReturnFocus } from '../hooks/useReturnFocus';
import { useT } from '../i18n';
import { contentsLabel } from '../labels';
import { useRuns } from '../live/RunsProvider';
import { previousTitle } from '../previous/labels';
import { testId } from '../test-ids';

interface Values {
  contents: Content[];
  note?: string;
}

interface Props {
  /** Saves this previous data rather than the live data. */
  previous?: PreviousView;
  onClose: () => void;
}

export function NewBackupDialog({ previous, onClose }: Props) {
  const t = useT();
  const api = useApi();
  useReturnFocus();
  const { follow } = useRuns();
  const [form] = Form.useForm<Values>();
  const [failure, setFailure] = useState<Failure | null>(null);
  const [starting, setStarting] = useState(false);
  // The default is a convenience: without the settings the form starts with everything.
  const defaults = useLoad(
    () =>
      previous
        ? Promise.resolve(previous.contents)
        : api.settings.get().then(
            (settings) => settings.defaultContents,
            () => [...ALL_CONTENTS],
          ),
    'settings',
  );

  const submit = async ({ contents, note }: Values) => {
    setStarting(true);
    setFailure(null);
    try {
      const { runId } = await api.backups.create({
        note: note?.trim() ?? '',
        ...(previous ? { previous: previous.id } : { contents }),
      });
      follow(runId);
      onClose();
    } catch (error) {
      setFailure(toFailure(error));
      setStarting(false);
    }
  };

  return (
    <Modal
      open
      title={previous ? t('Save previous data as a backup') : t('New backup')}
      okText={t('Start backup')}
      cancelText={t('Cancel')}
      okButtonProps={{ loading: starting, disabled: !defaults.data, ...testId('create-submit') }}
      onOk={form.submit}
      onCancel={onClose}
      maskClosable={false}
      modalRender={(node) => <div {...testId('create-dialog')}>{node}</div>}
    >
      <FailureAlert failure={failure} style={{ marginBottom: 16 }} />
      {previous && <PreviousFacts previous={previous} />}
      {defaults.data ? (
        <Form
          form={form}
          layout="vertical"
          initialValues={{ contents: defaults.data, note: previous && previousTitle(previous, t) }}
          onFinish={(v) => void submit(v)}
        >
          {!previous && <ContentsField />}
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
      {!previous && <NotIncluded />}
    </Modal>
  );
}

function PreviousFacts({ previous }: { previous: PreviousView }) {
  const t = useT();
  const { token } = theme.useToken();
  return (
    <div style={{ marginBottom: token.margin }} {...testId('create-previous')}>
      <div>
        {previousTitle(previous, t)} ({contentsLabel(previous.contents, t)})
      </div>
      {t('The backup stays in the list after the undo window closes.')}
    </div>
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
          <Explained sentence={t('All tables of this app, in one consistent snapshot')}>
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
