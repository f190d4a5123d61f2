import { Space } from 'antd';
import { useState } from 'react';
import type { PreviousView } from '../../shared/api';
import { NewBackupDialog } from '../backups/NewBackupDialog';
import { GuardedButton } from '../components/GuardedButton';
import { useHost } from '../host';
import { useT } from '../i18n';
import { useRuns } from '../live/RunsProvider';
import { busyRefusal } from '../refusals';
import { testId } from '../test-ids';
import { bringBackLabel } from './labels';
import { useDiscard } from './useDiscard';
import { useUndo } from './useUndo';

interface Props {
  state: PreviousView;
  /** Where another button brings it back. */
  withoutUndo?: boolean;
}

/** What the role can do with previous data: bring it back, save it as a backup, discard it. */
export function PreviousActions({ state, withoutUndo = false }: Props) {
  const t = useT();
  const host = useHost();
  const { active } = useRuns();
  const { undo } = useUndo();
  const discard = useDiscard();
  const [isSaving, setSaving] = useState(false);
  const shared = { size: 'small' as const, reason: busyRefusal(active, t) };
  return (
    <Space wrap size="small">
      {!withoutUndo && host.can('restore') && (
        <GuardedButton {...shared} onClick={() => void undo(state)} {...testId('previous-undo', state.id)}>
          {bringBackLabel(state, t)}
        </GuardedButton>
      )}
      {host.can('create') && (
        <GuardedButton {...shared} onClick={() => setSaving(true)} {...testId('previous-save', state.id)}>
          {t('Save as backup')}
        </GuardedButton>
      )}
      {host.can('delete') && (
        <GuardedButton {...shared} danger onClick={() => discard(state)} {...testId('previous-discard', state.id)}>
          {t('Discard')}
        </GuardedButton>
      )}
      {isSaving && <NewBackupDialog previous={state} onClose={() => setSaving(false)} />}
    </Space>
  );
}
