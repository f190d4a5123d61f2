// @vitest-environment jsdom
import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { RestorePlanView, RestoreRequest } from '../../shared/api';
import { RunsProvider } from '../live/RunsProvider';
import { readWatchedRun } from '../live/watched-run';
import { aCheck, anInspection, refusal } from '../testing/fixtures';
import { fakeHost, prepareBrowser, renderPage, type FakeHost } from '../testing/render-page';
import { RestoreDialog, type RestoreSource } from './RestoreDialog';

const NAME = 'main_20261120T090000Z_abcdef';
const button = (name: string) => screen.getByTestId<HTMLButtonElement>(`safekeep-${name}`);

describe('the restore dialog', () => {
  let host: FakeHost;
  const onClose = vi.fn();
  const open = (source: RestoreSource = { kind: 'backup', name: NAME }) =>
    renderPage(
      <RunsProvider>
        <RestoreDialog source={source} onClose={onClose} />
      </RunsProvider>,
      host,
    );
  const sent = (url: string) => host.requests.filter((request) => request.url === url).map(({ data }) => data);

  beforeEach(async () => {
    await prepareBrowser();
    onClose.mockReset();
    host = fakeHost();
    host.answer('safekeepBackups:inspect', () => ({ data: anInspection([aCheck('dialect', 'ok')]) }));
    host.answer('safekeepBackups:restore', () => ({ data: { runId: 'run-9' } }));
  });

  it('keeps standing when the backup can not be read, and tells why', async () => {
    host.answer('safekeepBackups:inspect', () => {
      throw refusal(422, 'ARCHIVE_DAMAGED', 'The backup is damaged: a bit has flipped.');
    });
    open();
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('The backup is damaged: a bit has flipped.');
    expect(alert.textContent).toContain('Hint of ARCHIVE_DAMAGED');
    expect(alert.textContent).toContain('ARCHIVE_DAMAGED');
    expect(button('restore-next').disabled).toBe(true);
    expect(onClose).not.toHaveBeenCalled();

    host.answer('safekeepBackups:inspect', () => ({ data: anInspection([aCheck('dialect', 'ok')]) }));
    fireEvent.click(button('retry'));
    await waitFor(() => expect(button('restore-next').disabled).toBe(false));
  });

  it('lists what blocks first and lets nobody pass', async () => {
    const checks = [aCheck('dialect', 'ok'), aCheck('plugins', 'warning'), aCheck('schema', 'blocking')];
    host.answer('safekeepBackups:inspect', () => ({ data: anInspection(checks) }));
    open();
    const table = await screen.findByTestId('safekeep-checks');
    const order = [...table.querySelectorAll('tr[data-check]')].map((row) => row.getAttribute('data-check'));
    expect(order).toEqual(['schema', 'plugins', 'dialect']);
    fireEvent.click(button('accept:plugins'));
    expect(button('restore-next').disabled).toBe(true);
  });

  it('wants every warning accepted and the name of the app typed, and sends what was chosen', async () => {
    const checks = [aCheck('plugins', 'warning'), aCheck('keys', 'warning')];
    host.answer('safekeepBackups:inspect', () => ({ data: anInspection(checks) }));
    open();
    await screen.findByTestId('safekeep-checks');
    fireEvent.click(button('accept:plugins'));
    expect(button('restore-next').disabled).toBe(true);
    fireEvent.click(button('accept:keys'));
    expect(button('restore-next').disabled).toBe(false);
    fireEvent.click(screen.getByLabelText('Merge'));
    fireEvent.click(button('restore-next'));

    expect(screen.getByTestId('safekeep-restore-plan').textContent).toContain('The app is down for a few seconds.');
    expect(button('restore-submit').disabled).toBe(true);
    fireEvent.change(screen.getByTestId('safekeep-confirm-name'), { target: { value: 'Main' } });
    expect(button('restore-submit').disabled).toBe(true);
    fireEvent.change(screen.getByTestId('safekeep-confirm-name'), { target: { value: 'main' } });
    fireEvent.click(button('restore-submit'));

    await waitFor(() => expect(onClose).toHaveBeenCalled());
    const wanted: RestoreRequest = { name: NAME, filesMode: 'merge', acceptWarnings: ['plugins', 'keys'] };
    expect(sent('safekeepBackups:restore')).toEqual([wanted]);
    expect(readWatchedRun()).toEqual({ runId: 'run-9', open: true });
  });

  describe('before anyone says yes', () => {
    const planOf = async (change: Partial<RestorePlanView> = {}) => {
      const inspection = anInspection([aCheck('dialect', 'ok')]);
      host.answer('safekeepBackups:inspect', () => ({
        data: { ...inspection, plan: { ...inspection.plan, ...change } },
      }));
      open();
      await screen.findByTestId('safekeep-checks');
      fireEvent.click(button('restore-next'));
      const rows = within(screen.getByTestId('safekeep-restore-plan')).getAllByRole('row');
      return rows.map((row) => [...row.querySelectorAll('th, td')].map((cell) => cell.textContent));
    };

    it('tells the way, the downtime, the disk it takes and how long one can go back', async () => {
      expect(await planOf()).toEqual([
        ['Restored', 'Database, Uploaded files'],
        ['Database', 'A new file is exchanged with the live one.'],
        ['Uploaded files', 'The folders become exactly as they were; files added since the backup are removed.'],
        ['Downtime', 'The app is down for a few seconds.'],
        ['Disk space', 'About 1.0 MB more, until the state before is dropped.'],
        ['Way back', 'The state before is kept for 72 hours. Until then the History tab can undo the restore.'],
      ]);
      expect(screen.queryByTestId('safekeep-restore-no-undo')).toBeNull();
    });

    it('warns when there will be no way back', async () => {
      expect((await planOf({ undoHours: 0 })).at(-2)).toEqual(['Disk space', 'About 1.0 MB more while it runs.']);
      expect(screen.getByTestId('safekeep-restore-no-undo').textContent).toContain('can not be undone');
    });
  });

  it('keeps what was typed when the server refuses to begin', async () => {
    host.answer('safekeepBackups:restore', () => {
      throw refusal(409, 'BUSY', 'Another run is under way.');
    });
    open();
    await screen.findByTestId('safekeep-checks');
    fireEvent.click(button('restore-next'));
    fireEvent.change(screen.getByTestId('safekeep-confirm-name'), { target: { value: 'main' } });
    fireEvent.click(button('restore-submit'));
    expect((await screen.findByRole('alert')).textContent).toContain('Another run is under way.');
    expect(screen.getByTestId<HTMLInputElement>('safekeep-confirm-name').value).toBe('main');
    expect(onClose).not.toHaveBeenCalled();
    expect(readWatchedRun()).toBeNull();
  });

  it('inspects again when less is to be restored', async () => {
    open();
    await screen.findByTestId('safekeep-checks');
    fireEvent.click(screen.getByLabelText('Only the database'));
    await waitFor(() => expect(sent('safekeepBackups:inspect')).toHaveLength(2));
    expect(sent('safekeepBackups:inspect')).toEqual([{ name: NAME }, { name: NAME, contents: ['database'] }]);
    expect(screen.queryByTestId('safekeep-files-mode')).toBeNull();
  });

  it('shows at the upload why a local file is no backup, and takes another one', async () => {
    host.answer('safekeepBackups:uploadStart', () => ({ data: { uploadId: 'u', maxChunkBytes: 1000, received: 0 } }));
    host.answer('safekeepBackups:uploadAppend', () => ({ data: { received: 5 } }));
    host.answer('safekeepBackups:uploadFinish', () => {
      throw refusal(422, 'NOT_A_ZIP', 'This file is not a backup.');
    });
    open({ kind: 'file' });
    const choose = () => {
      const input = within(screen.getByTestId('safekeep-upload-file'))
        .getByText(/Drop a backup file/)
        .closest('span');
      const file = input?.querySelector('input');
      if (!file) throw new Error('no file input');
      fireEvent.change(file, { target: { files: [new File(['hello'], 'hello.zip')] } });
    };
    choose();
    expect((await screen.findByRole('alert')).textContent).toContain('This file is not a backup.');

    host.answer('safekeepBackups:uploadFinish', () => ({
      data: { uploadId: 'u', manifest: anInspection([]).manifest },
    }));
    choose();
    await screen.findByTestId('safekeep-checks');
    expect(sent('safekeepBackups:inspect')).toEqual([{ uploadId: 'u' }]);
  });
});
