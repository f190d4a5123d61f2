import { App, Button, Flex, Modal, Steps, theme } from 'antd';
import { useEffect, useRef, useState } from 'react';
import type { PreviousView, RestoreRequest } from '../../shared/api';
import { toFailure, type Failure } from '../api/failure';
import { useApi } from '../api/useApi';
import { TALL_DIALOG } from '../components/dialog-styles';
import { FailureAlert } from '../components/FailureAlert';
import { formatMoment } from '../format';
import { useReturnFocus } from '../hooks/useReturnFocus';
import { useUpload } from '../hooks/useUpload';
import { useHost } from '../host';
import { useT } from '../i18n';
import { useRuns } from '../live/RunsProvider';
import { useVerification } from '../live/useVerification';
import { useUndo } from '../previous/useUndo';
import { testId } from '../test-ids';
import { CheckStep } from './CheckStep';
import { Confirmation } from './Confirmation';
import { ConfirmStep } from './ConfirmStep';
import { UploadStep } from './UploadStep';
import { useRestorePlan } from './useRestorePlan';

export type RestoreSource = { kind: 'backup'; name: string } | { kind: 'file' };

type Step = 'upload' | 'check' | 'confirm';

interface Props {
  source: RestoreSource;
  onClose: () => void;
  onStarted: () => void;
  /** Closes this dialog and saves previous data as a backup instead. */
  onSavePrevious: (state: PreviousView) => void;
  /** The uploaded archive is in the list now. */
  onKept: () => void;
}

/** From a listed backup or a local file to a running restore. Whatever fails, the dialog and its input stay. */
export function RestoreDialog({ source, onClose, onStarted, onSavePrevious, onKept }: Props) {
  const t = useT();
  const api = useApi();
  const host = useHost();
  const { token } = theme.useToken();
  const { message } = App.useApp();
  const { follow, watch } = useRuns();
  const { undo } = useUndo();
  const upload = useUpload();
  const [wantedStep, setStep] = useState<Step>('check');
  const [typedName, setTypedName] = useState('');
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isStarting, setStarting] = useState(false);
  /** Name of the uploaded archive once it is in the list. */
  const [keptName, setKeptName] = useState<string | null>(null);
  useReturnFocus();

  const uploadId = upload.answer?.uploadId;
  const name = source.kind === 'backup' ? source.name : keptName;
  const target = name ? { name } : uploadId ? { uploadId } : null;
  const plan = useRestorePlan(target);
  const isVerifying = useVerification(name) !== null;
  const step = target ? wantedStep : 'upload';
  // An upload that was kept in the list is as foreign as before.
  const isForeign = source.kind === 'file' || plan.backup?.trigger === 'upload';
  // Each step begins at its top, where what matters most stands.
  const content = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const body = content.current?.parentElement;
    if (body) body.scrollTop = 0;
  }, [step]);
  const steps: Step[] = source.kind === 'file' ? ['upload', 'check', 'confirm'] : ['check', 'confirm'];
  const { inspection, request } = plan;
  const isReady = plan.isReady && !isVerifying;
  const isConfirmed = isReady && plan.isDiscardAccepted && typedName === inspection?.appName;

  const close = () => {
    upload.discard();
    onClose();
  };
  const go = (next: Step) => {
    setFailure(null);
    setStep(next);
  };
  const restore = async (wanted: RestoreRequest) => {
    setStarting(true);
    setFailure(null);
    try {
      const { runId } = await api.backups.restore(wanted);
      follow(runId);
      watch({ runId, open: true });
      onStarted();
    } catch (error) {
      setFailure(toFailure(error));
      setStarting(false);
    }
  };
  const keep = async (id: string) => {
    setFailure(null);
    try {
      const kept = await api.uploads.keep(id);
      setKeptName(kept.name);
      upload.forget();
      const time = formatMoment(inspection?.manifest.createdAt ?? '', t);
      void message.success(t('Backup of {{time}}: kept in the list', { time }));
      onKept();
    } catch (error) {
      setFailure(toFailure(error));
    }
  };
  const confirm = () => {
    if (isConfirmed && request && !isStarting) void restore(request);
  };

  const labels: Record<Step, string> = { upload: t('Choose a file'), check: t('Check'), confirm: t('Confirm') };
  return (
    <Modal
      open
      width={920}
      title={source.kind === 'file' ? t('Restore from local file') : t('Restore')}
      onCancel={close}
      maskClosable={false}
      {...TALL_DIALOG}
      footer={
        <Flex vertical gap={token.marginSM}>
          {step === 'confirm' && inspection && (
            <Confirmation
              appName={inspection.appName}
              isForeign={isForeign && plan.contents.includes('database')}
              typedName={typedName}
              onType={setTypedName}
              onEnter={confirm}
            />
          )}
          <Flex justify="flex-end" gap="small">
            <Button onClick={close}>{t('Cancel')}</Button>
            {step === 'confirm' && (
              <Button onClick={() => go('check')} disabled={isStarting} {...testId('restore-back')}>
                {t('Back')}
              </Button>
            )}
            {step === 'check' && (
              <Button type="primary" disabled={!isReady} onClick={() => go('confirm')} {...testId('restore-next')}>
                {t('Next')}
              </Button>
            )}
            {step === 'confirm' && (
              <Button
                type="primary"
                danger
                loading={isStarting}
                disabled={!isConfirmed}
                onClick={confirm}
                {...testId('restore-submit')}
              >
                {t('Restore')}
              </Button>
            )}
          </Flex>
        </Flex>
      }
      modalRender={(node) => <div {...testId('restore-dialog')}>{node}</div>}
    >
      <Flex ref={content} vertical gap={token.margin}>
        <Steps size="small" current={steps.indexOf(step)} items={steps.map((key) => ({ title: labels[key] }))} />
        <FailureAlert failure={failure} />
        {step === 'upload' && <UploadStep upload={upload} />}
        {step === 'check' && (
          <CheckStep plan={plan} onKeep={uploadId && host.can('create') ? () => keep(uploadId) : undefined} />
        )}
        {step === 'confirm' && inspection && (
          <ConfirmStep
            plan={plan}
            inspection={inspection}
            onUndoFirst={(state) => {
              close();
              void undo(state);
            }}
            onSaveFirst={(state) => {
              upload.discard();
              onSavePrevious(state);
            }}
          />
        )}
      </Flex>
    </Modal>
  );
}
