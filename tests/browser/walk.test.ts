/** The whole way of an administrator through the pages of a real host, in a real browser. */
import { randomBytes } from 'node:crypto';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { firstUser } from '../../scripts/host.mjs';
import type { BackupView } from '../../src/shared/api';
import type { RunView } from '../../src/shared/runs';
import { startBrowser } from '../support/browser';
import { removeFolder, temporaryFolder } from '../support/child';
import { type RealHost, startRealHost } from '../support/real-host';
import { makeBackup, sha256 } from '../support/safekeep';
import { addCustomer, changeCustomers, readCustomers } from './customers';
import { SafekeepPage } from './safekeep-page';

const WALK_TIMEOUT_MS = 600_000;
const LARGE_BYTES = 256 << 20;
const LONG_NOTE = `Before the move to the new accounting rules: ${'every branch office, '.repeat(9)}`.slice(0, 200);

/** The whole walk with one client; a fresh host, the Chinese page and the small role are looked at with both. */
const PAIRS = [
  { database: 'sqlite', client: 'v1', otherClient: 'v2' },
  { database: 'postgres', client: 'v2', otherClient: 'v1' },
] as const;

let browser: Browser;
let folder: string;

beforeAll(async () => {
  folder = temporaryFolder('walk');
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  removeFolder(folder);
});

