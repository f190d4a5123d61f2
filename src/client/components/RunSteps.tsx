import { Steps } from 'antd';
import { STEPS, type RunView } from '../../shared/runs';
import { useT } from '../i18n';
import { stepLabel } from '../labels';
import { isFinal } from '../live/run-store';

/** Every step of the run with where it stands. */
export function RunSteps({ run }: { run: RunView }) {
  const t = useT();
  const steps = Object.keys(STEPS[run.kind]);
  const good = run.status.startsWith('succeeded');
  const current = good ? steps.length : Math.max(0, steps.indexOf(run.step));
  return (
    <Steps
      direction="vertical"
      size="small"
      progressDot
      current={current}
      status={isFinal(run) && !good ? 'error' : 'process'}
      items={steps.map((step) => ({ title: stepLabel(run.kind, step, t) }))}
    />
  );
}
