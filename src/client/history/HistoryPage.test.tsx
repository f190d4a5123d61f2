// @vitest-environment jsdom
import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RunView } from '../../shared/runs';
import { aRun } from '../testing/fixtures';
import { fakeHost, prepareBrowser, renderPage, type FakeHost } from '../testing/render-page';
import { HistoryPage } from './HistoryPage';

const SOON = '2999-01-01T10:00:00.000Z';
const done = (change: Partial<RunView>) =>
  aRun({ status: 'succeeded', step: 'healthCheck', finishedAt: '2026-11-20T10:01:00.000Z', ...change });

describe('the History tab', () => {
  let host: FakeHost;
  let undoHours: number;

  beforeEach(async () => {
    await prepareBrowser();
    undoHours = 72;
    host = fakeHost();
    host.answer('safekeepSettings:get', () => ({ data: { undoHours } }));
    host.answer('safekeepRuns:undo', () => ({ data: { runId: 'run-2' } }));
    host.answer('safekeepRuns:get', () => ({ data: aRun({ id: 'run-2', kind: 'undo' }) }));
  });

  const show = (...runs: RunView[]) => {
    host.answer('safekeepRuns:list', () => ({ data: runs, meta: { count: runs.length } }));
    renderPage(<HistoryPage />, host);
  };
  /** What the dialog asks, after the button of the run was pressed. */
  const ask = async (id: string) => {
    fireEvent.click(await screen.findByTestId(`safekeep-undo:${id}`));
    const confirm = await screen.findByTestId('safekeep-undo-confirm');
    return { confirm, text: screen.getByRole('dialog').textContent };
  };

  it('offers to undo a restore, until when, and says what becomes of what was entered since', async () => {
    show(done({ id: 'run-1', undoUntil: SOON }));
    expect((await screen.findByTestId('safekeep-undo:run-1')).textContent).toBe('Undo restore');
    expect(screen.getByTestId('safekeep-undo-until:run-1').textContent).toMatch(/^until 2999-01-01 \d\d:\d\d$/);
    const { confirm, text } = await ask('run-1');
    expect(text).toContain('Undo this restore?');
    expect(text).toContain('database and files, becomes as it was before it.');
    expect(text).toContain('set aside, not lost: for 72 hours it can be brought back the same way.');
    fireEvent.click(confirm);
    await waitFor(() => expect(host.requests.map(({ url }) => url)).toContain('safekeepRuns:undo'));
    expect(await screen.findByTestId('safekeep-run-dialog')).toBeTruthy();
  });

  it('says that what was entered since is lost when the settings keep no state before', async () => {
    undoHours = 0;
    show(done({ id: 'run-1', undoUntil: SOON }));
    const { text } = await ask('run-1');
    expect(text).toContain('What has been entered since then is lost');
    expect(text).not.toContain('set aside');
  });

  it('calls the way back from an undo by what it does, and the way back from that too', async () => {
    show(
      done({ id: 'redo', kind: 'undo', direction: 'redo', undoUntil: SOON }),
      done({ id: 'undo', kind: 'undo', direction: 'undo', undoUntil: SOON }),
    );
    expect((await screen.findByTestId('safekeep-run:redo')).textContent).toBe('Redo of a restore');
    expect(screen.getByTestId('safekeep-run:undo').textContent).toBe('Undo of a restore');
    expect(screen.getByTestId('safekeep-undo:redo').textContent).toBe('Undo restore');
    expect(screen.getByTestId('safekeep-undo:undo').textContent).toBe('Undo the undo');
    const { confirm, text } = await ask('undo');
    expect(text).toContain('Bring the restored state back?');
    expect(text).toContain('becomes as it was before it was undone.');
    expect(confirm.textContent).toBe('Bring the restored state back');
  });

  it('offers no way back that is over, has failed, or is not this role’s', async () => {
    show(
      done({ id: 'over', undoUntil: '2026-01-01T00:00:00.000Z' }),
      done({ id: 'gone', undoUntil: null }),
      done({ id: 'failed', status: 'failed', undoUntil: SOON }),
    );
    await screen.findByTestId('safekeep-run:over');
    for (const id of ['over', 'gone', 'failed']) expect(screen.queryByTestId(`safekeep-undo:${id}`)).toBeNull();
  });

  it('tells of a failed restore which state is live, with message and hint in full', async () => {
    const error = {
      code: 'RESTORED_APP_UNHEALTHY',
      message: 'The app did not come up with the restored data: there are no users',
      hint: 'Safekeep has switched back to the state before the restore.',
    };
    const lost = { code: 'ROLLBACK_FAILED', message: 'The way back failed.', hint: 'Restart the app.' };
    show(
      done({ id: 'back', status: 'failed', error }),
      done({ id: 'early', status: 'failed', step: 'stageDatabase', error: { ...error, code: 'TOOL_FAILED' } }),
      done({ id: 'lost', status: 'failed', error: lost }),
    );
    const title = async (id: string) => {
      fireEvent.click(await screen.findByTestId(`safekeep-run:${id}`));
      const result = await within(await screen.findByTestId('safekeep-run-drawer')).findByTestId('safekeep-run-result');
      return result.textContent ?? '';
    };
    expect(await title('back')).toContain(`the app runs on the state before it${error.message}${error.hint}`);
    expect(await title('early')).toContain('the app runs on the state before it');
    expect(await title('lost')).not.toContain('the app runs on the state before');
  });
});