describe.each(PAIRS.map((pair) => [pair.database, pair] as const))('on %s', (database, { client, otherClient }) => {
  let host: RealHost;
  let fresh: Promise<RealHost>;

  beforeAll(async () => {
    host = await startRealHost({ database, sample: true });
    await addCustomer(host.api, 'Quay Architects');
    await addCustomer(host.api, 'Northern Lights Photography');
    // Comes up while the first one is walked through.
    fresh = startRealHost({ database });
    fresh.catch(() => undefined);
  });

  afterAll(async () => {
    await Promise.all([host?.stop(), fresh?.then((other) => other.stop())]);
  });

  test(
    'a first backup, its restore and the way back, and the archive on a fresh server',
    { timeout: WALK_TIMEOUT_MS },
    async () => {
      const backedUp = await readCustomers(host.api);
      const safekeep = await SafekeepPage.open(browser, host, client, database, { token: '' });
      await safekeep.signIn(firstUser.INIT_ROOT_EMAIL, firstUser.INIT_ROOT_PASSWORD);
      await safekeep.get('empty').waitFor();
      await safekeep.screenshot('empty');

      const name = await safekeep.makeBackup(LONG_NOTE);
      expect(await safekeep.get('backup', name).textContent()).toContain(LONG_NOTE);
      await safekeep.screenshot('list');
      await safekeep.screenshotAt(1100, 'list');
      await safekeep.screenshotAt(800, 'list');

      const row = (await host.api.get(`safekeepBackups:get?filterByTk=${name}`)) as BackupView;
      expect(row).toMatchObject({ note: LONG_NOTE, contents: ['database', 'files'], startedBy: 'Super Admin' });
      await lookAtDetails(safekeep, row);
      const archive = await safekeep.download(name);
      expect(sha256(archive)).toBe(row.sha256);
      expect(archive.length).toBe(row.bytes);

      await changeCustomers(host.api);
      const changed = await readCustomers(host.api);
      expect(changed).not.toEqual(backedUp);
      await verifyFromTheMenu(safekeep, name);
      expect(await readCustomers(host.api)).toEqual(changed);
      await safekeep.get('restore', name).click();
      await safekeep.acceptChecks();
      const told = (await safekeep.get('restore-plan').innerText()).replace(/\s+/g, ' ');
      expect(told).toMatch(database === 'sqlite' ? /a new file beside the database file/ : /a new database beside/);
      expect(told).toMatch(/Downtime The app is away .* Disk space About [\d.]+ MB more/);
      expect(told).toContain('The state before is kept for 72 hours.');
      expect(await safekeep.get('restore-submit').isDisabled()).toBe(true);
      await safekeep.get('confirm-name').fill('other');
      expect(await safekeep.get('restore-submit').isDisabled()).toBe(true);
      await safekeep.confirmRestore();
      await safekeep.maintenance();
      expect(await safekeep.result()).toBe('succeeded');
      await safekeep.screenshot('restore-result');
      await host.api.signIn();
      expect(await readCustomers(host.api)).toEqual(backedUp);
      await safekeep.closeResult();
      expect(await safekeep.listedBackups()).toEqual([name]);
      await safekeep.screenshot('restored-list');

      await safekeep.goTo('history');
      const undo = safekeep.page.locator('[data-testid^="safekeep-undo:"]');
      await undo.first().waitFor();
      const runs = safekeep.page.locator('[data-testid^="safekeep-run:"]');
      expect(await runs.allTextContents()).toEqual(['Restore', 'Verification', 'Backup']);
      const known = (await host.api.get('safekeepRuns:list?sort=-startedAt')) as RunView[];
      expect(known.map(({ status, backupName }) => [status, backupName])).toEqual([
        ['succeeded', name],
        ['succeeded', name],
        ['succeeded', name],
      ]);
      await safekeep.screenshot('history');
      await safekeep.screenshotAt(1100, 'history');
      await runs.first().click();
      await safekeep.get('run-drawer').getByTestId('safekeep-run-log').getByText('[').first().waitFor();
      await safekeep.screenshot('history-run');
      await safekeep.page.keyboard.press('Escape');
      await safekeep.get('run-drawer').waitFor({ state: 'detached' });

      await undo.first().click();
      await safekeep.get('undo-confirm').waitFor();
      await safekeep.screenshot('undo-confirm');
      await safekeep.get('undo-confirm').click();
      await safekeep.get('run-dialog').waitFor();
      // A reload in the middle loses nothing.
      await safekeep.page.reload();
      expect(await safekeep.result()).toBe('succeeded');
      await safekeep.screenshot('undo-result');
      await host.api.signIn();
      expect(await readCustomers(host.api)).toEqual(changed);
      await safekeep.closeResult();
      await undoTheUndo(safekeep, backedUp);
      await safekeep.goTo('backups');
      expect(await safekeep.get('verified', name).getAttribute('data-result')).toBe('restorable');
      await watchLargeBackup(safekeep);
      await safekeep.goTo('settings');
      await safekeep.get('folder').waitFor();
      await safekeep.screenshot('settings');
      expect(safekeep.errors).toEqual([]);
      await safekeep.close();

      const file = path.join(folder, `${name}.safekeep.zip`);
      writeFileSync(file, archive);
      await restoreOnFreshHost(await fresh, file, backedUp);
    },
  );

  /** The sign of the result stands in the list and in the details. */
  async function verifyFromTheMenu(safekeep: SafekeepPage, name: string): Promise<void> {
    await safekeep.get('more', name).click();
    await safekeep.get('verify').click();
    const sign = safekeep.get('verified', name);
    await safekeep.page.locator(`[data-testid="safekeep-verified:${name}"][data-result="restorable"]`).waitFor();
    await sign.hover();
    await safekeep.page.getByRole('tooltip').getByText('Loaded into a scratch database').waitFor();
    await safekeep.screenshot('verified');
    await safekeep.get('backup', name).getByRole('button').click();
    const fact = safekeep.get('details-drawer').getByTestId('safekeep-verified-fact');
    expect(await fact.innerText()).toMatch(/^Verified on .* tables, \d{1,3}(,\d{3})* rows match\.$/);
    await safekeep.screenshot('details-verified');
    await safekeep.page.keyboard.press('Escape');
    await safekeep.get('details-drawer').waitFor({ state: 'detached' });
  }

  /** From the history, where the newest run is the undo: brings back what the restore had brought. */
  async function undoTheUndo(safekeep: SafekeepPage, restored: string[]): Promise<void> {
    const undo = safekeep.page.locator('[data-testid^="safekeep-undo:"]');
    await undo.getByText('Undo the undo').waitFor();
    // The restore itself can not be undone twice.
    expect(await undo.count()).toBe(1);
    await safekeep.screenshot('history-undone');
    await undo.click();
    await safekeep.get('undo-confirm').waitFor();
    await safekeep.screenshot('redo-confirm');
    await safekeep.get('undo-confirm').click();
    await safekeep.get('run-dialog').waitFor();
    expect(await safekeep.result()).toBe('succeeded');
    await host.api.signIn();
    expect(await readCustomers(host.api)).toEqual(restored);
    await safekeep.closeResult();
    await undo.getByText('Undo restore').waitFor();
    await safekeep.screenshot('history-redone');
  }

  /** One that takes long enough to be watched: its uploads hold a large file of zeros, which takes no room on the disk. */
  async function watchLargeBackup(safekeep: SafekeepPage): Promise<void> {
    const large = path.join(host.storage, 'uploads', 'large.bin');
    writeFileSync(large, '');
    truncateSync(large, LARGE_BYTES);
    const making = safekeep.makeBackup('With the film of the opening');
    await safekeep.get('backups-table').getByTestId('safekeep-run-progress').waitFor();
    await safekeep.screenshot('progress');
    const name = await making;
    rmSync(large);
    const percents = (await safekeep.seen()).percents[name] ?? [];
    expect(percents.length).toBeGreaterThan(0);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect((await safekeep.listedBackups())[0]).toBe(name);
  }

  /** Every tab of the drawer. */
  async function lookAtDetails(safekeep: SafekeepPage, { name, sha256: sum }: BackupView): Promise<void> {
    await safekeep.get('backup', name).getByRole('button').click();
    const drawer = safekeep.get('details-drawer');
    expect(await drawer.getByTestId('safekeep-sha256').textContent()).toContain(sum);
    await safekeep.screenshot('details');
    await drawer.getByRole('tab', { name: 'Tables' }).click();
    await drawer.getByTestId('safekeep-table-search').fill('safekeepSampleCust');
    // PostgreSQL names it with its schema.
    await drawer.getByText(/^(public\.)?safekeepSampleCustomers$/).waitFor();
    await safekeep.screenshot('details-tables');
    for (const tab of ['Uploaded files', 'Plugins', 'Log']) {
      await drawer.getByRole('tab', { name: tab }).click();
      await drawer.locator('.ant-tabs-tabpane-active').waitFor();
      if (tab === 'Log') await drawer.getByTestId('safekeep-run-log').getByText('[').first().waitFor();
      await safekeep.screenshot(`details-${tab.toLowerCase().replace(' ', '-')}`);
    }
    await safekeep.page.keyboard.press('Escape');
    await safekeep.get('details-drawer').waitFor({ state: 'detached' });
  }

  /** Another port, storage and database, and the other client; a wrong file first. */
  async function restoreOnFreshHost(other: RealHost, file: string, expected: string[]): Promise<void> {
    const safekeep = await SafekeepPage.open(browser, other, otherClient, database);
    await safekeep.get('empty').waitFor();
    await safekeep.get('restore-file').click();
    const input = safekeep.get('upload-file').locator('input[type=file]');
    const wrong = path.join(folder, 'holiday.safekeep.zip');
    writeFileSync(wrong, randomBytes(50_000));
    await input.setInputFiles(wrong);
    const error = safekeep.get('restore-dialog').getByTestId('safekeep-error');
    await error.waitFor();
    await safekeep.screenshot('wrong-file');
    expect((await error.innerText()).split('\n').filter(Boolean).slice(0, 3)).toEqual([
      'This file is not a backup: it is not a ZIP archive.',
      'Choose a file whose name ends with .safekeep.zip.',
      'NOT_A_ZIP',
    ]);

    await input.setInputFiles(file);
    await safekeep.acceptChecks();
    await safekeep.confirmRestore();
    // A warning was accepted: the fresh host has an encryption key of its own.
    expect(await safekeep.result()).toBe('succeeded with warnings');
    await safekeep.screenshot('restore-file-result');
    await other.api.signIn();
    expect(await readCustomers(other.api)).toEqual(expected);

    await safekeep.closeResult();
    const made = await safekeep.makeBackup('First backup on the new server');
    expect(await safekeep.listedBackups()).toEqual([made]);
    expect(safekeep.errors).toEqual([]);
    await safekeep.close();
  }

  test('whoever reads Chinese finds no English word on the pages', async () => {
    const { name } = await makeBackup(host.api, { note: '升级前' });
    const safekeep = await SafekeepPage.open(browser, host, client, `${database}-zh`, { locale: 'zh-CN' });
    // Notes of others may be in any language.
    await safekeep.get('backup', name).waitFor();
    await safekeep.get('search').fill(name);
    await safekeep.page.waitForFunction(
      () => document.querySelectorAll('[data-testid^="safekeep-backup:"]').length === 1,
    );
    await safekeep.screenshot('list');
    const texts = [await safekeep.get('backups').innerText()];

    await safekeep.get('new-backup').click();
    await safekeep.get('create-note').waitFor();
    await safekeep.screenshot('new-backup');
    texts.push(await safekeep.get('create-dialog').innerText());
    await safekeep.page.keyboard.press('Escape');

    await safekeep.get('restore', name).click();
    await safekeep.get('checks').waitFor();
    texts.push(await safekeep.get('restore-dialog').innerText());
    await safekeep.acceptChecks();
    await safekeep.get('confirm-name').waitFor();
    await safekeep.screenshot('restore-confirm');
    texts.push(await safekeep.get('restore-dialog').innerText());
    await safekeep.page.keyboard.press('Escape');

    await safekeep.get('backup', name).getByRole('button').click();
    await safekeep.get('details-drawer').getByTestId('safekeep-sha256').waitFor();
    await safekeep.screenshot('details');
    texts.push(await safekeep.get('details-drawer').innerText());
    await safekeep.close();

    expect(texts.join('\n')).toContain('还原');
    expect(texts.join('\n')).not.toContain('恢复');
    expect(texts.flatMap(englishWords)).toEqual([]);
  });

  test('a role that may only look sees the backups and can neither restore nor delete', async () => {
    const { name } = await makeBackup(host.api, { note: 'for the auditor' });
    const safekeep = await SafekeepPage.open(browser, host, otherClient, `${database}-auditor`, {
      token: await signInAsAuditor(host),
    });
    await safekeep.get('backup', name).waitFor();
    await safekeep.screenshot('list');
    await safekeep.get('new-backup').waitFor();
    for (const button of ['new-backup', 'restore-file']) {
      expect(await safekeep.get(button).isDisabled(), button).toBe(true);
    }
    expect(await safekeep.get('restore', name).isDisabled()).toBe(true);
    expect(await safekeep.get('download', name).isDisabled()).toBe(true);
    await safekeep.get('more', name).click();
    const menu = safekeep.page.getByRole('menuitem');
    await menu.filter({ has: safekeep.get('delete') }).waitFor();
    await safekeep.screenshot('menu');
    for (const action of ['verify', 'pin', 'edit-note', 'delete']) {
      const item = menu.filter({ has: safekeep.get(action) });
      expect(await item.getAttribute('aria-disabled'), action).toBe('true');
    }
    await safekeep.get('details').click();
    await safekeep.get('details-drawer').getByTestId('safekeep-sha256').waitFor();
    // No look at its errors: the modern client itself asks for more than this role may, and does not catch the refusal.
    await safekeep.close();
  });
});

