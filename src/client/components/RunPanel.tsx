import { LoadingOutlined } from '@ant-design/icons';
import { Alert, Flex, Grid, theme } from 'antd';
import type { RunView } from '../../shared/runs';
import type { Failure } from '../api/failure';
import { useT } from '../i18n';
import { isFinal } from '../live/live-runs';
import { testId } from '../test-ids';
import { RunLog } from './RunLog';
import { RunProgress } from './RunProgress';
import { RunResult } from './RunResult';
import { RunSteps } from './RunSteps';

/** A run as it goes: bar, steps, log, and in the end its result. */
export function RunPanel({ run, away }: { run: RunView; away: Failure | null }) {
  const { token } = theme.useToken();
  const wide = Grid.useBreakpoint().md !== false;
  const ended = isFinal(run);
  return (
    <Flex vertical gap={token.margin}>
      {ended ? <RunResult run={run} /> : <RunProgress run={run} />}
      {away && !ended && <AwayAlert away={away} restoring={run.kind === 'restore' || run.kind === 'undo'} />}
      <Flex gap={token.marginLG} vertical={!wide}>
        <div style={{ flex: wide ? '0 0 260px' : undefined }}>
          <RunSteps run={run} />
        </div>
        <div style={{ flex: 1, minWidth: 0 }}>
          <RunLog key={run.id} runId={run.id} kind={run.kind} live={!ended} height={wide ? 300 : 200} />
        </div>
      </Flex>
    </Flex>
  );
}

export function AwayAlert({ away, restoring }: { away: Failure; restoring: boolean }) {
  const t = useT();
  const planned = restoring || away.code === 'MAINTENANCE';
  return (
    <Alert
      type="info"
      showIcon
      icon={<LoadingOutlined />}
      role="status"
      message={planned ? t('The app is in maintenance at the moment.') : t('The server can not be reached.')}
      description={
        <>
          {away.message && <div>{away.message}</div>}
          {t('Leave this page open: it comes back by itself and tells the result.')}
        </>
      }
      {...testId('run-away')}
    />
  );
}
