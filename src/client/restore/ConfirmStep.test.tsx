// @vitest-environment jsdom
import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import type { InspectAnswer, PreviewAnswer, RestorePlanView } from '../../shared/api';
import { aCheck, anInspection, aPreview, aRun, previousData, refusal } from '../testing/fixtures';
import { prepareBrowser, sentTo } from '../testing/render-page';
import { button, NAME, restoreScene, type RestoreScene } from '../testing/restore-dialog';

let scene: RestoreScene;
beforeEach(async () => {
  await prepareBrowser();
  scene = restoreScene();
});
const typeName = () => fireEvent.change(screen.getByTestId('safekeep-confirm-name'), { target: { value: 'main' } });
const losses = () => screen.getByTestId('safekeep-losses').textContent;

describe('what a restore loses', () => {
  const preview = (change: Partial<PreviewAnswer>) =>
    scene.host.answer('safekeepBackups:preview', () => ({ data: aPreview(change) }));

  it('is the age of the backup, rows now and then, and the files that go', async () => {
    preview({
      tables: [
        { name: 'customers', now: 40, then: 38 },
        { name: 'orders', now: null, then: 1200 },
      ],
      removedFiles: { count: 3, bytes: 1_200_000, newestAt: '2026-11-20T10:00:00.000Z' },
    });
    scene.open();
    await scene.next();
    await waitFor(() => expect(screen.getByTestId('safekeep-loss:customers').textContent).toBe('customers 40 → 38'));
    expect(screen.getByTestId('safekeep-loss:orders').textContent).toBe('orders not counted → 1,200');
    expect(losses()).toMatch(/The backup of 20 Nov 2026, [\d:]+ is .+ old\. Everything entered or changed since then/);
    expect(screen.getByTestId('safekeep-removed-files').textContent).toMatch(
      /^Files removed because the backup does not contain them: 3 \(1\.2 MB\), newest from \d+ Nov 2026, [\d:]+\.$/,
    );
    expect(screen.queryByTestId('safekeep-partial')).toBeNull();
    expect(sentTo(scene.host, 'safekeepBackups:preview')).toEqual([{ name: NAME, filesMode: 'mirror' }]);
  });

  it('is asked for what is really restored, with a warning when that is only a part', async () => {
    scene.open();
    await screen.findByTestId('safekeep-checks');
    fireEvent.click(screen.getByLabelText('Only the database'));
    await waitFor(() => expect(button('restore-next').disabled).toBe(false));
    fireEvent.click(button('restore-next'));
    expect(screen.getByTestId('safekeep-partial').textContent).toContain('Only the database is restored.');
    await waitFor(() =>
      expect(sentTo(scene.host, 'safekeepBackups:preview')).toEqual([{ name: NAME, contents: ['database'] }]),
    );
    await waitFor(() => expect(losses()).toContain('The row counts of the larger tables do not change.'));
    expect(screen.queryByTestId('safekeep-removed-files')).toBeNull();
  });

  it('keeps nobody waiting while it is counted', async () => {
    scene.host.answer('safekeepBackups:preview', () => new Promise(() => undefined));
    scene.open();
    await scene.next();
    expect(screen.getByLabelText('Counting…')).toBeTruthy();
    typeName();
    expect(button('restore-submit').disabled).toBe(false);
  });

  it('keeps nobody from restoring when it cannot be counted', async () => {
    scene.host.answer('safekeepBackups:preview', () => {
      throw refusal(500, 'INTERNAL', 'Counting failed.');
    });
    scene.open();
    await scene.next();
    expect((await screen.findByRole('alert')).textContent).toContain('Counting failed.');
    typeName();
    fireEvent.click(button('restore-submit'));
    await waitFor(() => expect(scene.onStarted).toHaveBeenCalled());
  });
});

