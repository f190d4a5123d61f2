import { useMemoizedFn } from 'ahooks';
import { App } from 'antd';
import { useApi } from '../api/useApi';
import { useReport } from '../hooks/useReport';
import { useT } from '../i18n';
import { useRuns } from '../live/RunsProvider';
import { testId } from '../test-ids';
import { previousTitle, type Replaced } from './labels';

/** Discarding previous data permanently, after a confirmation. */
export function useDiscard(): (data: Replaced) => void {
  const t = useT();
  const api = useApi();
  const { modal } = App.useApp();
  const { follow } = useRuns();
  const report = useReport();
  return useMemoizedFn((data: Replaced) => {
    modal.confirm({
      title: t('Discard this data?'),
      content: (
        <>
          <p>{previousTitle(data, t)}</p>
          {t('The data is deleted permanently. This cannot be undone.')}
        </>
      ),
      okText: t('Discard'),
      okButtonProps: { danger: true, ...testId('discard-confirm') },
      cancelText: t('Cancel'),
      onOk: () => api.runs.discard(data.id).then(({ runId }) => follow(runId), report),
    });
  });
}
