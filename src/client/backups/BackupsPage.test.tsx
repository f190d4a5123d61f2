// @vitest-environment jsdom
import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BackupView } from '../../shared/api';
import type { HostRequest } from '../host';
import { aBackup, aCheck, anInspection, anOrigin, aRun, refusal } from '../testing/fixtures';
import { fakeHost, prepareBrowser, renderPage, type FakeHost } from '../testing/render-page';
import { BackupsPage } from './BackupsPage';

const disabled = (name: string) => screen.getByTestId<HTMLButtonElement>(`safekeep-${name}`).disabled;

/** Answers the list as the server does: newest first, filtered by status. */
function serve(host: FakeHost, backups: BackupView[]) {
  host.answer('safekeepBackups:list', ({ params }: HostRequest) => {
    const filter = JSON.stringify(params?.filter ?? '');
    const rows = backups.filter(({ status }) => !filter.includes('status') || filter.includes(`\\"${status}\\"`));
    return { data: rows.slice(0, Number(params?.pageSize)), meta: { count: rows.length } };
  });
}

describe('the Backups tab', () => {
  let host: FakeHost;
  beforeEach(async () => {
    await prepareBrowser();
    host = fakeHost();
    host.answer('safekeepSettings:get', () => ({ data: { defaultContents: ['database'] } }));
  });

  it('shows a newcomer what to do', async () => {
    renderPage(<BackupsPage />, host);
    fireEvent.click(await screen.findByTestId('safekeep-empty-new-backup'));
    expect(await screen.findByTestId('safekeep-create-dialog')).toBeTruthy();
  });

  it('shows an error of the list with a way to try again', async () => {
    host.answer('safekeepBackups:list', () => {
      throw refusal(500, 'INTERNAL', 'Something went wrong.');
    });
    renderPage(<BackupsPage />, host);
    expect((await screen.findByTestId('safekeep-list-error')).textContent).toContain('Something went wrong.');
    serve(host, [aBackup()]);
    fireEvent.click(screen.getByTestId('safekeep-retry'));
    expect(await screen.findByTestId(`safekeep-backup:${aBackup().name}`)).toBeTruthy();
  });

  it('warns when the last backup failed and names the last successful one', async () => {
    const error = { code: 'TOOL_FAILED', message: 'pg_dump failed.', hint: 'See the log.' };
    const failed = aBackup({ name: 'b', status: 'failed', error, startedAt: '2026-11-20T12:00:00.000Z' });
    serve(host, [failed, aBackup()]);
    renderPage(<BackupsPage />, host);
    const alert = await screen.findByTestId('safekeep-backup-alert');
    expect(alert.textContent).toContain('pg_dump failed.');
    expect(alert.textContent).toMatch(/Last successful backup: \d+ Nov 2026/);
  });

  it('is silent when a successful one came after the failure', async () => {
    serve(host, [aBackup(), aBackup({ name: 'b', status: 'failed' })]);
    renderPage(<BackupsPage />, host);
    await screen.findByTestId('safekeep-backup:b');
    expect(screen.queryByTestId('safekeep-backup-alert')).toBeNull();
  });

  it('shows a role that may only look nothing else to press', async () => {
    serve(host, [aBackup()]);
    const { name } = aBackup();
    renderPage(<BackupsPage />, { ...host, can: (permission: string) => permission === 'see' });
    const row = (await screen.findByTestId(`safekeep-backup:${name}`)).closest('tr');
    for (const control of ['new-backup', 'restore-file', `restore:${name}`, `download:${name}`, `more:${name}`]) {
      expect(screen.queryByTestId(`safekeep-${control}`), control).toBeNull();
    }
    expect([...(row?.querySelectorAll('button') ?? [])].map(({ textContent }) => textContent)).toEqual(['Details']);
    expect(document.querySelectorAll('[data-testid^="safekeep-"]:disabled')).toHaveLength(0);
  });

  it('shows a role without the permission to delete no way to remove a protection', async () => {
    serve(host, [aBackup({ name: 'kept', isProtected: true }), aBackup({ name: 'free' })]);
    renderPage(<BackupsPage />, {
      ...host,
      can: (permission: string) => permission === 'see' || permission === 'create',
    });
    fireEvent.click(await screen.findByTestId('safekeep-more:kept'));
    await screen.findByTestId('safekeep-edit-note');
    expect(screen.queryByTestId('safekeep-protect')).toBeNull();
    fireEvent.click(screen.getByTestId('safekeep-more:free'));
    expect((await screen.findByTestId('safekeep-protect')).textContent).toBe('Protect');
  });

  it('leads with when and why, and names who or what made a backup', async () => {
    serve(host, [
      aBackup({ name: 'one', note: 'Before the upgrade' }),
      aBackup({ name: 'two', trigger: 'api', startedBy: 'Anna Weber' }),
      aBackup({ name: 'three', trigger: 'schedule', startedBy: null }),
      aBackup({ name: 'four', trigger: 'manual', startedBy: null }),
    ]);
    renderPage(<BackupsPage />, host);
    const cell = await screen.findByTestId('safekeep-backup:one');
    expect(cell.textContent).toMatch(/^\d+ Nov 2026, \d\d:\d\dBefore the upgrade$/);
    const triggers = ['one', 'two', 'three', 'four'].map(
      (name) => screen.getByTestId(`safekeep-backup:${name}`).closest('tr')?.querySelectorAll('td')[3]?.textContent,
    );
    expect(triggers).toEqual(['Super Admin', 'API', 'Schedule', 'Manual']);
  });

  it('marks the backup that the live data was restored from', async () => {
    serve(host, [aBackup({ name: 'live', live: anOrigin() }), aBackup({ name: 'other' })]);
    renderPage(<BackupsPage />, host);
    const row = (await screen.findByTestId('safekeep-live')).closest('tr');
    expect(row?.dataset.rowKey).toBe('live');
    expect(screen.getAllByTestId('safekeep-live')).toHaveLength(1);
  });

  it('asks by time and note before it deletes', async () => {
    serve(host, [aBackup({ name: 'old', note: 'Spring' })]);
    host.answer('safekeepBackups:destroy', () => ({ data: {} }));
    renderPage(<BackupsPage />, host);
    fireEvent.click(await screen.findByTestId('safekeep-more:old'));
    fireEvent.click(await screen.findByTestId('safekeep-delete'));
    const confirm = await screen.findByTestId('safekeep-delete-confirm');
    expect(screen.getByRole('dialog').textContent).toMatch(/Backup of \d+ Nov 2026, \d\d:\d\dSpring/);
    expect(screen.getByRole('dialog').textContent).not.toContain('old');
    fireEvent.click(confirm);
    await waitFor(() => expect(host.requests.map(({ url }) => url)).toContain('safekeepBackups:destroy'));
  });

  describe('while a backup is in progress', () => {
    const run = aRun({ id: 'run-5', kind: 'backup', step: 'database', percent: 37 });
    beforeEach(() => {
      serve(host, [aBackup({ status: 'running', runId: 'run-5', run, finishedAt: null })]);
      host.answer('safekeepRuns:list', () => ({ data: [run], meta: { count: 1 } }));
    });

    it('shows its bar, and disables what has to wait, with the reason', async () => {
      renderPage(<BackupsPage />, host);
      expect((await screen.findByTestId('safekeep-run-progress')).dataset.percent).toBe('37');
      await waitFor(() => expect(disabled('new-backup')).toBe(true));
      expect(screen.getByTestId('safekeep-new-backup').getAttribute('aria-description')).toBe(
        'Another run is in progress: Backup.',
      );
    });

    it('shows at once that it is being cancelled, and stops the bar', async () => {
      let answer: (value: unknown) => void = () => undefined;
      host.answer('safekeepRuns:cancel', () => new Promise((resolve) => (answer = resolve)));
      renderPage(<BackupsPage />, host);
      fireEvent.click(await screen.findByTestId('safekeep-cancel:run-5'));
      fireEvent.click(await screen.findByTestId('safekeep-cancel-confirm'));
      // The server has not answered yet.
      await waitFor(() => expect(screen.getByTestId('safekeep-cancel:run-5').textContent).toBe('Cancelling…'));
      const progress = screen.getByTestId('safekeep-run-progress');
      expect(progress.textContent).toContain('Cancelling…');
      act(() => host.send({ ...run, percent: 80 }));
      expect(screen.getByTestId('safekeep-run-progress').dataset.percent).toBe('37');
      answer({ data: {} });
    });

    it('shows that it can no longer be cancelled', async () => {
      host.answer('safekeepRuns:cancel', () => {
        throw refusal(409, 'TOO_LATE', 'The run can no longer be cancelled.');
      });
      renderPage(<BackupsPage />, host);
      fireEvent.click(await screen.findByTestId('safekeep-cancel:run-5'));
      fireEvent.click(await screen.findByTestId('safekeep-cancel-confirm'));
      await screen.findByText(/The run can no longer be cancelled\./);
      await waitFor(() => expect(screen.getByTestId('safekeep-cancel:run-5').textContent).toBe('Cancel'));
    });
  });

  it('shows no error for a backup that the user cancelled', async () => {
    const error = { code: 'CANCELLED', message: 'The run was cancelled.', hint: '' };
    serve(host, [aBackup({ status: 'cancelled', error, bytes: null })]);
    host.answer('safekeepBackups:get', () => ({
      data: { ...aBackup({ status: 'cancelled', error }), manifest: null },
    }));
    renderPage(<BackupsPage />, host);
    const cell = await screen.findByTestId(`safekeep-backup:${aBackup().name}`);
    expect(screen.queryByTestId('safekeep-backup-alert')).toBeNull();
    fireEvent.click(within(cell).getByRole('button'));
    await screen.findByText('Overview');
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('offers to restore and download only what has an archive', async () => {
    serve(host, [aBackup({ name: 'good' }), aBackup({ name: 'bad', status: 'failed', bytes: null })]);
    renderPage(<BackupsPage />, host);
    await screen.findByTestId('safekeep-backup:bad');
    expect(disabled('restore:good')).toBe(false);
    expect(screen.queryByTestId('safekeep-restore:bad')).toBeNull();
    expect(screen.queryByTestId('safekeep-download:bad')).toBeNull();
  });

  describe('what a verification has found', () => {
    const verified = (result: 'restorable' | 'bytes only' | 'failed', detail: string) => {
      return aBackup({ name: result, verified: { at: '2026-11-20T11:00:00.000Z', runId: 'run-7', result, detail } });
    };

    it('is shown next to the status; a backup that failed it cannot be restored', async () => {
      serve(host, [
        verified('restorable', 'Loaded into a scratch database: 87 tables, 12,345 rows match.'),
        verified('bytes only', 'pg_restore is missing'),
        verified('failed', 'The backup is damaged: two.bin differs.'),
        aBackup({ name: 'never' }),
      ]);
      renderPage(<BackupsPage />, host);
      const sign = async (name: string) => (await screen.findByTestId(`safekeep-verified:${name}`)).ariaLabel;
      expect(await sign('restorable')).toMatch(/^Verified on \d+ Nov 2026, .*: 87 tables, 12,345 rows match\.$/);
      expect(await sign('bytes only')).toMatch(
        /^Checksums verified on .*; the data was not loaded\. pg_restore is missing$/,
      );
      expect(await sign('failed')).toMatch(/^Verification failed on .*\. The backup is damaged: two\.bin/);
      expect(screen.queryByTestId('safekeep-verified:never')).toBeNull();
      const status = (name: string) => screen.getByTestId(`safekeep-status:${name}`).textContent;
      expect(['restorable', 'bytes only', 'never'].map(status)).toEqual(['Succeeded', 'Succeeded', 'Succeeded']);
      expect(status('failed')).toBe('Verification failed');
      expect(disabled('restore:failed')).toBe(true);
      expect(screen.getByTestId('safekeep-backup:failed').querySelector('del')).toBeTruthy();
      expect(disabled('restore:never')).toBe(false);
    });

    it('is what a successful backup has to pass to be named as the last one', async () => {
      const unusable = { ...verified('failed', 'Damaged.'), startedAt: '2026-11-20T11:00:00.000Z' };
      const failed = aBackup({ name: 'b', status: 'failed', startedAt: '2026-11-20T12:00:00.000Z' });
      serve(host, [failed, unusable, aBackup({ startedAt: '2026-10-01T12:00:00.000Z' })]);
      renderPage(<BackupsPage />, host);
      const alert = await screen.findByTestId('safekeep-backup-alert');
      expect(alert.textContent).toMatch(/Last successful backup: \d+ (Sep|Oct) 2026/);
    });

    it('turns while the backup is being verified', async () => {
      serve(host, [verified('restorable', 'Loaded.'), aBackup({ name: 'other' })]);
      const run = aRun({ kind: 'verify', step: 'stageDatabase', backupName: 'restorable' });
      host.answer('safekeepRuns:list', () => ({ data: [run], meta: { count: 1 } }));
      renderPage(<BackupsPage />, host);
      const sign = await screen.findByTestId('safekeep-verified:restorable');
      await waitFor(() => expect(sign.dataset.result).toBe('in progress'));
      expect(screen.queryByTestId('safekeep-verified:other')).toBeNull();
      expect(screen.getByTestId('safekeep-run-banner').textContent).toContain('Verification');
    });

    describe('when it is started here', () => {
      const run = aRun({ id: 'run-8', kind: 'verify', backupName: 'good' });
      beforeEach(() => {
        serve(host, [aBackup({ name: 'good' })]);
        host.answer('safekeepBackups:verify', () => ({ data: { runId: 'run-8' } }));
        host.answer('safekeepRuns:get', () => ({ data: run }));
        host.answer('safekeepBackups:get', () => ({ data: { ...aBackup({ name: 'good' }), manifest: null } }));
        host.answer('safekeepBackups:inspect', () => ({ data: anInspection([aCheck('archive', 'ok')]) }));
        renderPage(<BackupsPage />, host);
      });
      const end = () => act(() => host.send({ ...run, status: 'succeeded' }));

      it('ends with a note after the menu has started it', async () => {
        fireEvent.click(await screen.findByTestId('safekeep-more:good'));
        fireEvent.click(await screen.findByTestId('safekeep-verify'));
        await screen.findByTestId('safekeep-verified:good');
        const asked = host.requests.find(({ url }) => url === 'safekeepBackups:verify');
        expect(asked?.params).toEqual({ filterByTk: 'good' });
        end();
        expect((await screen.findByText('Verification: succeeded')).closest('.ant-notification-notice')).toBeTruthy();
      });

      it('ends without one on top of the check that has started it', async () => {
        fireEvent.click(await screen.findByTestId('safekeep-restore:good'));
        fireEvent.click(await screen.findByTestId('safekeep-verify-first'));
        await screen.findByTestId('safekeep-verifying');
        end();
        await screen.findByTestId('safekeep-verify-first');
        expect(document.querySelector('.ant-notification-notice')).toBeNull();
      });
    });
  });

  it('keeps the dialog and the note when a backup cannot be started', async () => {
    serve(host, [aBackup()]);
    host.answer('safekeepBackups:create', () => {
      throw refusal(424, 'TOOL_MISSING', 'The client tool pg_dump was not found.');
    });
    renderPage(<BackupsPage />, host);
    fireEvent.click(await screen.findByTestId('safekeep-new-backup'));
    fireEvent.change(await screen.findByTestId('safekeep-create-note'), { target: { value: 'my note' } });
    fireEvent.click(screen.getByTestId('safekeep-create-submit'));
    expect((await screen.findByRole('alert')).textContent).toContain('pg_dump was not found');
    expect(screen.getByTestId<HTMLTextAreaElement>('safekeep-create-note').value).toBe('my note');
    await waitFor(() => expect(disabled('create-submit')).toBe(false));
    const asked = host.requests.find(({ url }) => url === 'safekeepBackups:create');
    expect(asked?.data).toEqual({ contents: ['database'], note: 'my note' });
  });
});
