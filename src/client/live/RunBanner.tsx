import { Alert, Button, Flex, Space, theme } from 'antd';
import { useEffect } from 'react';
import { CancelButton } from '../components/CancelButton';
import { UnavailableAlert } from '../components/RunPanel';
import { RunProgress } from '../components/RunProgress';
import { RunResult } from '../components/RunResult';
import { useT } from '../i18n';
import { runLabel } from '../labels';
import { usePrevious } from '../previous/PreviousProvider';
import { testId } from '../test-ids';
import { isFinal } from './live-runs';
import { useRuns } from './RunsProvider';

/** Above the list: a run that has no row of its own there (all but backups), or the result of the watched restore. */
export function RunBanner() {
  const t = useT();
  const { token } = theme.useToken();
  const { runs, active, unavailable, watched, watch } = useRuns();
  const { live } = usePrevious();
  const mine = watched ? runs.get(watched.runId) : undefined;
  const shown = active && active.kind !== 'backup' ? active : mine;
  // The banner of the live data shows the same, for as long as it matters.
  const isCovered = watched?.open === false && mine?.status === 'succeeded' && mine.id === live?.runId;
  useEffect(() => {
    if (isCovered) watch(null);
  }, [isCovered, watch]);
  if (isCovered && shown === mine) return null;
  // The dialog shows the same.
  if (watched?.open && (!shown || shown.id === watched.runId)) return null;
  const style = { marginBottom: token.margin };

  if (!shown) {
    if (!unavailable) return null;
    return (
      <div style={style}>
        <UnavailableAlert unavailable={unavailable} isRestoring={watched !== null} />
      </div>
    );
  }
  const open = () => watch({ runId: shown.id, open: true });
  const details = (
    <Button size="small" onClick={open} {...testId('show-progress')}>
      {isFinal(shown) ? t('Details') : t('Show progress')}
    </Button>
  );
  if (isFinal(shown)) {
    return (
      <div style={style} {...testId('run-banner')}>
        <RunResult run={shown} extra={details} onDismiss={() => watch(null)} />
      </div>
    );
  }
  return (
    <Alert
      type="info"
      role="status"
      style={style}
      message={
        <Flex align="center" gap="middle" wrap>
          <span style={{ fontWeight: token.fontWeightStrong }}>{runLabel(shown, t)}</span>
          <div style={{ flex: '1 1 240px', minWidth: 0 }}>
            <RunProgress run={shown} />
          </div>
          <Space>
            {details}
            <CancelButton run={shown} size="small" />
          </Space>
        </Flex>
      }
      {...testId('run-banner')}
    />
  );
}
