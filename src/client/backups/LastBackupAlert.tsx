import { Alert, Button, theme } from 'antd';
import { formatMoment } from '../format';
import { useBackupHealth } from '../hooks/useBackups';
import { useT } from '../i18n';
import { testId } from '../test-ids';

/** Warns that the last backup failed, why, and names the last successful one. */
export function LastBackupAlert({ onDetails }: { onDetails: (name: string) => void }) {
  const t = useT();
  const { token } = theme.useToken();
  const health = useBackupHealth();
  const failed = health?.failed;
  if (!failed) return null;
  const { lastSuccessful } = health;
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      style={{ marginBottom: token.margin }}
      message={
        failed.status === 'interrupted'
          ? t('The last backup was interrupted ({{time}}).', { time: formatMoment(failed.startedAt, t) })
          : t('The last backup failed ({{time}}).', { time: formatMoment(failed.startedAt, t) })
      }
      description={
        <>
          {failed.error && <div>{failed.error.message}</div>}
          {failed.error?.hint && <div>{failed.error.hint}</div>}
          <div>
            {lastSuccessful
              ? t('Last successful backup: {{time}}', { time: formatMoment(lastSuccessful.startedAt, t) })
              : t('There is no successful backup yet.')}
          </div>
        </>
      }
      action={
        <Button size="small" onClick={() => onDetails(failed.name)}>
          {t('Details')}
        </Button>
      }
      {...testId('backup-alert')}
    />
  );
}
