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
  const amount = isFinal(run) || size === 'small' ? '' : progressLabel(run.progress, t);
  const step = stepLabel(run.kind, run.step, t);
  const good = run.status.startsWith('succeeded');
  const status = good ? 'success' : isFinal(run) ? 'exception' : 'active';
  return (
    <div
      {...testId('run-progress')}
      data-percent={Math.round(run.percent)}
      data-step={run.step}
      style={{ minWidth: 0 }}
    >
      <Progress
        percent={good ? 100 : Math.floor(run.percent)}
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
        {amount ? `${step} · ${amount}` : step}
      </Typography.Text>
    </div>
  );
}
