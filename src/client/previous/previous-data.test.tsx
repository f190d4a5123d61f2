// @vitest-environment jsdom
import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { LiveOrigin, PreviousView } from '../../shared/api';
import { BackupsPage } from '../backups/BackupsPage';
import { HistoryPage } from '../history/HistoryPage';
import type { Permission } from '../host';
import { SettingsPage } from '../settings/SettingsPage';
import { anOrigin, aRun, previousData, refusal } from '../testing/fixtures';
import { fakeHost, prepareBrowser, renderPage, sentTo, type FakeHost } from '../testing/render-page';

/** Two restores in a row: what was live first, then what the first one brought. */
const FIRST = previousData({ id: 'first' });
const SECOND = previousData({
  id: 'second',
  replacedAt: '2026-11-20T11:00:00.000Z',
  origin: anOrigin({ runId: 'first' }),
  contents: ['database'],
});
const LIVE = anOrigin({ runId: 'second', backupAt: '2026-11-19T09:00:00.000Z' });

const item = (id: string) => screen.findByTestId(`safekeep-previous:${id}`);
const press = (name: string) => fireEvent.click(screen.getByTestId(`safekeep-${name}`));

describe('previous data', () => {
  let host: FakeHost;
  let undoHours: number;

  beforeEach(async () => {
    await prepareBrowser();
    undoHours = 72;
    host = fakeHost();
    host.answer('safekeepSettings:get', () => ({ data: { undoHours, maxBackups: 30, defaultContents: ['database'] } }));
    host.answer('safekeepSettings:tools', () => ({ data: { tools: [] } }));
    host.answer('safekeepRuns:undo', () => ({ data: { runId: 'run-9' } }));
    host.answer('safekeepRuns:discard', () => ({ data: { runId: 'run-9' } }));
    host.answer('safekeepBackups:create', () => ({ data: { runId: 'run-9', backupName: 'b' } }));
    host.answer('safekeepRuns:get', () => ({ data: aRun({ id: 'run-9', kind: 'undo' }) }));
  });

  const keep = (live: LiveOrigin | null, ...previous: PreviousView[]) =>
    host.answer('safekeepRuns:previous', () => ({ data: { live, previous } }));
  const show = (permissions?: readonly Permission[]) => {
    const able = permissions ? { ...host, can: (permission: Permission) => permissions.includes(permission) } : host;
    renderPage(<BackupsPage />, able);
  };
  const undone = () => host.requests.filter(({ url }) => url === 'safekeepRuns:undo').map(({ params }) => params);

  it('is listed with what it is, its contents, until when, who replaced it, where it came from, and its size', async () => {
    keep(LIVE, SECOND, FIRST);
    show();
    expect((await item('first')).textContent).toMatch(
      /^Data before the restore on \d+ Nov 2026, [\d:]+Database, Uploaded files · Kept until \d+ Jan 2999, [\d:]+ · Replaced by Anna Weber · Not restored from a backup · 12\.3 MB/,
    );
    expect((await item('second')).textContent).toMatch(/Database · .* · Restored from the backup of \d+ Nov 2026/);
  });

  it('takes no room where there is none, and is left out once its undo window has closed', async () => {
    keep(null, previousData({ id: 'over', until: '2020-01-01T00:00:00.000Z' }));
    show();
    await screen.findByTestId('safekeep-empty');
    expect(screen.queryByTestId('safekeep-previous')).toBeNull();
  });

  it('folds when there is much of it', async () => {
    keep(LIVE, SECOND, FIRST, previousData({ id: 'third' }));
    show();
    await item('second');
    expect(screen.queryByTestId('safekeep-previous:third')).toBeNull();
    press('previous-all');
    await item('third');
  });

  it('comes back straight from any depth, after the dialog has named it and the fate of the live data', async () => {
    keep(LIVE, SECOND, FIRST);
    show();
    await item('first');
    press('previous-undo:first');
    const confirm = await screen.findByTestId('safekeep-undo-confirm');
    const text = screen.getByRole('dialog').textContent;
    expect(text).toMatch(
      /Data before the restore on \d+ Nov 2026, [\d:]+ \(Database, Uploaded files\) becomes live again\./,
    );
    expect(text).toContain('becomes previous data and is kept for 72 hours.');
    expect(text).toContain('Other previous data stays available.');
    fireEvent.click(confirm);
    await waitFor(() => expect(undone()).toEqual([{ filterByTk: 'first' }]));
    expect(await screen.findByTestId('safekeep-run-dialog')).toBeTruthy();
  });

  it('warns in red that the live data is lost where the settings keep none', async () => {
    undoHours = 0;
    keep(LIVE, SECOND);
    show();
    await item('second');
    press('previous-undo:second');
    const warning = await screen.findByText(/is lost: the settings keep no previous data/);
    expect(warning.className).toContain('ant-typography-danger');
    expect(screen.getByRole('dialog').textContent).not.toContain('Other previous data');
  });

  it('is saved as a backup of its own, not of the live data', async () => {
    keep(LIVE, SECOND, FIRST);
    show();
    await item('first');
    press('previous-save:first');
    const note = await screen.findByTestId<HTMLTextAreaElement>('safekeep-create-note');
    expect(note.value).toMatch(/^Data before the restore on /);
    expect(screen.queryByTestId('safekeep-create-contents')).toBeNull();
    press('create-submit');
    await waitFor(() =>
      expect(sentTo(host, 'safekeepBackups:create')).toEqual([{ previous: 'first', note: note.value }]),
    );
  });

  it('is discarded only after a question, in red', async () => {
    keep(LIVE, SECOND, FIRST);
    show();
    await item('first');
    press('previous-discard:first');
    const confirm = await screen.findByTestId('safekeep-discard-confirm');
    expect(confirm.className).toContain('ant-btn-dangerous');
    expect(screen.getByRole('dialog').textContent).toMatch(
      /Discard this data\?Data before the restore on .*permanently/,
    );
    expect(host.requests.map(({ url }) => url)).not.toContain('safekeepRuns:discard');
    fireEvent.click(confirm);
    await waitFor(() => expect(host.requests.map(({ url }) => url)).toContain('safekeepRuns:discard'));
  });

  it('shows a role only what it can do with it', async () => {
    keep(LIVE, SECOND);
    show(['see', 'create']);
    const buttons = within(await item('second')).getAllByRole('button');
    expect(buttons.map(({ textContent }) => textContent)).toEqual(['Save as backup']);
    expect(screen.getByTestId('safekeep-live-banner').querySelector('button')).toBeNull();
  });

  it('waits while another run is in progress, with the reason', async () => {
    keep(LIVE, SECOND);
    host.answer('safekeepRuns:list', () => ({ data: [aRun({ kind: 'backup' })], meta: { count: 1 } }));
    show();
    await item('second');
    const undo = () => screen.getByTestId<HTMLButtonElement>('safekeep-previous-undo:second');
    await waitFor(() => expect(undo().disabled).toBe(true));
    expect(undo().getAttribute('aria-description')).toBe('Another run is in progress: Backup.');
  });

  it('reports that its record cannot be read instead of showing none', async () => {
    host.answer('safekeepRuns:previous', () => {
      throw refusal(500, 'PREVIOUS_UNREADABLE', 'The record of previous data cannot be read.');
    });
    show();
    expect((await screen.findByRole('alert')).textContent).toContain('The record of previous data cannot be read.');
  });
});

