import { CloseOutlined } from '@ant-design/icons';
import { Alert, Button, Space, theme, Typography } from 'antd';
import type { ReactNode } from 'react';
import { STEPS, type RunView } from '../../shared/runs';
import { formatTime } from '../format';
import { useRunActions } from '../hooks/useRunActions';
import { useT, type Translate } from '../i18n';
import { runLabel, undoLabel } from '../labels';
import { testId } from '../test-ids';
import { useNow } from './useNow';

interface Props {
  run: RunView;
  /** Buttons beside Undo. */
  extra?: ReactNode;
  onDismiss?: () => void;
}

/** How a run ended: what, when, why, and the way back where there is one. */
export function RunResult({ run, extra, onDismiss }: Props) {
  const t = useT();
  const { token } = theme.useToken();
  const now = useNow(Boolean(run.undoUntil));
  const { mayUndo, undo } = useRunActions();
  const { type, title, text } = resultText(run, t);
  const undoable = mayUndo(run, now);
  const about = [run.backupName, run.error?.code].filter(Boolean).join(' · ');
  return (
    <Alert
      type={type}
      showIcon
      role={type === 'error' ? 'alert' : 'status'}
      message={title}
      description={
        <Space direction="vertical" size={4}>
          {text.map((line) => (
            <span key={line}>{line}</span>
          ))}
          {about && (
            <Typography.Text type="secondary" style={{ fontSize: token.fontSizeSM, overflowWrap: 'anywhere' }}>
              {about}
            </Typography.Text>
          )}
          {undoable && run.undoUntil && (
            <span>{t('It can be undone until {{time}}.', { time: formatTime(run.undoUntil) })}</span>
          )}
          {(undoable || extra) && (
            <Space style={{ marginTop: 4 }} wrap>
              {undoable && (
                <Button size="small" onClick={() => void undo(run)} {...testId('undo', run.id)}>
                  {undoLabel(run, t)}
                </Button>
              )}
              {extra}
            </Space>
          )}
        </Space>
      }
      closable={onDismiss && { closeIcon: <CloseOutlined />, 'aria-label': t('Dismiss'), ...testId('dismiss-result') }}
      onClose={onDismiss}
      {...testId('run-result')}
      data-status={run.status}
    />
  );
}

/** Whether a restore or an undo that failed has surely left, or brought back, the state before it. */
function isOnStateBefore({ kind, step, error }: RunView): boolean {
  if (kind !== 'restore' && kind !== 'undo') return false;
  const steps = Object.keys(STEPS[kind]);
  const hadBegun = steps.indexOf(step) >= steps.indexOf('switchover');
  return !hadBegun || error?.code === 'RESTORED_APP_UNHEALTHY' || error?.code === 'SWITCHOVER_FAILED';
}

function resultText(
  run: RunView,
  t: Translate,
): { type: 'success' | 'warning' | 'error'; title: string; text: string[] } {
  const kind = runLabel(run, t);
  switch (run.status) {
    case 'succeeded':
      return { type: 'success', title: t('{{kind}}: succeeded', { kind }), text: [] };
    case 'succeeded with warnings':
      return {
        type: 'warning',
        title: t('{{kind}}: succeeded with warnings', { kind }),
        text: [t('Warnings: {{count}}. The log names them.', { count: run.warnings })],
      };
    case 'cancelled':
      return { type: 'warning', title: t('{{kind}}: cancelled', { kind }), text: [] };
    default:
      return {
        type: 'error',
        title:
          run.status === 'interrupted'
            ? t('{{kind}}: interrupted', { kind })
            : isOnStateBefore(run)
              ? t('{{kind}}: failed; the app runs on the state before it', { kind })
              : t('{{kind}}: failed', { kind }),
        text: [run.error?.message ?? '', run.error?.hint ?? ''].filter(Boolean),
      };
  }
}
