// @vitest-environment jsdom
import { screen, waitFor } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import { refusal } from '../testing/fixtures';
import { fakeHost, prepareBrowser, renderPage, type FakeHost } from '../testing/render-page';
import { SettingsPage } from './SettingsPage';

const SETTINGS = {
  maxBackups: 30,
  defaultContents: ['database'],
  undoHours: 72,
  folder: '/srv/archives',
  freeBytes: 5e9,
};

describe('the Settings tab', () => {
  let host: FakeHost;
  beforeEach(async () => {
    await prepareBrowser();
    host = fakeHost();
    host.answer('safekeepSettings:get', () => ({ data: SETTINGS }));
  });
  const asked = () => host.requests.map(({ url }) => url);

  it('lets those change the settings who may, and shows them the client tools', async () => {
    const tool = { name: 'pg_dump', status: 'blocking', detail: '–', remedy: 'Install it with: apt-get install x' };
    host.answer('safekeepSettings:tools', () => ({ data: { tools: [tool] } }));
    renderPage(<SettingsPage />, host);
    expect((await screen.findByTestId<HTMLInputElement>('safekeep-max-backups')).value).toBe('30');
    await waitFor(() => expect(screen.getByTestId('safekeep-tools').textContent).toContain('pg_dump'));
    expect(screen.getByTestId('safekeep-settings-save')).toBeTruthy();
  });

  it('shows everybody else the settings, and asks for no tools', async () => {
    renderPage(<SettingsPage />, { ...host, can: (permission) => permission === 'see' });
    const facts = await screen.findByTestId('safekeep-settings-facts');
    expect(facts.textContent).toContain('Maximum number of backups30');
    expect(facts.textContent).toContain('Undo window72 hours');
    expect(screen.getByTestId('safekeep-folder').textContent).toContain('/srv/archives');
    expect(screen.queryByTestId('safekeep-tools')).toBeNull();
    expect(document.querySelectorAll('input, [data-testid^="safekeep-"]:disabled')).toHaveLength(0);
    expect(asked()).not.toContain('safekeepSettings:tools');
  });

  it('keeps the settings in use when the tools cannot be found out', async () => {
    host.answer('safekeepSettings:tools', () => {
      throw refusal(500, 'INTERNAL', 'Something failed.');
    });
    renderPage(<SettingsPage />, host);
    expect((await screen.findByRole('alert')).textContent).toContain('Something failed.');
    expect(screen.getByTestId<HTMLButtonElement>('safekeep-settings-save').disabled).toBe(false);
  });
});
