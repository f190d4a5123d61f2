import { App, Checkbox, Form, InputNumber, Skeleton } from 'antd';
import { useState } from 'react';
import type { Settings, SettingsAnswer } from '../../shared/api';
import { ALL_CONTENTS } from '../../shared/runs';
import { toFailure, type Failure } from '../api/failure';
import { useApi } from '../api/useApi';
import { FailureAlert } from '../components/FailureAlert';
import { GuardedButton } from '../components/GuardedButton';
import { PageShell } from '../components/PageShell';
import { useLoad } from '../hooks/useLoad';
import { useHost } from '../host';
import { useT } from '../i18n';
import { contentLabel } from '../labels';
import { testId } from '../test-ids';
import { ServerFacts } from './ServerFacts';

export function SettingsPage() {
  return (
    <PageShell name="settings">
      <SettingsContent />
    </PageShell>
  );
}

function SettingsContent() {
  const api = useApi();
  const { data, failure, reload } = useLoad(() => api.settings.get(), 'settings');
  if (failure && !data) return <FailureAlert failure={failure} onRetry={reload} />;
  if (!data) return <Skeleton active />;
  return (
    <>
      <SettingsForm settings={data} />
      <ServerFacts facts={data} onCheckAgain={reload} />
    </>
  );
}

function SettingsForm({ settings }: { settings: SettingsAnswer }) {
  const t = useT();
  const api = useApi();
  const host = useHost();
  const { message } = App.useApp();
  const [form] = Form.useForm<Settings>();
  const [failure, setFailure] = useState<Failure | null>(null);
  const [saving, setSaving] = useState(false);
  const refusal = host.can('settings') ? null : t('Your role may not change the settings.');
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
      disabled={refusal !== null}
      style={{ maxWidth: 560 }}
      initialValues={settings}
      onFinish={({ maxBackups, defaultContents, undoHours }) => void save({ maxBackups, defaultContents, undoHours })}
    >
      <FailureAlert failure={failure} style={{ marginBottom: 16 }} />
      <Form.Item
        name="maxBackups"
        label={t('Maximum number of backups')}
        extra={t('Older ones are deleted after each good backup. Pinned backups do not count. 0 means no limit.')}
        rules={[{ required: true, message: t('Enter a number.') }]}
      >
        <InputNumber min={0} max={10_000} {...number} {...testId('max-backups')} />
      </Form.Item>
      <Form.Item
        name="defaultContents"
        label={t('What a new backup holds')}
        extra={t('Can be chosen differently for each backup.')}
        rules={[{ required: true, type: 'array', min: 1, message: t('Choose at least one.') }]}
      >
        <Checkbox.Group
          options={ALL_CONTENTS.map((content) => ({ value: content, label: contentLabel(content, t) }))}
          {...testId('default-contents')}
        />
      </Form.Item>
      <Form.Item
        name="undoHours"
        label={t('Undo period after a restore')}
        extra={t('The state before a restore is kept this long, and takes disk space meanwhile.')}
        rules={[{ required: true, message: t('Enter a number.') }]}
      >
        <InputNumber min={0} max={8760} addonAfter={t('hours')} {...number} {...testId('undo-hours')} />
      </Form.Item>
      <Form.Item>
        <GuardedButton type="primary" htmlType="submit" loading={saving} reason={refusal} {...testId('settings-save')}>
          {t('Save')}
        </GuardedButton>
      </Form.Item>
    </Form>
  );
}
