import { Button, Flex, Tag, theme, Typography } from 'antd';
import { useEffect, useState } from 'react';
import type { BackupView, CheckView } from '../../shared/api';
import type { ApiError } from '../../shared/runs';
import { useApi } from '../api/useApi';
import { CancelButton } from '../components/CancelButton';
import { FailureAlert } from '../components/FailureAlert';
import { hasError } from '../components/RunResult';
import { RunProgress } from '../components/RunProgress';
import { CheckStatusTag } from '../components/tags';
import { toFailure } from '../api/failure';
import { useHost } from '../host';
import { useT, type Translate } from '../i18n';
import { verifiedSentence } from '../labels';
import { useVerification } from '../live/useVerification';
import { useRuns } from '../live/RunsProvider';
import { testId } from '../test-ids';

interface Props {
  check: CheckView;
  /** The entry of the list; null for an uploaded archive. */
  backup: BackupView | null;
  /** The inspection is out of date: a verification has ended. */
  onVerified: () => void;
}

/** What is known of an archive: its last verification and when it was, unless something else is wrong with it. */
export function archiveText({ status, current }: CheckView, backup: BackupView | null, t: Translate): string {
  const verified = backup?.verified;
  const isTheReason = status !== 'blocking' || verified?.result === 'failed';
  return verified && isTheReason ? verifiedSentence(verified, t) : current.charAt(0).toUpperCase() + current.slice(1);
}

/** How the archive itself came out; one that was never verified can be verified right here. */
export function ArchiveStatus({ check, backup, onVerified }: Props) {
  const t = useT();
  const host = useHost();
  const api = useApi();
  const { token } = theme.useToken();
  const { active, followQuietly, onFinished } = useRuns();
  const [error, setError] = useState<ApiError | null>(null);
  const name = backup?.name ?? null;
  const verification = useVerification(name);
  useEffect(
    () =>
      onFinished((run) => {
        if (run.kind !== 'verify' || run.backupName !== name) return;
        setError(hasError(run) ? run.error : null);
        onVerified();
      }),
    [onFinished, name, onVerified],
  );
  const isUnverified = backup !== null && backup.verified === null && check.status === 'ok';
  const verify = (listed: string) => {
    setError(null);
    api.backups.verify(listed).then(
      ({ runId }) => followQuietly(runId),
      (thrown: unknown) => setError(toFailure(thrown)),
    );
  };
  if (verification) {
    return (
      <Flex align="center" gap={token.marginSM} {...testId('verifying')}>
        <div style={{ flex: 1, minWidth: 0 }}>
          <RunProgress run={verification} />
        </div>
        <CancelButton run={verification} size="small" />
      </Flex>
    );
  }
  return (
    <Flex vertical align="flex-start" gap={token.marginXXS}>
      {isUnverified ? (
        <Tag bordered={false} style={{ marginInlineEnd: 0 }}>
          {t('Not verified')}
        </Tag>
      ) : (
        <CheckStatusTag status={check.status} />
      )}
      {check.remedy && <Typography.Text type="secondary">{check.remedy}</Typography.Text>}
      {isUnverified && host.can('create') && !active && (
        <Button size="small" onClick={() => verify(backup.name)} {...testId('verify-first')}>
          {t('Verify first')}
        </Button>
      )}
      {error && <FailureAlert failure={error} />}
    </Flex>
  );
}