/** What is left of a text when names, numbers and words that are the same in every language are taken away. */
function englishWords(text: string): string[] {
  const international =
    /main_\w+|main|[\w.]*\/[\w./-]+|NocoBase|Super Admin|SQLite|PostgreSQL|postgres(ql)?|pg_\w+|SHA-256|\b[0-9a-f]{64}\b|UTF-?8|BINARY|APP_KEY|aes_key|MB|GB|kB|\.safekeep\.zip|\.env|API|en_US|schema|public|nocobase(?=\.)|sqlite/g;
  return text.replace(international, '').match(/[A-Za-z]{2,}/g) ?? [];
}

/** A user whose only role may see Safekeep and nothing more of it, as the roles' page makes it. Returns the token. */
async function signInAsAuditor({ api }: RealHost): Promise<string> {
  const name = `auditor${randomBytes(3).toString('hex')}`;
  const taken = ['create', 'download', 'restore', 'delete', 'settings'].map((right) => `!pm.safekeep.${right}`);
  // The host opens its settings only to roles that may configure plugins at all.
  const snippets = ['!ui.*', '!pm', '!app', 'pm.*', ...taken];
  await api.get('roles:create', { body: { name, title: name, snippets } });
  const user = { username: name, nickname: 'Auditor', password: 'auditor123', roles: [name] };
  await api.get('users:create', { body: user });
  const { token } = (await api.get('auth:signIn', {
    body: { account: name, password: user.password },
    token: '',
    headers: { 'x-authenticator': 'basic' },
  })) as { token: string };
  return token;
}
