import { Alert, Button, theme } from 'antd';
import { formatTime } from '../format';
import { useBackupHealth } from '../hooks/useBackups';
import { useT } from '../i18n';
import { testId } from '../test-ids';

/** Says that the last backup is not good, why, and which one can be relied on. */
export function LastBackupAlert({ onDetails }: { onDetails: (name: string) => void }) {
  const t = useT();
  const { token } = theme.useToken();
  const health = useBackupHealth();
  const failed = health?.failed;
  if (!failed) return null;
  const { lastGood } = health;
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      style={{ marginBottom: token.margin }}
      message={
        failed.status === 'interrupted'
          ? t('The last backup was interrupted ({{time}}).', { time: formatTime(failed.startedAt) })
          : t('The last backup failed ({{time}}).', { time: formatTime(failed.startedAt) })
      }
      description={
        <>
          {failed.error && <div>{failed.error.message}</div>}
          {failed.error?.hint && <div>{failed.error.hint}</div>}
          <div>
            {lastGood
              ? t('The last good backup is of {{time}}.', { time: formatTime(lastGood.startedAt) })
              : t('There is no good backup yet.')}
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
