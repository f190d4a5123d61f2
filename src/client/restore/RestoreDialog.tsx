import { Button, Flex, Modal, Steps, theme } from 'antd';
import { useState } from 'react';
import type { RestoreRequest } from '../../shared/api';
import { toFailure, type Failure } from '../api/failure';
import { useApi } from '../api/useApi';
import { FailureAlert } from '../components/FailureAlert';
import { useUpload } from '../hooks/useUpload';
import { useT } from '../i18n';
import { useRuns } from '../live/RunsProvider';
import { testId } from '../test-ids';
import { CheckStep } from './CheckStep';
import { ConfirmStep } from './ConfirmStep';
import { UploadStep } from './UploadStep';
import { useRestorePlan } from './useRestorePlan';

export type RestoreSource = { kind: 'backup'; name: string } | { kind: 'file' };

type Step = 'upload' | 'check' | 'confirm';

/** From a listed backup or a local file to a running restore. Whatever fails, the dialog and its input stay. */
export function RestoreDialog({ source, onClose }: { source: RestoreSource; onClose: () => void }) {
  const t = useT();
  const api = useApi();
  const { token } = theme.useToken();
  const { follow, watch } = useRuns();
  const upload = useUpload();
  const [wantedStep, setStep] = useState<Step>('check');
  const [typedName, setTypedName] = useState('');
  const [failure, setFailure] = useState<Failure | null>(null);
  const [starting, setStarting] = useState(false);

  const uploadId = upload.answer?.uploadId;
  const target = source.kind === 'backup' ? { name: source.name } : uploadId ? { uploadId } : null;
  const plan = useRestorePlan(target);
  const step = target ? wantedStep : 'upload';
  const steps: Step[] = source.kind === 'file' ? ['upload', 'check', 'confirm'] : ['check', 'confirm'];
  const confirmed = plan.inspection !== null && typedName === plan.inspection.appName;

  const close = () => {
    upload.discard();
    onClose();
  };
  const go = (next: Step) => {
    setFailure(null);
    setStep(next);
  };
  const restore = async (request: RestoreRequest) => {
    setStarting(true);
    setFailure(null);
    try {
      const { runId } = await api.backups.restore(request);
      follow(runId);
      watch({ runId, open: true });
      onClose();
    } catch (error) {
      setFailure(toFailure(error));
      setStarting(false);
    }
  };

  const labels: Record<Step, string> = { upload: t('Choose the file'), check: t('Check'), confirm: t('Confirm') };
  return (
    <Modal
      open
      width={920}
      title={source.kind === 'file' ? t('Restore from local file') : t('Restore')}
      onCancel={close}
      maskClosable={false}
      style={{ top: 40 }}
      styles={{ body: { paddingTop: token.paddingXS, maxHeight: 'calc(100vh - 210px)', overflowY: 'auto' } }}
      footer={
        <Flex justify="flex-end" gap="small">
          <Button onClick={close}>{t('Cancel')}</Button>
          {step === 'confirm' && (
            <Button onClick={() => go('check')} disabled={starting} {...testId('restore-back')}>
              {t('Back')}
            </Button>
          )}
          {step === 'check' && (
            <Button type="primary" disabled={!plan.ready} onClick={() => go('confirm')} {...testId('restore-next')}>
              {t('Next')}
            </Button>
          )}
          {step === 'confirm' && (
            <Button
              type="primary"
              danger
              loading={starting}
              disabled={!plan.ready || !confirmed}
              onClick={() => void (plan.request && restore(plan.request))}
              {...testId('restore-submit')}
            >
              {t('Restore')}
            </Button>
          )}
        </Flex>
      }
      modalRender={(node) => <div {...testId('restore-dialog')}>{node}</div>}
    >
      <Flex vertical gap={token.margin}>
        <Steps size="small" current={steps.indexOf(step)} items={steps.map((key) => ({ title: labels[key] }))} />
        <FailureAlert failure={failure} />
        {step === 'upload' && <UploadStep upload={upload} />}
        {step === 'check' && <CheckStep plan={plan} />}
        {step === 'confirm' && plan.inspection && (
          <ConfirmStep
            inspection={plan.inspection}
            choices={plan.choices}
            typedName={typedName}
            onType={setTypedName}
            onEnter={() => void (plan.ready && confirmed && plan.request && !starting && restore(plan.request))}
          />
        )}
      </Flex>
    </Modal>
  );
}
