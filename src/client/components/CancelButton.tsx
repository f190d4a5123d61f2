import { Button, type ButtonProps } from 'antd';
import type { RunView } from '../../shared/runs';
import { useCancel } from '../hooks/useCancel';
import { useT } from '../i18n';
import { testId } from '../test-ids';

/** Cancels a run, where the role and the step allow it; its label changes at once. */
export function CancelButton({ run, children, ...button }: { run: RunView } & ButtonProps) {
  const t = useT();
  const { mayCancel, cancel } = useCancel();
  if (!mayCancel(run)) return null;
  return (
    <Button danger {...button} loading={run.cancelling} onClick={() => cancel(run)} {...testId('cancel', run.id)}>
      {run.cancelling ? t('Cancelling…') : (children ?? t('Cancel'))}
    </Button>
  );
}
