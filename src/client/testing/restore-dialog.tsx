/** The restore dialog with a server that answers all it asks. */
import { fireEvent, screen } from '@testing-library/react';
import { vi } from 'vitest';
import type { BackupView } from '../../shared/api';
import { RestoreDialog, type RestoreSource } from '../restore/RestoreDialog';
import { aBackup, aCheck, aManifest, anInspection, aPreview } from './fixtures';
import { fakeHost, renderPart, type FakeHost } from './render-page';

export const NAME = 'main_20261120T090000Z_abcdef';
export const button = (name: string) => screen.getByTestId<HTMLButtonElement>(`safekeep-${name}`);

export interface RestoreScene {
  host: FakeHost;
  onClose: ReturnType<typeof vi.fn>;
  onStarted: ReturnType<typeof vi.fn>;
  onSavePrevious: ReturnType<typeof vi.fn>;
  onKept: ReturnType<typeof vi.fn>;
  open(source?: RestoreSource): void;
  /** From the check to the last step. */
  next(): Promise<void>;
}

export function restoreScene(backup: Partial<BackupView> = {}): RestoreScene {
  const host = fakeHost();
  host.answer('safekeepBackups:get', () => ({ data: { ...aBackup({ name: NAME, ...backup }), manifest: null } }));
  host.answer('safekeepBackups:inspect', () => ({ data: anInspection([aCheck('dialect', 'ok')]) }));
  host.answer('safekeepBackups:preview', () => ({ data: aPreview() }));
  host.answer('safekeepBackups:restore', () => ({ data: { runId: 'run-9' } }));
  host.answer('safekeepBackups:uploadStart', () => ({ data: { uploadId: 'u', maxChunkBytes: 1000, received: 0 } }));
  host.answer('safekeepBackups:uploadAppend', () => ({ data: { received: 5 } }));
  host.answer('safekeepBackups:uploadFinish', () => ({ data: { uploadId: 'u', manifest: aManifest() } }));
  host.answer('safekeepBackups:uploadAbort', () => ({ data: {} }));
  const calls = { onClose: vi.fn(), onStarted: vi.fn(), onSavePrevious: vi.fn(), onKept: vi.fn() };
  return {
    host,
    ...calls,
    open: (source = { kind: 'backup', name: NAME }) =>
      void renderPart(<RestoreDialog source={source} {...calls} />, host),
    async next() {
      await screen.findByTestId('safekeep-checks');
      fireEvent.click(button('restore-next'));
    },
  };
}

/** Chooses a local file of five bytes. */
export function chooseFile(name: string): void {
  const input = screen.getByTestId('safekeep-upload-file').querySelector('input');
  if (!input) throw new Error('no file input');
  fireEvent.change(input, { target: { files: [new File(['hello'], name)] } });
}