describe('what a restore does', () => {
  const planOf = async (change: Partial<RestorePlanView> = {}) => {
    const inspection = anInspection([aCheck('dialect', 'ok')]);
    scene.host.answer('safekeepBackups:inspect', () => ({
      data: { ...inspection, plan: { ...inspection.plan, ...change } },
    }));
    scene.open();
    await scene.next();
    const rows = within(screen.getByTestId('safekeep-restore-plan')).getAllByRole('row');
    return rows.map((row) => [...row.querySelectorAll('th, td')].map((cell) => cell.textContent));
  };

  it('is shown before anyone confirms: strategy, downtime, disk space, undo', async () => {
    expect(await planOf()).toEqual([
      ['Restored', 'Database, Uploaded files'],
      ['Database', 'The backup is loaded into a new file.'],
      [
        'Uploaded files',
        'The folders return to their state at the time of the backup; files added since then are removed.',
      ],
      ['Downtime', 'The app is unavailable for a few seconds.'],
      ['Disk space', 'About 1.0 MB more, until the undo window closes.'],
      ['Undo', 'The previous data is kept for 72 hours. Until then, you can undo the restore.'],
    ]);
    expect(screen.queryByTestId('safekeep-restore-no-undo')).toBeNull();
    expect(screen.queryByTestId('safekeep-foreign-archive')).toBeNull();
  });

  it('cannot be undone where the settings keep no previous data', async () => {
    expect((await planOf({ undoHours: 0 })).at(-2)).toEqual(['Disk space', 'About 1.0 MB more, during the restore.']);
    expect(screen.getByTestId('safekeep-restore-no-undo').textContent).toContain('cannot be undone');
  });

  it('names the apps that share a folder', async () => {
    await planOf({ sharedFolders: [{ folder: 'storage/uploads', apps: ['shop', 'hr'] }] });
    expect(screen.getByTestId('safekeep-shared-folder').textContent).toBe(
      "storage/uploads is shared with shop, hr: only files that this app's records name are replaced.",
    );
  });
});

describe('previous data that has to go for lack of disk space', () => {
  const FIRST = previousData({ id: 'first' });
  const inspect = (change: Partial<InspectAnswer>) =>
    scene.host.answer('safekeepBackups:inspect', () => ({
      data: anInspection([aCheck('freeSpace', 'warning')], change),
    }));

  beforeEach(() => inspect({ discards: [FIRST] }));

  it('is named in red and goes only with a tick of its own', async () => {
    scene.open();
    await scene.next();
    expect(screen.queryByTestId('safekeep-accept:freeSpace')).toBeNull();
    const alert = screen.getByTestId('safekeep-discards');
    expect(alert.className).toContain('ant-alert-error');
    expect(alert.textContent).toMatch(/permanently discards previous data:Data before the restore on .*12\.3 MB/);
    typeName();
    expect(button('restore-submit').disabled).toBe(true);
    fireEvent.click(button('accept-discard'));
    expect(button('restore-submit').disabled).toBe(false);
    fireEvent.click(button('restore-submit'));
    await waitFor(() => expect(scene.onStarted).toHaveBeenCalled());
    expect(sentTo(scene.host, 'safekeepBackups:restore')).toEqual([
      { name: NAME, filesMode: 'mirror', acceptWarnings: [], discard: ['first'] },
    ]);
  });

  it('needs a new tick when other data has to go', async () => {
    scene.open();
    await scene.next();
    fireEvent.click(button('accept-discard'));
    fireEvent.click(button('restore-back'));
    inspect({ discards: [FIRST, previousData({ id: 'second' })] });
    fireEvent.click(screen.getByLabelText('Only the database'));
    await waitFor(() => expect(sentTo(scene.host, 'safekeepBackups:inspect')).toHaveLength(2));
    await waitFor(() => expect(button('restore-next').disabled).toBe(false));
    fireEvent.click(button('restore-next'));
    expect(screen.getByTestId<HTMLInputElement>('safekeep-accept-discard').checked).toBe(false);
  });

  it('can be brought back first', async () => {
    scene.host.answer('safekeepSettings:get', () => ({ data: { undoHours: 72 } }));
    scene.host.answer('safekeepRuns:undo', () => ({ data: { runId: 'run-9' } }));
    scene.host.answer('safekeepRuns:get', () => ({ data: aRun({ id: 'run-9', kind: 'undo' }) }));
    scene.open();
    await scene.next();
    fireEvent.click(button('undo-first:first'));
    expect(scene.onClose).toHaveBeenCalled();
    fireEvent.click(await screen.findByTestId('safekeep-undo-confirm'));
    await waitFor(() => expect(scene.host.requests.map(({ url }) => url)).toContain('safekeepRuns:undo'));
  });

  it('can be saved as a backup first', async () => {
    scene.open();
    await scene.next();
    fireEvent.click(button('save-first:first'));
    expect(scene.onSavePrevious).toHaveBeenCalledWith(FIRST);
  });

  it('is no matter where there is enough disk space', async () => {
    inspect({ checks: [aCheck('freeSpace', 'ok')], discards: [] });
    scene.open();
    await scene.next();
    expect(screen.queryByTestId('safekeep-discards')).toBeNull();
  });
});
