// @vitest-environment jsdom
import { act, fireEvent, screen } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { maintenanceText } from '../../shared/maintenance';
import { PageShell } from '../components/PageShell';
import { anOrigin, aRun, LATER, maintenance, previousData } from '../testing/fixtures';
import { fakeHost, prepareBrowser, renderPage, type FakeHost } from '../testing/render-page';
import { RunBanner } from './RunBanner';
import { readWatchedRun, writeWatchedRun } from './watched-run';

const page = (
  <PageShell name="backups">
    <RunBanner />
  </PageShell>
);
const AVAILABLE = { state: 'available', until: LATER } as const;
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

describe('a restore that is watched', () => {
  let host: FakeHost;
  const serve = (change: Parameters<typeof aRun>[0]) =>
    host.answer('safekeepRuns:list', () => ({ data: [aRun(change)], meta: { count: 1 } }));

  beforeEach(async () => {
    await prepareBrowser();
    vi.useFakeTimers();
    host = fakeHost();
    writeWatchedRun({ runId: 'run-1', open: true });
  });
  afterEach(() => void vi.useRealTimers());

  it('is shown again after a reload of the page', async () => {
    serve({ percent: 42 });
    renderPage(page, host);
    await pass(100);
    expect(screen.getByTestId('safekeep-run-dialog')).toBeTruthy();
    expect(screen.getByTestId('safekeep-run-progress').dataset.percent).toBe('42');
  });

  it('waits calmly while the app is in maintenance and then shows how it ended', async () => {
    serve({});
    renderPage(page, host);
    await pass(100);
    host.answer('safekeepRuns:list', () => {
      throw maintenance('Switching to the restored data');
    });
    await pass(2100);
    expect(screen.getByTestId('safekeep-run-unavailable').textContent).toContain('Switching to the restored data');
    await pass(20_000);
    serve({ status: 'succeeded', finishedAt: '2026-11-20T10:01:00.000Z' });
    await pass(2100);
    expect(screen.queryByTestId('safekeep-run-unavailable')).toBeNull();
    expect(screen.getByTestId('safekeep-run-result').dataset.status).toBe('succeeded');
  });

  it('shows message and hint of a failed one, and offers no undo', async () => {
    const error = { code: 'RESTORED_APP_UNHEALTHY', message: 'It did not come up.', hint: 'It was switched back.' };
    serve({ status: 'failed', error, undo: null });
    renderPage(page, host);
    await pass(100);
    const result = screen.getByTestId('safekeep-run-result');
    expect(result.getAttribute('role')).toBe('alert');
    expect(result.textContent).toContain('It did not come up.It was switched back.');
    expect(screen.queryByTestId('safekeep-undo:run-1')).toBeNull();
  });

  it('leaves a result with warnings on the page when its dialog is closed, until that is dismissed', async () => {
    serve({ status: 'succeeded with warnings', warnings: 2, undo: AVAILABLE });
    renderPage(page, host);
    await pass(100);
    fireEvent.click(screen.getByTestId('safekeep-run-close'));
    await pass(1000);
    const banner = screen.getByTestId('safekeep-run-banner');
    expect(banner.textContent).toContain('Restore: succeeded with warnings');
    expect(screen.getByTestId('safekeep-undo:run-1')).toBeTruthy();
    expect(readWatchedRun()).toEqual({ runId: 'run-1', open: false });
    fireEvent.click(screen.getByLabelText('Dismiss'));
    await pass(1000);
    expect(readWatchedRun()).toBeNull();
  });

  it('leaves the banner of the live data alone on the page when all went well', async () => {
    serve({ status: 'succeeded', undo: AVAILABLE });
    host.answer('safekeepRuns:previous', () => ({ data: { live: anOrigin(), previous: [previousData()] } }));
    writeWatchedRun({ runId: 'run-1', open: false });
    renderPage(page, host);
    await pass(100);
    expect(screen.getByTestId('safekeep-live-banner')).toBeTruthy();
    expect(screen.queryByTestId('safekeep-run-banner')).toBeNull();
    expect(readWatchedRun()).toBeNull();
  });

  it('still shows the steps in maintenance, above the dialog of the host', async () => {
    serve({});
    renderPage(page, host);
    await pass(100);
    host.answer('safekeepRuns:list', () => {
      throw maintenance(`${maintenanceText({ kind: 'restore', step: 'reload', percent: 92 })}: starting app`);
    });
    await pass(2100);
    expect(screen.getByTestId('safekeep-run-progress').dataset).toMatchObject({ step: 'reload', percent: '92' });
    expect(document.querySelector('[aria-current="step"]')?.textContent).toBe('Reload the app');
    const wrap = screen.getByTestId('safekeep-run-dialog').closest<HTMLElement>('.ant-modal-wrap');
    // antd's own dialogs, and with them the host's, lie at 1000.
    expect(Number(wrap?.style.zIndex)).toBeGreaterThan(1000);
  });

  it('is watched, with its dialog closed, when someone else has begun it', async () => {
    writeWatchedRun(null);
    serve({ percent: 10 });
    renderPage(page, host);
    await pass(100);
    expect(screen.getByTestId('safekeep-run-banner').textContent).toContain('Restore');
    expect(screen.queryByTestId('safekeep-run-dialog')).toBeNull();
    expect(readWatchedRun()).toEqual({ runId: 'run-1', open: false });
  });

  it('moves with websocket messages between two questions', async () => {
    serve({ percent: 10 });
    renderPage(page, host);
    await pass(100);
    act(() => host.send(aRun({ percent: 77 })));
    expect(screen.getByTestId('safekeep-run-progress').dataset.percent).toBe('77');
  });
});