describe('where the live data came from', () => {
  let host: FakeHost;
  beforeEach(async () => {
    await prepareBrowser();
    host = fakeHost();
    host.answer('safekeepSettings:get', () => ({
      data: { undoHours: 72, maxBackups: 30, defaultContents: ['database'] },
    }));
    host.answer('safekeepSettings:tools', () => ({ data: { tools: [] } }));
    host.answer('safekeepRuns:previous', () => ({ data: { live: LIVE, previous: [SECOND, FIRST] } }));
  });
  const banner = () => screen.findByTestId('safekeep-live-banner');

  it.each([
    ['Backups', BackupsPage],
    ['History', HistoryPage],
    ['Settings', SettingsPage],
  ])('stands on the tab %s for an administrator who was not there', async (_name, Page) => {
    renderPage(<Page />, host);
    expect((await banner()).textContent).toMatch(
      /^Restored to 19 Nov 2026, [\d:]+ by Anna Weber, undo until \d+ Jan 2999, [\d:]+\.Undo$/,
    );
  });

  it('is undone from there', async () => {
    host.answer('safekeepRuns:undo', () => ({ data: { runId: 'run-9' } }));
    host.answer('safekeepRuns:get', () => ({ data: aRun({ id: 'run-9', kind: 'undo' }) }));
    renderPage(<HistoryPage />, host);
    await banner();
    press('live-undo');
    fireEvent.click(await screen.findByTestId('safekeep-undo-confirm'));
    await waitFor(() =>
      expect(host.requests.find(({ url }) => url === 'safekeepRuns:undo')?.params).toEqual({ filterByTk: 'second' }),
    );
  });

  it('is no news once the undo window of that restore has closed, whatever else is kept', async () => {
    host.answer('safekeepRuns:previous', () => ({ data: { live: LIVE, previous: [FIRST] } }));
    renderPage(<BackupsPage />, host);
    await item('first');
    expect(screen.queryByTestId('safekeep-live-banner')).toBeNull();
  });

  it('goes at the moment the undo window closes, without anyone reloading the page', async () => {
    vi.useFakeTimers();
    const until = new Date(Date.now() + 30_000).toISOString();
    host.answer('safekeepRuns:previous', () => ({ data: { live: LIVE, previous: [{ ...SECOND, until }] } }));
    renderPage(<HistoryPage />, host);
    await act(() => vi.advanceTimersByTimeAsync(1000));
    expect(screen.getByTestId('safekeep-live-banner')).toBeTruthy();
    await act(() => vi.advanceTimersByTimeAsync(45_000));
    expect(screen.queryByTestId('safekeep-live-banner')).toBeNull();
    vi.useRealTimers();
  });

  it('names nobody where nobody is known', async () => {
    host.answer('safekeepRuns:previous', () => ({ data: { live: { ...LIVE, by: null }, previous: [SECOND] } }));
    renderPage(<BackupsPage />, host);
    expect((await banner()).textContent).toMatch(/^Restored to 19 Nov 2026, [\d:]+, undo until /);
  });
});
