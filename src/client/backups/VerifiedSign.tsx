import { ExclamationCircleFilled, LoadingOutlined, SafetyCertificateFilled } from '@ant-design/icons';
import { Tag, theme, Tooltip } from 'antd';
import type { BackupView } from '../../shared/api';
import { StatusTag } from '../components/tags';
import { useT } from '../i18n';
import { verifiedSentence } from '../labels';
import { isFinal } from '../live/live-runs';
import { useRuns } from '../live/RunsProvider';
import { testId } from '../test-ids';

/** Status of a backup that has ended; after a failed verification it is no success any more. */
export function BackupStatusTag({ backup }: { backup: Pick<BackupView, 'status' | 'verified'> }) {
  const t = useT();
  if (backup.verified?.result !== 'failed') return <StatusTag status={backup.status} />;
  return (
    <Tag bordered={false} color="error" style={{ marginInlineEnd: 0 }}>
      {t('Verification failed')}
    </Tag>
  );
}

/** What the last verification found, as a sign; turns while the backup is being verified. */
export function VerifiedSign({ backup }: { backup: BackupView }) {
  const t = useT();
  const { token } = theme.useToken();
  const { active } = useRuns();
  const { verified, name } = backup;
  const isVerifying = active?.kind === 'verify' && !isFinal(active) && active.backupName === name;
  if (!isVerifying && !verified) return null;
  const result = isVerifying ? 'in progress' : verified?.result;
  const sentence = isVerifying ? t('This backup is being verified.') : verified ? verifiedSentence(verified, t) : '';
  const icons = {
    'in progress': <LoadingOutlined style={{ color: token.colorPrimary }} />,
    restorable: <SafetyCertificateFilled style={{ color: token.colorSuccess }} />,
    'bytes only': <SafetyCertificateFilled style={{ color: token.colorWarning }} />,
    failed: <ExclamationCircleFilled style={{ color: token.colorError }} />,
  };
  return (
    <Tooltip title={sentence}>
      <span role="img" aria-label={sentence} tabIndex={0} {...testId('verified', name)} data-result={result}>
        {result && icons[result]}
      </span>
    </Tooltip>
  );
}
