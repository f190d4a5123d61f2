import { Alert, Button, Flex, Modal, Spin } from 'antd';
import { CancelButton } from '../components/CancelButton';
import { TALL_DIALOG } from '../components/dialog-styles';
import { RunPanel, UnavailableAlert } from '../components/RunPanel';
import { useT } from '../i18n';
import { runLabel } from '../labels';
import { testId } from '../test-ids';
import { isFinal } from './live-runs';
import { useRuns } from './RunsProvider';

/** Above the host's maintenance dialog (antd's 1000), which shows less; below confirmations (2000) and messages. */
const Z_INDEX = 1100;

/** Progress, then result, of the run this tab watches; open again after a reload until it is closed. */
export function WatchedRunDialog() {
  const t = useT();
  const { runs, unavailable, watched, watch, lost } = useRuns();
  if (!watched) return null;
  const run = runs.get(watched.runId);
  const hasEnded = run ? isFinal(run) : lost.has(watched.runId);
  const isUnknown = !run && lost.has(watched.runId);
  // Whatever is still to be read stays as a banner: progress, a failure, warnings.
  const close = () => watch(isUnknown || run?.status === 'succeeded' ? null : { ...watched, open: false });
  return (
    <Modal
      open={watched.open}
      title={run ? runLabel(run, t) : t('Restore')}
      width={860}
      zIndex={Z_INDEX}
      onCancel={close}
      maskClosable={hasEnded}
      {...TALL_DIALOG}
      destroyOnClose
      footer={
        <Flex justify="space-between" gap="small">
          <span>{run && <CancelButton run={run}>{t('Cancel the run')}</CancelButton>}</span>
          <Button type={hasEnded ? 'primary' : 'default'} onClick={close} {...testId('run-close')}>
            {hasEnded ? t('Close') : t('Hide')}
          </Button>
        </Flex>
      }
      modalRender={(node) => <div {...testId('run-dialog')}>{node}</div>}
    >
      {run && <RunPanel run={run} unavailable={unavailable} />}
      {!run && unavailable && <UnavailableAlert unavailable={unavailable} isRestoring />}
      {!run && !unavailable && !isUnknown && (
        <Flex justify="center" style={{ padding: 48 }}>
          <Spin />
        </Flex>
      )}
      {isUnknown && (
        <Alert
          type="warning"
          showIcon
          role="status"
          message={t('The record of this run no longer exists.')}
          description={t('See the History tab for other runs.')}
        />
      )}
    </Modal>
  );
}
