// @vitest-environment jsdom
import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BackupView, CheckView, VerifiedView } from '../../shared/api';
import type { RunView } from '../../shared/runs';
import { aBackup, aCheck, anInspection, aRun } from '../testing/fixtures';
import { prepareBrowser, sentTo } from '../testing/render-page';
import { button, NAME, restoreScene, type RestoreScene } from '../testing/restore-dialog';

const line = (change: Partial<CheckView>): CheckView => ({ ...aCheck('archive', 'ok'), backup: '', ...change });
const NEVER = line({ current: 'never verified', remedy: 'Verify it first to be sure that it can be restored.' });
const AT = '2026-11-20T11:00:00.000Z';
const verified = (result: VerifiedView['result'], detail: string): VerifiedView => ({
  at: AT,
  runId: 'r',
  result,
  detail,
});

describe('the check', () => {
  let scene: RestoreScene;
  let checks: CheckView[];
  let backup: Partial<BackupView>;

  beforeEach(async () => {
    await prepareBrowser();
    scene = restoreScene();
    checks = [aCheck('dialect', 'ok')];
    backup = {};
    scene.host.answer('safekeepBackups:inspect', () => ({ data: anInspection(checks) }));
    scene.host.answer('safekeepBackups:get', () => ({
      data: { ...aBackup({ name: NAME, ...backup }), manifest: null },
    }));
  });
  const open = async () => {
    scene.open();
    return await screen.findByTestId('safekeep-checks');
  };
  const archive = () => document.querySelector('tr[data-check="archive"]');

  it('shows the archive and what is wrong, and folds what passed', async () => {
    checks = ['dialect', 'tools', 'freeSpace'].map((code) => aCheck(code, 'ok'));
    checks.push(aCheck('plugins', 'warning'), aCheck('schema', 'blocking'), NEVER);
    const table = await open();
    const shown = () => [...table.querySelectorAll('tr[data-check]')].map((row) => row.getAttribute('data-check'));
    expect(shown()).toEqual(['archive', 'schema', 'plugins']);
    expect(screen.getByTestId('safekeep-checks-fold').textContent).toBe('3 checks passed');
    fireEvent.click(screen.getByTestId('safekeep-checks-fold'));
    await waitFor(() => expect(shown()).toHaveLength(6));
    expect(shown().slice(3)).toEqual(['dialect', 'tools', 'freeSpace']);
  });

  it('lets nobody pass what blocks', async () => {
    checks = [aCheck('plugins', 'warning'), aCheck('schema', 'blocking')];
    await open();
    fireEvent.click(button('accept:plugins'));
    expect(button('restore-next').disabled).toBe(true);
    expect(screen.getByRole('alert').textContent).toContain('Fix the problems marked as blocking first.');
  });

  describe('of the archive', () => {
    it('shows when it was verified', async () => {
      checks = [line({ current: 'verified' })];
      backup = { verified: verified('restorable', '87 tables match.') };
      await open();
      expect(archive()?.textContent).toMatch(/^ArchiveVerified on \d+ Nov 2026, .*87 tables match\.OK$/);
      expect(screen.queryByTestId('safekeep-verify-first')).toBeNull();
    });

    it('blocks after a failed verification, with what was wrong', async () => {
      checks = [line({ status: 'blocking', current: 'verification failed', remedy: 'Use another backup.' })];
      backup = { verified: verified('failed', 'two.bin differs.') };
      await open();
      expect(archive()?.textContent).toMatch(/Verification failed on .*two\.bin differs\.BlockingUse another backup\./);
      expect(button('restore-next').disabled).toBe(true);
    });

    it('blocks what is not the archive of the list, whatever was verified once', async () => {
      checks = [line({ status: 'blocking', current: 'not the archive that the list describes' })];
      backup = { verified: verified('restorable', '87 tables match.') };
      await open();
      expect(archive()?.textContent).toContain('Not the archive that the list describes');
      expect(archive()?.textContent).not.toContain('87 tables match');
    });

    it('offers no verification to a role that cannot start one', async () => {
      checks = [NEVER];
      scene.host.can = (permission) => permission !== 'create';
      await open();
      expect(archive()?.textContent).toContain('Never verified');
      expect(screen.queryByTestId('safekeep-verify-first')).toBeNull();
    });

    describe('that was never verified', () => {
      let run: RunView;
      beforeEach(() => {
        checks = [NEVER];
        run = aRun({ id: 'run-8', kind: 'verify', step: 'checksum', percent: 20, backupName: NAME });
        scene.host.answer('safekeepBackups:verify', () => {
          scene.host.answer('safekeepRuns:list', () => ({ data: [run], meta: { count: 1 } }));
          return { data: { runId: 'run-8' } };
        });
        scene.host.answer('safekeepRuns:get', () => ({ data: run }));
      });
      const end = (change: Partial<RunView>) => {
        run = { ...run, finishedAt: AT, ...change };
        scene.host.send(run);
      };

      it('is verified right there, and the check comes back with the result', async () => {
        await open();
        expect(archive()?.textContent).toMatch(/^ArchiveNever verifiedNot verified/);
        expect(button('restore-next').disabled).toBe(false);
        fireEvent.click(button('verify-first'));
        const progress = await screen.findByTestId('safekeep-verifying');
        expect(within(progress).getByTestId('safekeep-run-progress').dataset.percent).toBe('20');
        expect(button('restore-next').disabled).toBe(true);

        checks = [line({ current: 'verified' })];
        backup = { verified: verified('restorable', '87 tables match.') };
        end({ status: 'succeeded' });
        await waitFor(() => expect(archive()?.textContent).toContain('87 tables match.'));
        await waitFor(() => expect(button('restore-next').disabled).toBe(false));
        expect(sentTo(scene.host, 'safekeepBackups:inspect')).toHaveLength(2);
      });

      it('blocks when that verification fails', async () => {
        await open();
        fireEvent.click(button('verify-first'));
        await screen.findByTestId('safekeep-verifying');
        checks = [line({ status: 'blocking', current: 'verification failed' })];
        backup = { verified: verified('failed', 'two.bin differs.') };
        end({ status: 'failed', error: { code: 'ARCHIVE_DAMAGED', message: 'The backup is damaged.', hint: '' } });
        await waitFor(() => expect(archive()?.textContent).toContain('The backup is damaged.'));
        await waitFor(() => expect(archive()?.getAttribute('data-status')).toBe('blocking'));
        expect(button('restore-next').disabled).toBe(true);
      });

      it('stays as it was when that verification is cancelled', async () => {
        await open();
        fireEvent.click(button('verify-first'));
        await screen.findByTestId('safekeep-verifying');
        end({ status: 'cancelled', error: { code: 'CANCELLED', message: 'The run was cancelled.', hint: '' } });
        await waitFor(() => expect(button('verify-first')).toBeTruthy());
        expect(archive()?.textContent).not.toContain('The run was cancelled.');
        await waitFor(() => expect(button('restore-next').disabled).toBe(false));
      });
    });
  });
});
