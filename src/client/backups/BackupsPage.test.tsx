// @vitest-environment jsdom
import { fireEvent, screen, waitFor } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BackupView } from '../../shared/api';
import type { HostRequest } from '../host';
import { aBackup, aRun, refusal } from '../testing/fixtures';
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

  it('tells a newcomer what to do', async () => {
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

  it('warns when the last backup failed and names the last good one', async () => {
    const error = { code: 'TOOL_FAILED', message: 'pg_dump failed.', hint: 'See the log.' };
    const failed = aBackup({ name: 'b', status: 'failed', error, startedAt: '2026-11-20T12:00:00.000Z' });
    serve(host, [failed, aBackup()]);
    renderPage(<BackupsPage />, host);
    const alert = await screen.findByTestId('safekeep-backup-alert');
    expect(alert.textContent).toContain('pg_dump failed.');
    expect(alert.textContent).toMatch(/The last good backup is of 2026-11-2/);
  });

  it('says nothing when a good one came after the failure', async () => {
    serve(host, [aBackup(), aBackup({ name: 'b', status: 'failed' })]);
    renderPage(<BackupsPage />, host);
    await screen.findByTestId('safekeep-backup:b');
    expect(screen.queryByTestId('safekeep-backup-alert')).toBeNull();
  });

  it('gives a role that may only look nothing else to press', async () => {
    serve(host, [aBackup()]);
    const { name } = aBackup();
    const onlooker = { ...host, can: (right: string) => right === 'see' };
    renderPage(<BackupsPage />, onlooker);
    await screen.findByTestId(`safekeep-backup:${name}`);
    for (const control of ['new-backup', 'restore-file', `restore:${name}`, `download:${name}`]) {
      expect(disabled(control), control).toBe(true);
    }
    expect(screen.getByTestId('safekeep-new-backup').getAttribute('aria-description')).toContain('may not create');
  });

  it('shows the bar of a backup under way and lets it be cancelled', async () => {
    const run = aRun({ id: 'run-5', kind: 'backup', step: 'database', percent: 37 });
    serve(host, [aBackup({ status: 'running', runId: 'run-5', run, finishedAt: null })]);
    host.answer('safekeepRuns:list', () => ({ data: [run], meta: { count: 1 } }));
    renderPage(<BackupsPage />, host);
    expect((await screen.findByTestId('safekeep-run-progress')).dataset.percent).toBe('37');
    expect(screen.getByTestId('safekeep-cancel:run-5')).toBeTruthy();
    expect(disabled('new-backup')).toBe(true);
  });

  it('offers to restore only what holds an archive', async () => {
    serve(host, [aBackup({ name: 'good' }), aBackup({ name: 'bad', status: 'failed', bytes: null })]);
    renderPage(<BackupsPage />, host);
    await screen.findByTestId('safekeep-backup:bad');
    expect(disabled('restore:good')).toBe(false);
    expect(disabled('restore:bad')).toBe(true);
    expect(disabled('download:bad')).toBe(true);
  });

  describe('what a verification has found', () => {
    const verified = (result: 'restorable' | 'bytes only' | 'failed', detail: string) => {
      return aBackup({ name: result, verified: { at: '2026-11-20T11:00:00.000Z', runId: 'run-7', result, detail } });
    };

    it('stands beside the status, and a refuted backup is not called a success', async () => {
      serve(host, [
        verified('restorable', 'Loaded into a scratch database: 87 tables, 12,345 rows match.'),
        verified('bytes only', 'pg_restore is missing'),
        verified('failed', 'The backup is damaged: two.bin is not what was backed up.'),
        aBackup({ name: 'never' }),
      ]);
      renderPage(<BackupsPage />, host);
      const sign = async (name: string) => (await screen.findByTestId(`safekeep-verified:${name}`)).ariaLabel;
      expect(await sign('restorable')).toMatch(/^Verified on 2026-11-\d\d .*: 87 tables, 12,345 rows match\.$/);
      expect(await sign('bytes only')).toMatch(
        /every byte is right, but it was not loaded here\. pg_restore is missing$/,
      );
      expect(await sign('failed')).toMatch(/not restorable\. The backup is damaged: two\.bin/);
      expect(screen.queryByTestId('safekeep-verified:never')).toBeNull();
      const status = (name: string) => screen.getByTestId(`safekeep-status:${name}`).textContent;
      expect(['restorable', 'bytes only', 'never'].map(status)).toEqual(['Succeeded', 'Succeeded', 'Succeeded']);
      expect(status('failed')).toBe('Not restorable');
      expect(disabled('restore:failed')).toBe(false);
    });

    it('takes a refuted backup for no good one when the last backup failed', async () => {
      const refuted = { ...verified('failed', 'Damaged.'), startedAt: '2026-11-20T11:00:00.000Z' };
      const failed = aBackup({ name: 'b', status: 'failed', startedAt: '2026-11-20T12:00:00.000Z' });
      serve(host, [failed, refuted, aBackup({ startedAt: '2026-10-01T12:00:00.000Z' })]);
      renderPage(<BackupsPage />, host);
      const alert = await screen.findByTestId('safekeep-backup-alert');
      expect(alert.textContent).toContain('The last good backup is of 2026-10-01');
    });

    it('turns while the backup is being verified', async () => {
      serve(host, [verified('restorable', 'Loaded.'), aBackup({ name: 'other' })]);
      const run = aRun({ kind: 'verify', step: 'stageDatabase', backupName: 'restorable' });
      host.answer('safekeepRuns:list', () => ({ data: [run], meta: { count: 1 } }));
      renderPage(<BackupsPage />, host);
      const sign = await screen.findByTestId('safekeep-verified:restorable');
      await waitFor(() => expect(sign.dataset.result).toBe('under way'));
      expect(screen.queryByTestId('safekeep-verified:other')).toBeNull();
      expect(screen.getByTestId('safekeep-run-banner').textContent).toContain('Verification');
    });

    it('is asked for in the menu', async () => {
      serve(host, [aBackup({ name: 'good' })]);
      host.answer('safekeepBackups:verify', () => ({ data: { runId: 'run-8' } }));
      host.answer('safekeepRuns:get', () => ({ data: aRun({ id: 'run-8', kind: 'verify', backupName: 'good' }) }));
      renderPage(<BackupsPage />, host);
      fireEvent.click(await screen.findByTestId('safekeep-more:good'));
      fireEvent.click(await screen.findByTestId('safekeep-verify'));
      await screen.findByTestId('safekeep-verified:good');
      const asked = host.requests.find(({ url }) => url === 'safekeepBackups:verify');
      expect(asked?.params).toEqual({ filterByTk: 'good' });
    });
  });

  it('keeps the dialog and the note when a backup can not be started', async () => {
    serve(host, [aBackup()]);
    host.answer('safekeepBackups:create', () => {
      throw refusal(424, 'TOOL_MISSING', 'The program pg_dump was not found on this server.');
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
