import { CheckCircleFilled, ClockCircleOutlined, CloseCircleFilled, LoadingOutlined } from '@ant-design/icons';
import { Flex, theme } from 'antd';
import { STEPS, type RunView } from '../../shared/runs';
import { useT } from '../i18n';
import { stepLabel } from '../labels';
import { isFinal } from '../live/live-runs';

type State = 'done' | 'current' | 'stopped' | 'open';

/** Every step of the run with where it stands. */
export function RunSteps({ run }: { run: RunView }) {
  const t = useT();
  const { token } = theme.useToken();
  const steps = Object.keys(STEPS[run.kind]);
  const current = steps.indexOf(run.step);
  const stateOf = (index: number): State => {
    if (run.status.startsWith('succeeded') || index < current) return 'done';
    if (index > current) return 'open';
    return isFinal(run) ? 'stopped' : 'current';
  };
  const icons = {
    done: <CheckCircleFilled style={{ color: token.colorSuccess }} />,
    current: <LoadingOutlined style={{ color: token.colorPrimary }} />,
    stopped: <CloseCircleFilled style={{ color: token.colorError }} />,
    open: <ClockCircleOutlined style={{ color: token.colorTextQuaternary }} />,
  };
  return (
    <Flex component="ol" vertical gap={token.marginXS} style={{ margin: 0, padding: 0, listStyle: 'none' }}>
      {steps.map((step, index) => {
        const state = stateOf(index);
        return (
          <li key={step} aria-current={state === 'current' ? 'step' : undefined} data-state={state}>
            <Flex
              gap={token.marginXS}
              align="baseline"
              style={{ color: state === 'open' ? token.colorTextTertiary : token.colorText }}
            >
              {icons[state]}
              <span style={{ fontWeight: state === 'current' ? token.fontWeightStrong : undefined }}>
                {stepLabel(run.kind, step, t)}
              </span>
            </Flex>
          </li>
        );
      })}
    </Flex>
  );
}
