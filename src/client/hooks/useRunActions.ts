import { App } from 'antd';
import { useMemoizedFn } from 'ahooks';
import type { RunView } from '../../shared/runs';
import { toFailure } from '../api/failure';
import { useApi } from '../api/useApi';
import { useHost, type Right } from '../host';
import { useT } from '../i18n';
import { failureText, leadsBeforeRestore, undoLabel, undoSentences } from '../labels';
import { isFinal } from '../live/live-runs';
import { useRuns } from '../live/RunsProvider';
import { testId } from '../test-ids';

/** From these steps on there is no way back before the end. */
const POINT_OF_NO_RETURN = ['switchover', 'reload', 'healthCheck', 'drop'];
const RIGHTS: Record<RunView['kind'], Right> = {
  backup: 'create',
  restore: 'restore',
  undo: 'restore',
  verify: 'create',
  prune: 'delete',
};

export function useRunActions() {
  const t = useT();
  const host = useHost();
  const api = useApi();
  const { modal, message } = App.useApp();
  const { follow, watch } = useRuns();

  /** Shows what went wrong for actions that have no dialog of their own. */
  const tell = useMemoizedFn((error: unknown) => {
    const text = failureText(toFailure(error), t);
    void message.error([text.message, text.hint].filter(Boolean).join(' '));
  });

  const mayCancel = (run: RunView) =>
    !isFinal(run) && !POINT_OF_NO_RETURN.includes(run.step) && host.can(RIGHTS[run.kind]);

  const cancel = useMemoizedFn((run: RunView) =>
    modal.confirm({
      title: run.kind === 'backup' ? t('Cancel this backup?') : t('Cancel this run?'),
      content: t('What it has done so far is thrown away; the live data stays as it is.'),
      okText: t('Cancel the run'),
      okButtonProps: { danger: true, ...testId('cancel-confirm') },
      cancelText: t('Let it go on'),
      onOk: () => api.runs.cancel(run.id).then(() => follow(run.id), tell),
    }),
  );

  const mayUndo = (run: RunView, now: number) =>
    run.status.startsWith('succeeded') &&
    Boolean(run.undoUntil) &&
    Date.parse(run.undoUntil ?? '') > now &&
    host.can('restore');

  const undo = useMemoizedFn(async (run: RunView) => {
    // How long what is replaced now will be kept: the settings of today, not those of the restore.
    const settings = await api.settings.get().catch(tell);
    if (!settings) return;
    modal.confirm({
      width: 520,
      title: leadsBeforeRestore(run) ? t('Undo this restore?') : t('Bring the restored state back?'),
      content: undoSentences(run, settings.undoHours, t).join(' '),
      okText: undoLabel(run, t),
      okButtonProps: { danger: true, ...testId('undo-confirm') },
      cancelText: t('Cancel'),
      onOk: () =>
        api.runs.undo(run.id).then(({ runId }) => {
          follow(runId);
          watch({ runId, open: true });
        }, tell),
    });
  });

  return { mayCancel, cancel, mayUndo, undo, tell };
}
