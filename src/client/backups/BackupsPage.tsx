import { useState } from 'react';
import type { BackupView } from '../../shared/api';
import { PageShell } from '../components/PageShell';
import { useBackups } from '../hooks/useBackups';
import { RunBanner } from '../live/RunBanner';
import { RestoreDialog, type RestoreSource } from '../restore/RestoreDialog';
import { BackupsTable } from './BackupsTable';
import { BackupsToolbar } from './BackupsToolbar';
import { DetailsDrawer } from './DetailsDrawer';
import { EditNoteDialog } from './EditNoteDialog';
import { LastBackupAlert } from './LastBackupAlert';
import { NewBackupDialog } from './NewBackupDialog';

type Dialog =
  | { kind: 'create' }
  | { kind: 'details'; name: string }
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
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const close = () => setDialog(null);
  const restore = (backup: BackupView) => setDialog({ kind: 'restore', source: { kind: 'backup', name: backup.name } });
  return (
    <>
      <RunBanner />
      <LastBackupAlert onDetails={(name) => setDialog({ kind: 'details', name })} />
      <BackupsToolbar
        backups={backups}
        onCreate={() => setDialog({ kind: 'create' })}
        onRestoreFile={() => setDialog({ kind: 'restore', source: { kind: 'file' } })}
      />
      <BackupsTable
        backups={backups}
        onCreate={() => setDialog({ kind: 'create' })}
        onRestore={restore}
        onDetails={(backup) => setDialog({ kind: 'details', name: backup.name })}
        onEditNote={(backup) => setDialog({ kind: 'note', backup })}
      />
      {dialog?.kind === 'create' && <NewBackupDialog onClose={close} onStarted={backups.reload} />}
      {dialog?.kind === 'details' && <DetailsDrawer name={dialog.name} onClose={close} onRestore={restore} />}
      {dialog?.kind === 'note' && <EditNoteDialog backup={dialog.backup} onClose={close} onSaved={backups.reload} />}
      {dialog?.kind === 'restore' && <RestoreDialog source={dialog.source} onClose={close} />}
    </>
  );
}
