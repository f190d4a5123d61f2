import { App, Button, Checkbox, Form, InputNumber } from 'antd';
import { useState } from 'react';
import type { Settings, SettingsAnswer } from '../../shared/api';
import { ALL_CONTENTS } from '../../shared/runs';
import { toFailure, type Failure } from '../api/failure';
import { useApi } from '../api/useApi';
import { FailureAlert } from '../components/FailureAlert';
import { useT } from '../i18n';
import { contentLabel } from '../labels';
import { testId } from '../test-ids';

export function SettingsForm({ settings }: { settings: SettingsAnswer }) {
  const t = useT();
  const api = useApi();
  const { message } = App.useApp();
  const [form] = Form.useForm<Settings>();
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isSaving, setSaving] = useState(false);
  const save = async (values: Settings) => {
    setSaving(true);
    setFailure(null);
    try {
      await api.settings.update(values);
      void message.success(t('Saved'));
    } catch (error) {
      setFailure(toFailure(error));
    }
    setSaving(false);
  };
  const number = { precision: 0, style: { width: 200 } };
  return (
    <Form<Settings>
      form={form}
      layout="vertical"
      style={{ maxWidth: 560 }}
      initialValues={settings}
      onFinish={({ maxBackups, defaultContents, undoHours }) => void save({ maxBackups, defaultContents, undoHours })}
    >
      <FailureAlert failure={failure} style={{ marginBottom: 16 }} />
      <Form.Item
        name="maxBackups"
        label={t('Maximum number of backups')}
        extra={t(
          'Database and uploaded files are counted separately. Older backups are deleted after each successful one; protected backups do not count. 0 means no limit.',
        )}
        rules={[{ required: true, message: t('Enter a number.') }]}
      >
        <InputNumber min={0} max={10_000} {...number} {...testId('max-backups')} />
      </Form.Item>
      <Form.Item
        name="defaultContents"
        label={t('Contents of a new backup')}
        extra={t('Each backup can have its own choice.')}
        rules={[{ required: true, type: 'array', min: 1, message: t('Choose at least one.') }]}
      >
        <Checkbox.Group
          options={ALL_CONTENTS.map((content) => ({ value: content, label: contentLabel(content, t) }))}
          {...testId('default-contents')}
        />
      </Form.Item>
      <Form.Item
        name="undoHours"
        label={t('Undo window')}
        extra={t('How long previous data is kept after a restore. It uses disk space during that time. 0 keeps none.')}
        rules={[{ required: true, message: t('Enter a number.') }]}
      >
        <InputNumber min={0} max={8760} addonAfter={t('hours')} {...number} {...testId('undo-hours')} />
      </Form.Item>
      <Form.Item>
        <Button type="primary" htmlType="submit" loading={isSaving} {...testId('settings-save')}>
          {t('Save')}
        </Button>
      </Form.Item>
    </Form>
  );
}
