import { LoadingOutlined } from '@ant-design/icons';
import { Alert, Flex, Grid, theme } from 'antd';
import type { ReactNode } from 'react';
import { readMaintenanceText } from '../../shared/maintenance';
import type { RunView } from '../../shared/runs';
import type { Failure } from '../api/failure';
import { useT } from '../i18n';
import { isFinal } from '../live/live-runs';
import { testId } from '../test-ids';
import { RunLog } from './RunLog';
import { RunProgress } from './RunProgress';
import { RunResult } from './RunResult';
import { RunSteps } from './RunSteps';

interface Props {
  run: RunView;
  unavailable: Failure | null;
  /** Buttons of the result, beside Undo. */
  extra?: ReactNode;
}

/** A run in progress: bar, steps and run log; in the end its result. */
export function RunPanel({ run, unavailable, extra }: Props) {
  const { token } = theme.useToken();
  const isWide = Grid.useBreakpoint().md !== false;
  const hasEnded = isFinal(run);
  return (
    <Flex vertical gap={token.margin}>
      {hasEnded ? <RunResult run={run} extra={extra} /> : <RunProgress run={run} />}
      {unavailable && !hasEnded && (
        <UnavailableAlert unavailable={unavailable} isRestoring={run.kind === 'restore' || run.kind === 'undo'} />
      )}
      <Flex gap={token.marginLG} vertical={!isWide}>
        <div style={{ flex: isWide ? '0 0 260px' : undefined }}>
          <RunSteps run={run} />
        </div>
        <div style={{ flex: 1, minWidth: 0 }}>
          <RunLog key={run.id} runId={run.id} live={!hasEnded} height={isWide ? 300 : 200} />
        </div>
      </Flex>
    </Flex>
  );
}

export function UnavailableAlert({ unavailable, isRestoring }: { unavailable: Failure; isRestoring: boolean }) {
  const t = useT();
  const isPlanned = isRestoring || unavailable.code === 'MAINTENANCE';
  // The steps show what our own text reports.
  const message = readMaintenanceText(unavailable.message) ? '' : unavailable.message;
  return (
    <Alert
      type="info"
      showIcon
      icon={<LoadingOutlined />}
      role="status"
      message={isPlanned ? t('The app is in maintenance.') : t('Cannot reach the server.')}
      description={
        <>
          {message && <div>{message}</div>}
          {t('Leave this page open: it reconnects automatically and shows the result.')}
        </>
      }
      {...testId('run-unavailable')}
    />
  );
}
