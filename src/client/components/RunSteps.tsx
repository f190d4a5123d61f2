import {
  CheckCircleFilled,
  ClockCircleOutlined,
  CloseCircleFilled,
  LoadingOutlined,
  MinusCircleFilled,
  MinusCircleOutlined,
} from '@ant-design/icons';
import { Flex, theme, Typography } from 'antd';
import { STEPS, type RunView } from '../../shared/runs';
import { useT } from '../i18n';
import { stepLabel } from '../labels';
import { isFinal } from '../live/live-runs';

export type StepState = 'done' | 'current' | 'failed' | 'cancelled' | 'skipped' | 'open';

/** Every step of the run's kind, in order, with where it stands. */
export function stepStates(run: RunView): { step: string; state: StepState }[] {
  const order = Object.keys(STEPS[run.kind]);
  const last = order.indexOf(run.step);
  // Runs of before steps were recorded have none; all up to the last one count as begun.
  const begun = new Set(run.steps.length > 0 ? run.steps : order.slice(0, last + 1));
  const hasSucceeded = run.status.startsWith('succeeded');
  return order.map((step, index) => {
    if (step === run.step && !hasSucceeded) {
      return { step, state: !isFinal(run) ? 'current' : run.status === 'cancelled' ? 'cancelled' : 'failed' };
    }
    if (begun.has(step)) return { step, state: 'done' };
    return { step, state: index < last || hasSucceeded ? 'skipped' : 'open' };
  });
}

export function RunSteps({ run }: { run: RunView }) {
  const t = useT();
  const { token } = theme.useToken();
  const icons: Record<StepState, React.ReactNode> = {
    done: <CheckCircleFilled style={{ color: token.colorSuccess }} />,
    current: <LoadingOutlined style={{ color: token.colorPrimary }} />,
    failed: <CloseCircleFilled style={{ color: token.colorError }} />,
    cancelled: <MinusCircleFilled style={{ color: token.colorTextTertiary }} />,
    skipped: <MinusCircleOutlined style={{ color: token.colorTextQuaternary }} />,
    open: <ClockCircleOutlined style={{ color: token.colorTextQuaternary }} />,
  };
  const isMuted = (state: StepState) => state === 'open' || state === 'skipped';
  return (
    <Flex component="ol" vertical gap={token.marginXS} style={{ margin: 0, padding: 0, listStyle: 'none' }}>
      {stepStates(run).map(({ step, state }) => (
        <li key={step} aria-current={state === 'current' ? 'step' : undefined} data-state={state}>
          <Flex
            gap={token.marginXS}
            align="baseline"
            style={{ color: isMuted(state) ? token.colorTextTertiary : token.colorText }}
          >
            {icons[state]}
            <span style={{ fontWeight: state === 'current' ? token.fontWeightStrong : undefined }}>
              {stepLabel(step, t)}
              {state === 'skipped' && <Typography.Text type="secondary"> ({t('skipped')})</Typography.Text>}
            </span>
          </Flex>
        </li>
      ))}
    </Flex>
  );
}
