/** The pages of Safekeep as an administrator handles them, the same in both clients. */
import { readFileSync } from 'node:fs';
import type { Browser, Locator, Page } from 'playwright-core';
import { type OpenedPage, type OpenOptions, openPage } from '../support/browser';
import type { RealHost } from '../support/real-host';
import { type Seen, watchPage } from './watch-page';

export type Client = 'v1' | 'v2';
export type Tab = 'backups' | 'history' | 'settings';

const PATHS: Record<Client, string> = { v1: '/admin/settings/safekeep', v2: '/v/admin/settings/safekeep' };
const TABS: Record<Tab, string> = { backups: 'Backups', history: 'History', settings: 'Settings' };
export const RUN_TIMEOUT_MS = 90_000;
/** A page of the host is made of about eighty bundles; a busy machine takes its time. */
const PAGE_TIMEOUT_MS = 60_000;

export class SafekeepPage {
  private constructor(
    private readonly opened: OpenedPage,
    private readonly prefix: string,
  ) {}

  /** `prefix` begins the names of its screenshots. */
  static async open(
    browser: Browser,
    host: RealHost,
    client: Client,
    prefix: string,
    options: Omit<OpenOptions, 'path'> = {},
  ): Promise<SafekeepPage> {
    const opened = await openPage(browser, host, { ...options, path: PATHS[client] });
    opened.page.setDefaultTimeout(PAGE_TIMEOUT_MS);
    await opened.page.addInitScript(watchPage);
    await opened.page.evaluate(watchPage);
    return new SafekeepPage(opened, `${prefix}-${client}`);
  }

  get page(): Page {
    return this.opened.page;
  }

  /** What scripts of the page threw and nobody caught. */
  get errors(): readonly string[] {
    return this.opened.errors;
  }

  get(name: string, subject?: string): Locator {
    return this.page.getByTestId(subject === undefined ? `safekeep-${name}` : `safekeep-${name}:${subject}`);
  }

  async seen(): Promise<Seen> {
    return await this.page.evaluate(() => JSON.parse(sessionStorage.getItem('seen') ?? '{}') as Seen);
  }

  async screenshot(name: string): Promise<void> {
    await this.opened.screenshot(`${this.prefix}-${name}`);
  }

  async close(): Promise<void> {
    await this.opened.close();
  }

  async signIn(account: string, password: string): Promise<void> {
    const form = this.page.locator('form');
    await form.locator('input').first().fill(account);
    await form.locator('input[type=password]').fill(password);
    await form.locator('button[type=submit], button.ant-btn-primary').first().click();
  }

  /** In a window of that width; the window is as it was afterwards. */
  async screenshotAt(width: number, name: string): Promise<void> {
    const before = this.page.viewportSize() ?? { width: 1366, height: 768 };
    await this.page.setViewportSize({ width, height: 800 });
    await this.screenshot(`${name}-${width}px`);
    await this.page.setViewportSize(before);
  }

  async goTo(tab: Tab): Promise<void> {
    // A menu in the one client, tabs in the other.
    const name = { name: TABS[tab], exact: true };
    await this.page.getByRole('menuitem', name).or(this.page.getByRole('tab', name)).click();
    await this.get(tab).waitFor();
  }

  /** Names of the backups in the list, in its order. */
  async listedBackups(): Promise<string[]> {
    const cells = this.page.locator('[data-testid^="safekeep-backup:"]');
    const ids = await cells.evaluateAll((found) => found.map((cell) => cell.getAttribute('data-testid') ?? ''));
    return ids.map((id) => id.replace('safekeep-backup:', ''));
  }

  /** Waits until a backup with that note has that status, and returns its name. */
  async backupWith(note: string, status: string): Promise<string> {
    // By its note: rows of other backups may come into the list at any moment.
    const row = this.get('backups-table').locator('tr[data-row-key]', { hasText: note });
    const cell = row.locator(`[data-testid^="safekeep-status:"][data-status="${status}"]`);
    await cell.waitFor({ timeout: RUN_TIMEOUT_MS });
    const name = await row.getAttribute('data-row-key');
    if (!name) throw new Error('the backup is not in the list');
    return name;
  }

  /** Makes a backup through the dialog, waits until the list shows its success, and returns its name. */
  async makeBackup(note: string): Promise<string> {
    await this.startBackup(note);
    return await this.backupWith(note, 'succeeded');
  }

  async startBackup(note: string): Promise<void> {
    await this.get('new-backup').click();
    await this.get('create-note').fill(note);
    await this.screenshot('new-backup');
    await this.get('create-submit').click();
    await this.get('create-dialog').waitFor({ state: 'detached' });
  }

  async openDetails(name: string): Promise<Locator> {
    await this.get('backup', name).getByRole('button').click();
    const drawer = this.get('details-drawer');
    await drawer.getByTestId('safekeep-sha256').waitFor();
    return drawer;
  }

  /** Closes the drawer or dialog by the keyboard. */
  async escape(name: string): Promise<void> {
    await this.page.keyboard.press('Escape');
    await this.get(name).waitFor({ state: 'detached' });
  }

  /** Saves the archive through the browser. */
  async download(name: string): Promise<Buffer> {
    const [download] = await Promise.all([this.page.waitForEvent('download'), this.get('download', name).click()]);
    return readFileSync(await download.path());
  }

  /** From the check to the confirmation, with every warning accepted. */
  async acceptChecks(): Promise<void> {
    await this.get('checks').waitFor();
    for (const warning of await this.page.locator('[data-testid^="safekeep-accept:"]').all()) await warning.check();
    await this.screenshot('restore-check');
    await this.get('restore-next').click();
  }

  /** Types the name of the app and starts the restore. */
  async confirmRestore(): Promise<void> {
    await this.get('confirm-name').fill('main');
    await this.screenshot('restore-confirm');
    await this.get('restore-submit').click();
    await this.get('restore-dialog').waitFor({ state: 'detached' });
  }

  /** Confirms the undo that was asked for and waits for its result. */
  async confirmUndo(): Promise<string> {
    await this.get('undo-confirm').waitFor();
    await this.screenshot('undo-confirm');
    await this.get('undo-confirm').click();
    await this.get('run-dialog').waitFor();
    return await this.result();
  }

  /** Waits until the dialog of the watched run shows the result, through maintenance and reloads, and returns it. */
  async result(): Promise<string> {
    const result = this.get('run-dialog').getByTestId('safekeep-run-result');
    await result.waitFor({ timeout: RUN_TIMEOUT_MS });
    return (await result.getAttribute('data-status')) ?? '';
  }

  async closeResult(): Promise<void> {
    await this.get('run-close').click();
    await this.get('run-dialog').waitFor({ state: 'hidden' });
  }
}
