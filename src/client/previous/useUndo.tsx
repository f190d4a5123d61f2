import { useMemoizedFn } from 'ahooks';
import { App, Typography } from 'antd';
import type { RunView } from '../../shared/runs';
import { useApi } from '../api/useApi';
import { useReport } from '../hooks/useReport';
import { useHost } from '../host';
import { useT } from '../i18n';
import { contentsLabel } from '../labels';
import { useRuns } from '../live/RunsProvider';
import { testId } from '../test-ids';
import { previousTitle, type Replaced, replacedBy, type UndoWords, undoWordsOf, undoWordsOfRun } from './labels';
import { usePrevious } from './PreviousProvider';

/** Bringing previous data back, after a confirmation that names it and the fate of the live data. */
export function useUndo() {
  const t = useT();
  const host = useHost();
  const api = useApi();
  const { modal } = App.useApp();
  const { follow, watch } = useRuns();
  const { states, now } = usePrevious();
  const report = useReport();

  const mayUndo = (run: RunView) =>
    run.undo?.state === 'available' && Date.parse(run.undo.until) > now && host.can('restore');

  const ask = useMemoizedFn(async (data: Replaced, { title, label }: UndoWords) => {
    // How long the live data is kept then: the settings of today, not those of the restore.
    const settings = await api.settings.get().catch(report);
    if (!settings) return;
    const { undoHours: hours } = settings;
    const isNewest = states[0]?.id === data.id;
    modal.confirm({
      width: 520,
      title,
      content: (
        <>
          <p>
            {t('{{data}} ({{contents}}) becomes live again.', {
              data: previousTitle(data, t),
              contents: contentsLabel(data.contents, t),
            })}
          </p>
          {hours > 0 ? (
            <p>
              {t(
                'The live data, including everything entered since then, becomes previous data and is kept for {{hours}} hours.',
                {
                  hours,
                },
              )}
            </p>
          ) : (
            <Typography.Paragraph type="danger">
              {t(
                'The live data, including everything entered since then, is lost: the settings keep no previous data.',
              )}
            </Typography.Paragraph>
          )}
          {!isNewest && states.length > 1 && <p>{t('Other previous data stays available.')}</p>}
          <p>{t('The app is unavailable for a few seconds.')}</p>
        </>
      ),
      okText: label,
      okButtonProps: { danger: true, ...testId('undo-confirm') },
      cancelText: t('Cancel'),
      onOk: () =>
        api.runs.undo(data.id).then(({ runId }) => {
          follow(runId);
          watch({ runId, open: true });
        }, report),
    });
  });

  /** What a run replaced; its moment as the list of previous data names it. */
  const undoRun = (run: RunView) =>
    ask(states.find(({ id }) => id === run.id) ?? replacedBy(run), undoWordsOfRun(run, t));
  const undo = (data: Replaced) => ask(data, undoWordsOf(data, t));

  return { mayUndo, undo, undoRun };
}
