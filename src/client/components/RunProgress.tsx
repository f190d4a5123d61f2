import { Progress, theme, Typography } from 'antd';
import type { RunView } from '../../shared/runs';
import { useT } from '../i18n';
import { progressLabel, stepLabel } from '../labels';
import { isFinal } from '../live/live-runs';
import { testId } from '../test-ids';

/** One line: the bar and, below it, the step with its amount. */
export function RunProgress({ run, size = 'default' }: { run: RunView; size?: 'default' | 'small' }) {
  const t = useT();
  const { token } = theme.useToken();
  const step = stepLabel(run.step, t);
  const amount = isFinal(run) || size === 'small' ? '' : progressLabel(run.progress, t);
  const isGood = run.status.startsWith('succeeded');
  const isStopping = run.cancelling && !isFinal(run);
  const status = isGood ? 'success' : isStopping ? 'normal' : isFinal(run) ? 'exception' : 'active';
  return (
    <div
      {...testId('run-progress')}
      data-percent={Math.round(run.percent)}
      data-step={run.step}
      style={{ minWidth: 0 }}
    >
      <Progress
        percent={isGood ? 100 : Math.floor(run.percent)}
        status={status}
        size={size}
        aria-label={step}
        style={{ margin: 0, lineHeight: 1 }}
      />
      <Typography.Text
        type="secondary"
        ellipsis={{ tooltip: true }}
        style={{ fontSize: token.fontSizeSM, display: 'block', fontVariantNumeric: 'tabular-nums' }}
      >
        {isStopping ? t('Cancelling…') : amount ? `${step} · ${amount}` : step}
      </Typography.Text>
    </div>
  );
}
