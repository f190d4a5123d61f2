import { useReducer, useState } from 'react';
import type { BackupView, PreviousView } from '../../shared/api';
import { PageShell } from '../components/PageShell';
import { useBackups } from '../hooks/useBackups';
import { RunBanner } from '../live/RunBanner';
import { PreviousData } from '../previous/PreviousData';
import { RestoreDialog, type RestoreSource } from '../restore/RestoreDialog';
import { BackupsTable } from './BackupsTable';
import { BackupsToolbar } from './BackupsToolbar';
import { DetailsDrawer } from './DetailsDrawer';
import { EditNoteDialog } from './EditNoteDialog';
import { LastBackupAlert } from './LastBackupAlert';
import { NewBackupDialog } from './NewBackupDialog';

type Dialog =
  | { kind: 'create'; previous?: PreviousView }
  | { kind: 'note'; backup: BackupView }
  | { kind: 'restore'; source: RestoreSource };

export function BackupsPage() {
  return (
    <PageShell name="backups">
      <Backups />
    </PageShell>
  );
}

function Backups() {
  const backups = useBackups();
  // A dialog may stand above the details, and leaves them when it closes.
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const [detailsOf, setDetailsOf] = useState<string | null>(null);
  const [changes, countChange] = useReducer((count: number) => count + 1, 0);
  const close = () => setDialog(null);
  const onChanged = () => {
    backups.reload();
    countChange();
  };
  const actions = {
    onRestore: ({ name }: BackupView) => setDialog({ kind: 'restore', source: { kind: 'backup', name } }),
    onDetails: ({ name }: BackupView) => setDetailsOf(name),
    onEditNote: (backup: BackupView) => setDialog({ kind: 'note', backup }),
    onChanged,
  };
  return (
    <>
      <RunBanner />
      <LastBackupAlert onDetails={setDetailsOf} />
      <PreviousData />
      <BackupsToolbar
        backups={backups}
        onCreate={() => setDialog({ kind: 'create' })}
        onRestoreFile={() => setDialog({ kind: 'restore', source: { kind: 'file' } })}
      />
      <BackupsTable backups={backups} onCreate={() => setDialog({ kind: 'create' })} {...actions} />
      {detailsOf !== null && (
        <DetailsDrawer name={detailsOf} changes={changes} onClose={() => setDetailsOf(null)} {...actions} />
      )}
      {dialog?.kind === 'create' && <NewBackupDialog previous={dialog.previous} onClose={close} />}
      {dialog?.kind === 'note' && <EditNoteDialog backup={dialog.backup} onClose={close} onSaved={onChanged} />}
      {dialog?.kind === 'restore' && (
        <RestoreDialog
          source={dialog.source}
          onClose={close}
          onStarted={() => {
            close();
            setDetailsOf(null);
          }}
          onSavePrevious={(previous) => setDialog({ kind: 'create', previous })}
          onKept={onChanged}
        />
      )}
    </>
  );
}
