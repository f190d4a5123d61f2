import { Skeleton } from 'antd';
import { useApi } from '../api/useApi';
import { FailureAlert } from '../components/FailureAlert';
import { PageShell } from '../components/PageShell';
import { useLoad } from '../hooks/useLoad';
import { useHost } from '../host';
import { ClientTools } from './ClientTools';
import { ServerFacts } from './ServerFacts';
import { SettingsFacts } from './SettingsFacts';
import { SettingsForm } from './SettingsForm';

export function SettingsPage() {
  return (
    <PageShell name="settings">
      <SettingsContent />
    </PageShell>
  );
}

/** A form for those who may change the settings, facts for everybody else. */
function SettingsContent() {
  const api = useApi();
  const host = useHost();
  const { data, failure, reload } = useLoad(() => api.settings.get(), 'settings');
  const canChange = host.can('settings');
  if (failure && !data) return <FailureAlert failure={failure} onRetry={reload} />;
  if (!data) return <Skeleton active />;
  return (
    <>
      {canChange ? <SettingsForm settings={data} /> : <SettingsFacts settings={data} />}
      <ServerFacts facts={data} />
      {canChange && <ClientTools />}
    </>
  );
}
