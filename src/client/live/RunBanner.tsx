import { Alert, Button, Flex, Space, theme } from 'antd';
import { RunProgress } from '../components/RunProgress';
import { RunResult } from '../components/RunResult';
import { useRunActions } from '../hooks/useRunActions';
import { useT } from '../i18n';
import { runLabel } from '../labels';
import { testId } from '../test-ids';
import { AwayAlert } from '../components/RunPanel';
import { isFinal } from './live-runs';
import { useRuns } from './RunsProvider';

/** Above the list: a run that has no row of its own there (all but backups), or the result of the watched restore. */
export function RunBanner() {
  const t = useT();
  const { token } = theme.useToken();
  const { runs, active, away, watched, watch } = useRuns();
  const { mayCancel, cancel } = useRunActions();
  const mine = watched ? runs.get(watched.runId) : undefined;
  const shown = active && active.kind !== 'backup' ? active : mine;
  // The dialog tells the same.
  if (watched?.open && (!shown || shown.id === watched.runId)) return null;
  const style = { marginBottom: token.margin };

  if (!shown) {
    if (!away) return null;
    return (
      <div style={style}>
        <AwayAlert away={away} restoring={watched !== null} />
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
            {mayCancel(shown) && (
              <Button size="small" danger onClick={() => cancel(shown)} {...testId('cancel', shown.id)}>
                {t('Cancel')}
              </Button>
            )}
          </Space>
        </Flex>
      }
      {...testId('run-banner')}
    />
  );
}
