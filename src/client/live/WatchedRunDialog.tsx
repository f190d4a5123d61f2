import { Alert, Button, Flex, Modal, Spin } from 'antd';
import { AwayAlert, RunPanel } from '../components/RunPanel';
import { useRunActions } from '../hooks/useRunActions';
import { useT } from '../i18n';
import { runLabel } from '../labels';
import { testId } from '../test-ids';
import { isFinal } from './live-runs';
import { useRuns } from './RunsProvider';

/** Progress, then result, of the run this tab watches; open again after a reload until it is closed. */
export function WatchedRunDialog() {
  const t = useT();
  const { runs, away, watched, watch, lost } = useRuns();
  const { mayCancel, cancel } = useRunActions();
  if (!watched) return null;
  const run = runs.get(watched.runId);
  const ended = run ? isFinal(run) : lost.has(watched.runId);
  const unknown = !run && lost.has(watched.runId);
  // A result is kept as a banner; a run that nobody knows is forgotten.
  const close = () => watch(unknown ? null : { ...watched, open: false });
  return (
    <Modal
      open={watched.open}
      title={run ? runLabel(run, t) : t('Restore')}
      width={860}
      onCancel={close}
      maskClosable={ended}
      style={{ top: 40 }}
      styles={{ body: { maxHeight: 'calc(100vh - 210px)', overflowY: 'auto' } }}
      destroyOnClose
      footer={
        <Flex justify="space-between" gap="small">
          <span>
            {run && mayCancel(run) && (
              <Button danger onClick={() => cancel(run)} {...testId('cancel', run.id)}>
                {t('Cancel the run')}
              </Button>
            )}
          </span>
          <Button type={ended ? 'primary' : 'default'} onClick={close} {...testId('run-close')}>
            {ended ? t('Close') : t('Hide')}
          </Button>
        </Flex>
      }
      modalRender={(node) => <div {...testId('run-dialog')}>{node}</div>}
    >
      {run && <RunPanel run={run} away={away} />}
      {!run && away && <AwayAlert away={away} restoring />}
      {!run && !away && !unknown && (
        <Flex justify="center" style={{ padding: 48 }}>
          <Spin />
        </Flex>
      )}
      {unknown && (
        <Alert
          type="warning"
          showIcon
          role="status"
          message={t('This run is no longer known.')}
          description={t('Its record was removed. The History tab shows what is known.')}
        />
      )}
    </Modal>
  );
}
