// @vitest-environment jsdom
import { fireEvent, screen, waitFor } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BackupView } from '../../shared/api';
import { HistoryPage } from '../history/HistoryPage';
import type { Permission } from '../host';
import { aBackup, aManifest, anInspection, aRun } from '../testing/fixtures';
import { fakeHost, prepareBrowser, renderPage, sentTo, type FakeHost } from '../testing/render-page';
import { BackupsPage } from './BackupsPage';

const BACKUP = aBackup({ name: 'main_20261120T090000Z_abcdef', note: 'Spring' });
const get = (name: string) => screen.getByTestId(`safekeep-${name}`);
const escape = (name: string) => fireEvent.keyDown(get(name), { key: 'Escape', keyCode: 27 });

/** As a click of a mouse or a key does it. */
function press(element: HTMLElement) {
  element.focus();
  fireEvent.click(element);
}

let host: FakeHost;
let backup: BackupView;

beforeEach(async () => {
  await prepareBrowser();
  backup = BACKUP;
  host = fakeHost();
  host.answer('safekeepBackups:list', () => ({ data: [backup], meta: { count: 1 } }));
  host.answer('safekeepBackups:get', () => ({ data: { ...backup, manifest: aManifest() } }));
  host.answer('safekeepBackups:update', ({ data }) => {
    backup = { ...backup, ...(data as Partial<BackupView>) };
    return { data: backup };
  });
  host.answer('safekeepBackups:verify', () => ({ data: { runId: 'run-8' } }));
  host.answer('safekeepRuns:get', () => ({ data: aRun({ id: 'run-8', kind: 'verify' }) }));
  host.answer('safekeepBackups:inspect', () => ({ data: anInspection([]) }));
  host.answer('safekeepSettings:get', () => ({ data: { defaultContents: ['database'] } }));
});

const opener = async () => {
  const cell = await screen.findByTestId(`safekeep-backup:${BACKUP.name}`);
  const link = cell.querySelector<HTMLElement>('[role="button"]');
  if (!link) throw new Error('the row has nothing to press');
  return link;
};
const openDetails = async (permissions?: Permission[]) => {
  renderPage(<BackupsPage />, permissions ? { ...host, can: (permission) => permissions.includes(permission) } : host);
  press(await opener());
  await screen.findByText('Overview');
};

describe('the details of a backup', () => {
  it('have the name of the file, and are opened by the keyboard too', async () => {
    renderPage(<BackupsPage />, host);
    fireEvent.keyDown(await opener(), { key: 'Enter' });
    expect((await screen.findByTestId('safekeep-file-name')).textContent).toContain(`${BACKUP.name}.safekeep.zip`);
    expect(get('details-drawer').textContent).toMatch(/Backup of \d+ Nov 2026/);
  });

  it('offer to protect, and show the change', async () => {
    await openDetails();
    press(get('drawer-protect'));
    await waitFor(() => expect(get('drawer-protect').textContent).toBe('Remove protection'));
    await screen.findByText(/Backup of .*: protected/);
  });

  it('offer to edit the note, and show the change', async () => {
    await openDetails();
    press(get('drawer-edit-note'));
    fireEvent.change(await screen.findByTestId('safekeep-note-input'), { target: { value: 'Summer' } });
    press(get('note-submit'));
    await waitFor(() => expect(get('details-drawer').textContent).toContain('Summer'));
  });

  it('offer to verify', async () => {
    await openDetails();
    press(get('drawer-verify'));
    await waitFor(() => expect(sentTo(host, 'safekeepBackups:verify')).toHaveLength(1));
  });

  it('show a role only what it can do', async () => {
    await openDetails(['see', 'download']);
    const buttons = [...get('details-drawer').querySelectorAll('button')].map(({ textContent }) => textContent);
    expect(buttons.filter(Boolean)).toEqual(['Download']);
  });
});

describe('the focus', () => {
  it('returns from the details to the row, and to the drawer from what it opened', async () => {
    await openDetails();
    press(get('drawer-edit-note'));
    await screen.findByTestId('safekeep-note-input');
    escape('note-dialog');
    await waitFor(() => expect(document.activeElement).toBe(get('drawer-edit-note')));
    press(get('drawer-restore'));
    await screen.findByText('Everything');
    escape('restore-dialog');
    await waitFor(() => expect(document.activeElement).toBe(get('drawer-restore')));
    escape('details-drawer');
    await waitFor(() => expect(document.activeElement?.textContent).toMatch(/^\d+ Nov 2026/));
    expect(screen.queryByTestId('safekeep-details-drawer')).toBeNull();
  });

  it.each([
    ['new-backup', 'create-dialog'],
    ['restore-file', 'restore-dialog'],
    [`restore:${BACKUP.name}`, 'restore-dialog'],
  ])('returns to %s', async (button, dialog) => {
    renderPage(<BackupsPage />, host);
    await opener();
    press(get(button));
    await screen.findByTestId(`safekeep-${dialog}`);
    escape(dialog);
    await waitFor(() => expect(document.activeElement).toBe(get(button)));
    expect(screen.queryByTestId(`safekeep-${dialog}`)).toBeNull();
  });

  it('returns to the button of the menu from what the menu opened', async () => {
    renderPage(<BackupsPage />, host);
    await opener();
    press(get(`more:${BACKUP.name}`));
    press(await screen.findByTestId('safekeep-edit-note'));
    await screen.findByTestId('safekeep-note-input');
    escape('note-dialog');
    await waitFor(() => expect(document.activeElement).toBe(get(`more:${BACKUP.name}`)));
  });

  it('returns from the run to its row in the history', async () => {
    host.answer('safekeepRuns:list', () => ({ data: [aRun({ status: 'succeeded' })], meta: { count: 1 } }));
    renderPage(<HistoryPage />, host);
    press(await screen.findByTestId('safekeep-run-open:run-1'));
    await screen.findByTestId('safekeep-run-drawer');
    escape('run-drawer');
    await waitFor(() => expect(document.activeElement).toBe(get('run-open:run-1')));
  });
});
