// @vitest-environment jsdom
import { fireEvent, screen, waitFor } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RestoreRequest } from '../../shared/api';
import { readWatchedRun } from '../live/watched-run';
import { aCheck, anInspection, refusal } from '../testing/fixtures';
import { prepareBrowser, sentTo } from '../testing/render-page';
import { button, chooseFile, NAME, restoreScene, type RestoreScene } from '../testing/restore-dialog';

describe('the restore dialog', () => {
  let scene: RestoreScene;
  beforeEach(async () => {
    await prepareBrowser();
    scene = restoreScene();
  });
  const inspectWith = (...checks: Parameters<typeof aCheck>[]) =>
    scene.host.answer('safekeepBackups:inspect', () => ({
      data: anInspection(checks.map((check) => aCheck(...check))),
    }));

  it('stays open when the backup cannot be read, with the reason', async () => {
    scene.host.answer('safekeepBackups:inspect', () => {
      throw refusal(422, 'ARCHIVE_DAMAGED', 'The backup is damaged: a bit has flipped.');
    });
    scene.open();
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('The backup is damaged: a bit has flipped.');
    expect(alert.textContent).toContain('Hint of ARCHIVE_DAMAGED');
    expect(alert.textContent).toContain('ARCHIVE_DAMAGED');
    expect(button('restore-next').disabled).toBe(true);
    expect(scene.onClose).not.toHaveBeenCalled();

    inspectWith(['dialect', 'ok']);
    fireEvent.click(button('retry'));
    await waitFor(() => expect(button('restore-next').disabled).toBe(false));
  });

  it('wants every warning accepted and the name of the app typed, and sends what was chosen', async () => {
    inspectWith(['plugins', 'warning'], ['keys', 'warning']);
    scene.open();
    await screen.findByTestId('safekeep-checks');
    fireEvent.click(button('accept:plugins'));
    expect(button('restore-next').disabled).toBe(true);
    fireEvent.click(button('accept:keys'));
    expect(button('restore-next').disabled).toBe(false);
    fireEvent.click(screen.getByLabelText('Merge'));
    fireEvent.click(button('restore-next'));

    expect(button('restore-submit').disabled).toBe(true);
    fireEvent.change(screen.getByTestId('safekeep-confirm-name'), { target: { value: 'Main' } });
    expect(button('restore-submit').disabled).toBe(true);
    fireEvent.change(screen.getByTestId('safekeep-confirm-name'), { target: { value: 'main' } });
    fireEvent.click(button('restore-submit'));

    await waitFor(() => expect(scene.onStarted).toHaveBeenCalled());
    const wanted: RestoreRequest = { name: NAME, filesMode: 'merge', acceptWarnings: ['plugins', 'keys'] };
    expect(sentTo(scene.host, 'safekeepBackups:restore')).toEqual([wanted]);
    expect(readWatchedRun()).toEqual({ runId: 'run-9', open: true });
  });

  it('keeps what was typed when the server refuses to begin', async () => {
    scene.host.answer('safekeepBackups:restore', () => {
      throw refusal(409, 'BUSY', 'Another run is in progress.');
    });
    scene.open();
    await scene.next();
    fireEvent.change(screen.getByTestId('safekeep-confirm-name'), { target: { value: 'main' } });
    fireEvent.click(button('restore-submit'));
    expect((await screen.findByRole('alert')).textContent).toContain('Another run is in progress.');
    expect(screen.getByTestId<HTMLInputElement>('safekeep-confirm-name').value).toBe('main');
    expect(scene.onStarted).not.toHaveBeenCalled();
    expect(readWatchedRun()).toBeNull();
  });

  it('inspects again when less is to be restored', async () => {
    scene.open();
    await screen.findByTestId('safekeep-checks');
    fireEvent.click(screen.getByLabelText('Only the database'));
    await waitFor(() => expect(sentTo(scene.host, 'safekeepBackups:inspect')).toHaveLength(2));
    expect(sentTo(scene.host, 'safekeepBackups:inspect')).toEqual([
      { name: NAME },
      { name: NAME, contents: ['database'] },
    ]);
    expect(screen.queryByTestId('safekeep-files-mode')).toBeNull();
  });
});

