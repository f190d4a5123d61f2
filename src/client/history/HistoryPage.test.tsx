// @vitest-environment jsdom
import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RunView } from '../../shared/runs';
import { aRun, LATER, previousData } from '../testing/fixtures';
import { fakeHost, prepareBrowser, renderPage, type FakeHost } from '../testing/render-page';
import { HistoryPage } from './HistoryPage';

const AVAILABLE = { state: 'available', until: LATER } as const;
const STEPS = [
  'open',
  'compatibility',
  'checksum',
  'stageDatabase',
  'checkStaged',
  'switchover',
  'reload',
  'healthCheck',
];
const done = (change: Partial<RunView>) =>
  aRun({ status: 'succeeded', step: 'healthCheck', steps: STEPS, finishedAt: '2026-11-20T10:01:00.000Z', ...change });
const text = async (id: string) => (await screen.findByTestId(`safekeep-${id}`)).textContent;

describe('the History tab', () => {
  let host: FakeHost;

  beforeEach(async () => {
    await prepareBrowser();
    host = fakeHost();
    host.answer('safekeepSettings:get', () => ({ data: { undoHours: 72 } }));
    host.answer('safekeepRuns:undo', () => ({ data: { runId: 'run-2' } }));
    host.answer('safekeepRuns:get', () => ({ data: aRun({ id: 'run-2', kind: 'undo' }) }));
  });

  const show = (...runs: RunView[]) => {
    host.answer('safekeepRuns:list', () => ({ data: runs, meta: { count: runs.length } }));
    renderPage(<HistoryPage />, host);
  };

  it('offers to undo a restore, until when, and names the fate of the live data', async () => {
    show(done({ id: 'run-1', undo: AVAILABLE }));
    expect(await text('undo:run-1')).toBe('Undo');
    expect(await text('undo-state:run-1')).toMatch(/^until \d+ Jan 2999, \d\d:\d\d$/);
    fireEvent.click(screen.getByTestId('safekeep-undo:run-1'));
    const confirm = await screen.findByTestId('safekeep-undo-confirm');
    const question = screen.getByRole('dialog').textContent;
    expect(question).toContain('Undo this restore?');
    expect(question).toMatch(/Data before the restore on .* \(Database, Uploaded files\) becomes live again\./);
    expect(question).toContain('becomes previous data and is kept for 72 hours.');
    fireEvent.click(confirm);
    await waitFor(() => expect(host.requests.map(({ url }) => url)).toContain('safekeepRuns:undo'));
    expect(await screen.findByTestId('safekeep-run-dialog')).toBeTruthy();
  });

  it('calls the undo of an undo a redo, and the undo of that an undo again', async () => {
    show(
      done({ id: 'redo', kind: 'undo', direction: 'redo', undo: AVAILABLE }),
      done({ id: 'undo', kind: 'undo', direction: 'undo', undo: AVAILABLE }),
    );
    expect(await text('run:redo')).toBe('Redo');
    expect(await text('run:undo')).toBe('Undo');
    expect(await text('undo:redo')).toBe('Undo');
    expect(await text('undo:undo')).toBe('Redo');
    fireEvent.click(screen.getByTestId('safekeep-undo:undo'));
    await screen.findByTestId('safekeep-undo-confirm');
    expect(screen.getByRole('dialog').textContent).toContain('Redo this restore?');
  });

  it('shows why and since when an undo is no longer possible', async () => {
    const at = '2026-11-22T08:00:00.000Z';
    show(
      done({ id: 'live', undo: { state: 'live again', at } }),
      done({ id: 'over', undo: { state: 'expired', at } }),
      done({ id: 'gone', undo: { state: 'discarded', at } }),
      done({ id: 'none', undo: { state: 'not kept', at } }),
      done({ id: 'closed', undo: { state: 'available', until: '2026-01-01T00:00:00.000Z' } }),
      done({ id: 'failed', status: 'failed' }),
    );
    expect(await text('undo-state:live')).toMatch(/^Brought back on 22 Nov 2026/);
    expect(await text('undo-state:over')).toMatch(/^Undo window closed on 22 Nov 2026/);
    expect(await text('undo-state:gone')).toMatch(/^Previous data discarded on 22 Nov 2026/);
    expect(await text('undo-state:none')).toBe('Previous data was not kept');
    expect(screen.queryByTestId('safekeep-undo-state:failed')).toBeNull();
    expect(document.querySelectorAll('[data-testid^="safekeep-undo:"]')).toHaveLength(0);
  });

  it('shows no undo to a role that cannot restore', async () => {
    host.answer('safekeepRuns:list', () => ({ data: [done({ undo: AVAILABLE })], meta: { count: 1 } }));
    renderPage(<HistoryPage />, { ...host, can: (permission) => permission === 'see' });
    expect(await text('undo-state:run-1')).toMatch(/^until /);
    expect(screen.queryByTestId('safekeep-undo:run-1')).toBeNull();
    expect(document.querySelectorAll('[data-testid^="safekeep-"]:disabled')).toHaveLength(0);
  });

  it('shows which backup or file a run read, and which contents', async () => {
    show(
      done({ id: 'listed', note: 'Spring', contents: ['database'] }),
      done({ id: 'upload', uploadId: 'u', uploadName: 'march.safekeep.zip', contents: ['files'] }),
      done({ id: 'prune', kind: 'prune', step: 'prune', backupName: null, backupAt: null, contents: [] }),
    );
    expect(await text('run-source:listed')).toMatch(/^20 Nov 2026, \d\d:\d\d · SpringDatabase$/);
    expect(await text('run-source:upload')).toBe('Uploaded file march.safekeep.zipFiles');
    expect(await text('run-source:prune')).toBe('–');
  });

  it('is filtered by kind and result', async () => {
    show(done({}));
    await screen.findByTestId('safekeep-run:run-1');
    const choose = async (filter: string, option: string) => {
      const select = screen.getByTestId(`safekeep-${filter}`).querySelector('.ant-select-selector');
      if (!select) throw new Error('no selector');
      fireEvent.mouseDown(select);
      const found = await screen.findAllByText(option);
      const item = found.find((element) => element.closest('.ant-select-item'));
      if (!item) throw new Error(`no option ${option}`);
      fireEvent.click(item);
    };
    const filters = () =>
      host.requests.filter(({ params }) => params?.pageSize === 20).map(({ params }) => params?.filter);
    await choose('kind-filter', 'Verification');
    await choose('result-filter', 'Cancelled');
    await waitFor(() =>
      expect(filters().at(-1)).toBe('{"$and":[{"kind":{"$in":["verify"]}},{"status":{"$in":["cancelled"]}}]}'),
    );
  });

  it('calls a cancellation a cancellation, in the list and in the drawer', async () => {
    const error = { code: 'CANCELLED', message: 'The run was cancelled.', hint: 'Start it again.' };
    show(done({ status: 'cancelled', step: 'stageDatabase', steps: STEPS.slice(0, 4), error }));
    expect(await text('run-status:run-1')).toBe('Cancelled');
    fireEvent.click(screen.getByTestId('safekeep-run:run-1'));
    const drawer = await screen.findByTestId('safekeep-run-drawer');
    const result = await within(drawer).findByTestId('safekeep-run-result');
    expect(result.className).toContain('ant-alert-info');
    expect(result.textContent).not.toContain('The run was cancelled.');
    expect(drawer.querySelectorAll('[data-state="failed"]')).toHaveLength(0);
    expect(drawer.querySelector('[data-state="cancelled"]')?.textContent).toBe('Stage the database');
  });

  it('shows at a run what it replaced, to be saved or discarded', async () => {
    host.answer('safekeepRuns:previous', () => ({ data: { live: null, previous: [previousData()] } }));
    show(done({ undo: AVAILABLE, contents: ['database'] }));
    fireEvent.click(await screen.findByTestId('safekeep-run:run-1'));
    const drawer = await screen.findByTestId('safekeep-run-drawer');
    const result = await within(drawer).findByTestId('safekeep-run-result');
    const buttons = within(result).getAllByRole('button');
    expect(buttons.map(({ textContent }) => textContent)).toEqual(['Undo', 'Save as backup', 'Discard']);
    expect(
      within(drawer)
        .getByText(/Stage the files/)
        .closest('li')?.dataset.state,
    ).toBe('skipped');
  });

  it('reports whether a failed restore left the live data unchanged, with message and hint in full', async () => {
    const error = {
      code: 'RESTORED_APP_UNHEALTHY',
      message: 'The app failed to start on the restored data.',
      hint: 'It runs on the previous data.',
    };
    const lost = { code: 'ROLLBACK_FAILED', message: 'The rollback failed.', hint: 'Restart the app.' };
    show(
      done({ id: 'back', status: 'failed', error }),
      done({ id: 'early', status: 'failed', step: 'stageDatabase', error: { ...error, code: 'TOOL_FAILED' } }),
      done({ id: 'lost', status: 'failed', error: lost }),
    );
    const result = async (id: string) => {
      fireEvent.click(await screen.findByTestId(`safekeep-run:${id}`));
      const shown = await within(await screen.findByTestId('safekeep-run-drawer')).findByTestId('safekeep-run-result');
      return shown.textContent ?? '';
    };
    expect(await result('back')).toContain(`live data is unchanged${error.message}${error.hint}`);
    expect(await result('early')).toContain('live data is unchanged');
    expect(await result('lost')).not.toContain('live data is unchanged');
  });
});
