import { CloseOutlined } from '@ant-design/icons';
import { Alert, Button, Space, theme, Typography } from 'antd';
import type { ReactNode } from 'react';
import { STEPS, type RunView } from '../../shared/runs';
import { formatMoment } from '../format';
import { useT, type Translate } from '../i18n';
import { runLabel, undoLabel, undoSentence } from '../labels';
import { useUndo } from '../previous/useUndo';
import { testId } from '../test-ids';

interface Props {
  run: RunView;
  /** Buttons beside Undo. */
  extra?: ReactNode;
  onDismiss?: () => void;
}

/** How a run ended: what, of which backup, why, and the undo where there is one. */
export function RunResult({ run, extra, onDismiss }: Props) {
  const t = useT();
  const { token } = theme.useToken();
  const { mayUndo, undoRun } = useUndo();
  const { type, title, text } = resultText(run, t);
  const isUndoable = mayUndo(run);
  const about = [sourceText(run, t), run.note, hasError(run) ? run.error?.code : ''].filter(Boolean).join(' · ');
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
          {run.undo && <span {...testId('undo-state')}>{undoSentence(run, t)}</span>}
          {(isUndoable || extra) && (
            <Space style={{ marginTop: 4 }} wrap>
              {isUndoable && (
                <Button size="small" onClick={() => void undoRun(run)} {...testId('undo', run.id)}>
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

/** Which backup a run made or read; '' for a run of none. */
export function sourceText({ backupAt, uploadName, uploadId }: RunView, t: Translate): string {
  if (uploadName) return t('Uploaded file {{name}}', { name: uploadName });
  if (uploadId) return t('Uploaded file');
  return backupAt ? t('Backup of {{time}}', { time: formatMoment(backupAt, t) }) : '';
}

/** What the user wanted is no error. */
export const hasError = ({ status, error }: Pick<RunView, 'status' | 'error'>): boolean =>
  error !== null && status !== 'cancelled';

/** Whether a restore or an undo that failed has surely left, or brought back, the data before it. */
function isOnPreviousData({ kind, step, error }: RunView): boolean {
  if (kind !== 'restore' && kind !== 'undo') return false;
  const steps = Object.keys(STEPS[kind]);
  const hadBegun = steps.indexOf(step) >= steps.indexOf('switchover');
  return !hadBegun || error?.code === 'RESTORED_APP_UNHEALTHY' || error?.code === 'SWITCHOVER_FAILED';
}

function resultText(
  run: RunView,
  t: Translate,
): { type: 'success' | 'info' | 'warning' | 'error'; title: string; text: string[] } {
  const kind = runLabel(run, t);
  switch (run.status) {
    case 'succeeded':
      return { type: 'success', title: t('{{kind}}: succeeded', { kind }), text: [] };
    case 'succeeded with warnings':
      return {
        type: 'warning',
        title: t('{{kind}}: succeeded with warnings', { kind }),
        text: [t('Warnings: {{count}}. See the run log.', { count: run.warnings })],
      };
    case 'cancelled':
      return { type: 'info', title: t('{{kind}}: cancelled', { kind }), text: [] };
    default:
      return {
        type: 'error',
        title:
          run.status === 'interrupted'
            ? t('{{kind}}: interrupted', { kind })
            : isOnPreviousData(run)
              ? t('{{kind}}: failed; live data is unchanged', { kind })
              : t('{{kind}}: failed', { kind }),
        text: [run.error?.message ?? '', run.error?.hint ?? ''].filter(Boolean),
      };
  }
}
