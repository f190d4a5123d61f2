import type { PreviousView } from '../../shared/api';
import type { RunView } from '../../shared/runs';
import { formatMoment } from '../format';
import type { Translate } from '../i18n';
import { isRedo, undoLabel } from '../labels';

/** Data that a run replaced, as far as bringing it back needs to know it. */
export type Replaced = Pick<PreviousView, 'id' | 'replacedBy' | 'replacedAt' | 'contents'>;

/** What previous data is. */
export function previousTitle({ replacedBy, replacedAt }: Replaced, t: Translate): string {
  const time = formatMoment(replacedAt, t);
  return replacedBy === 'restore'
    ? t('Data before the restore on {{time}}', { time })
    : t('Data before the undo on {{time}}', { time });
}

/** What bringing it back is called where only the previous data is known, not the run. */
export function bringBackLabel({ replacedBy }: Replaced, t: Translate): string {
  return replacedBy === 'restore' ? t('Undo') : t('Bring back');
}

/** What a restore or an undo replaced. */
export function replacedBy(run: RunView): Replaced {
  const { id, kind, contents, startedAt, finishedAt } = run;
  return { id, contents, replacedBy: kind === 'undo' ? 'undo' : 'restore', replacedAt: finishedAt ?? startedAt };
}

export interface UndoWords {
  label: string;
  title: string;
}

export function undoWordsOfRun(run: RunView, t: Translate): UndoWords {
  return { label: undoLabel(run, t), title: isRedo(run) ? t('Redo this restore?') : t('Undo this restore?') };
}

export function undoWordsOf(state: Replaced, t: Translate): UndoWords {
  const title = state.replacedBy === 'restore' ? t('Undo this restore?') : t('Bring this data back?');
  return { label: bringBackLabel(state, t), title };
}