describe('a local file', () => {
  let scene: RestoreScene;
  beforeEach(async () => {
    await prepareBrowser();
    scene = restoreScene();
    scene.open({ kind: 'file' });
  });
  const refuse = (code: string) =>
    scene.host.answer('safekeepBackups:uploadFinish', () => {
      throw refusal(422, code, 'This file is not a backup.');
    });

  it('that is no ZIP archive gets the hint that fits its name, and another one is chosen', async () => {
    refuse('NOT_A_ZIP');
    chooseFile('holiday.zip');
    expect((await screen.findByRole('alert')).textContent).toContain(
      'Choose a file whose name ends with .safekeep.zip.',
    );
    chooseFile('main.safekeep.zip');
    await waitFor(() => expect(screen.getByRole('alert').textContent).toContain('The file is damaged or'));
    expect(screen.getByRole('alert').textContent).not.toContain('Choose a file');
    refuse('NO_MANIFEST');
    chooseFile('main.safekeep.zip');
    await waitFor(() => expect(screen.getByRole('alert').textContent).toContain('Hint of NO_MANIFEST'));

    scene.host.answer('safekeepBackups:uploadFinish', () => ({
      data: { uploadId: 'u', manifest: anInspection([]).manifest },
    }));
    chooseFile('main.safekeep.zip');
    await screen.findByTestId('safekeep-checks');
    expect(sentTo(scene.host, 'safekeepBackups:inspect')).toEqual([{ uploadId: 'u' }]);
  });

  it('comes with a warning about archives of others, next to the button', async () => {
    chooseFile('main.safekeep.zip');
    await scene.next();
    const warning = screen.getByTestId('safekeep-foreign-archive');
    expect(warning.textContent).toBe(
      "The archive's data and SQL run with the app's database privileges: restore only archives that you trust.",
    );
    expect(warning.closest('.ant-modal-footer')?.contains(button('restore-submit'))).toBe(true);
  });

  it('comes without that warning where only its files are restored', async () => {
    chooseFile('main.safekeep.zip');
    await screen.findByTestId('safekeep-checks');
    fireEvent.click(screen.getByLabelText('Only the uploaded files'));
    await waitFor(() => expect(button('restore-next').disabled).toBe(false));
    fireEvent.click(button('restore-next'));
    expect(screen.getByTestId('safekeep-confirm-name')).toBeTruthy();
    expect(screen.queryByTestId('safekeep-foreign-archive')).toBeNull();
  });

  it('can be kept in the list, and is then restored from there', async () => {
    scene.host.answer('safekeepBackups:keepUpload', () => ({ data: { name: NAME } }));
    chooseFile('main.safekeep.zip');
    fireEvent.click(await screen.findByTestId('safekeep-keep-upload'));
    await waitFor(() => expect(scene.onKept).toHaveBeenCalled());
    expect(sentTo(scene.host, 'safekeepBackups:keepUpload')).toEqual([{ uploadId: 'u' }]);
    await waitFor(() => expect(sentTo(scene.host, 'safekeepBackups:inspect').at(-1)).toEqual({ name: NAME }));
    expect(screen.queryByTestId('safekeep-keep-upload')).toBeNull();
    await waitFor(() => expect(button('restore-next').disabled).toBe(false));
    fireEvent.click(screen.getByText('Cancel'));
    // What is in the list is not deleted with the dialog.
    expect(sentTo(scene.host, 'safekeepBackups:uploadAbort')).toEqual([]);
  });

  it('stays uploaded when it cannot be kept', async () => {
    scene.host.answer('safekeepBackups:keepUpload', () => {
      throw refusal(409, 'EXISTS', 'The list already contains this backup.');
    });
    chooseFile('main.safekeep.zip');
    fireEvent.click(await screen.findByTestId('safekeep-keep-upload'));
    expect((await screen.findByRole('alert')).textContent).toContain('The list already contains this backup.');
    expect(screen.getByTestId('safekeep-keep-upload')).toBeTruthy();
    expect(button('restore-next').disabled).toBe(false);
  });
});
