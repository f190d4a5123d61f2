import { Form, Input, Modal } from 'antd';
import { useState } from 'react';
import type { BackupView } from '../../shared/api';
import { toFailure, type Failure } from '../api/failure';
import { useApi } from '../api/useApi';
import { FailureAlert } from '../components/FailureAlert';
import { formatMoment } from '../format';
import { useReturnFocus } from '../hooks/useReturnFocus';
import { useT } from '../i18n';
import { testId } from '../test-ids';

interface Props {
  backup: BackupView;
  onClose: () => void;
  onSaved: () => void;
}

export function EditNoteDialog({ backup, onClose, onSaved }: Props) {
  const t = useT();
  const api = useApi();
  useReturnFocus();
  const [form] = Form.useForm<{ note: string }>();
  const [failure, setFailure] = useState<Failure | null>(null);
  const [saving, setSaving] = useState(false);
  const save = async ({ note }: { note: string }) => {
    setSaving(true);
    try {
      await api.backups.update(backup.name, { note: note.trim() });
      onSaved();
      onClose();
    } catch (error) {
      setFailure(toFailure(error));
      setSaving(false);
    }
  };
  return (
    <Modal
      open
      title={t('Edit note')}
      okText={t('Save')}
      cancelText={t('Cancel')}
      okButtonProps={{ loading: saving, ...testId('note-submit') }}
      onOk={form.submit}
      onCancel={onClose}
      modalRender={(node) => <div {...testId('note-dialog')}>{node}</div>}
    >
      <FailureAlert failure={failure} style={{ marginBottom: 16 }} />
      <Form
        form={form}
        layout="vertical"
        initialValues={{ note: backup.note }}
        onFinish={(values) => void save(values)}
      >
        <Form.Item
          name="note"
          label={t('Note')}
          extra={t('Backup of {{time}}', { time: formatMoment(backup.startedAt, t) })}
          rules={[{ max: 500 }]}
        >
          <Input.TextArea
            autoFocus
            autoSize={{ minRows: 3, maxRows: 8 }}
            maxLength={500}
            showCount
            {...testId('note-input')}
          />
        </Form.Item>
      </Form>
    </Modal>
  );
}
