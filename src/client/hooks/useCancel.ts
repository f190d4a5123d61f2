import { useMemoizedFn } from 'ahooks';
import { App } from 'antd';
import type { RunView } from '../../shared/runs';
import { useApi } from '../api/useApi';
import { useHost, type Permission } from '../host';
import { useT } from '../i18n';
import { isFinal } from '../live/live-runs';
import { useRuns } from '../live/RunsProvider';
import { testId } from '../test-ids';
import { useReport } from './useReport';

/** From these steps on a run cannot be cancelled. */
const POINT_OF_NO_RETURN = ['switchover', 'reload', 'healthCheck', 'drop'];
const PERMISSIONS: Record<RunView['kind'], Permission> = {
  backup: 'create',
  restore: 'restore',
  undo: 'restore',
  verify: 'create',
  prune: 'delete',
};

/** Cancelling of runs, with a confirmation. */
export function useCancel() {
  const t = useT();
  const host = useHost();
  const api = useApi();
  const { modal } = App.useApp();
  const { follow, setCancelling } = useRuns();
  const report = useReport();

  /** True as well while it is being cancelled: its button then shows that. */
  const mayCancel = (run: RunView) =>
    !isFinal(run) && !POINT_OF_NO_RETURN.includes(run.step) && host.can(PERMISSIONS[run.kind]);

  const cancel = useMemoizedFn((run: RunView) =>
    modal.confirm({
      title: run.kind === 'backup' ? t('Cancel this backup?') : t('Cancel this run?'),
      content:
        run.kind === 'backup'
          ? t('The incomplete backup is deleted. Live data is not touched.')
          : t('What the run has staged is deleted. Live data is not touched.'),
      okText: t('Cancel the run'),
      okButtonProps: { danger: true, ...testId('cancel-confirm') },
      cancelText: t('Keep running'),
      onOk: () => {
        setCancelling(run.id, true);
        // The dialog does not wait for the server: the run shows what happens.
        void api.runs.cancel(run.id).then(
          () => follow(run.id),
          (error: unknown) => {
            setCancelling(run.id, false);
            report(error);
          },
        );
      },
    }),
  );

  return { mayCancel, cancel };
}
