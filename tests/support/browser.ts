/** A real Chromium that is signed in to a real host. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { type Browser, type BrowserContext, type Page, chromium } from 'playwright-core';
import { findProgram } from './child';
import type { RealHost } from './real-host';

const SCREENSHOTS = '.test/screenshots';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export async function startBrowser(): Promise<Browser> {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const executablePath = findProgram(names, [], 'apt-get install chromium fonts-noto-cjk');
  return chromium.launch({ executablePath, args: FLAGS });
}

export interface OpenedPage {
  page: Page;
  context: BrowserContext;
  /** What scripts of the page threw and nobody caught, with the stack. */
  errors: string[];
  /** Saves .test/screenshots/<name>.png. */
  screenshot(name: string): Promise<void>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Such as '/admin/settings/safekeep' or '/v/admin/settings/safekeep'. */
  path: string;
  locale?: 'en-US' | 'zh-CN';
  /** Token of another user; default is the host's root. Empty: not signed in. */
  token?: string;
  /** Default: 1366 x 768, a small laptop. */
  viewport?: { width: number; height: number };
}

const SMALL_LAPTOP = { width: 1366, height: 768 };

/** Opens a page of the host with a profile of its own. */
export async function openPage(browser: Browser, host: RealHost, options: OpenOptions): Promise<OpenedPage> {
  const { locale = 'en-US', token = host.api.token, viewport = SMALL_LAPTOP } = options;
  const context = await browser.newContext({ viewport, locale, acceptDownloads: true });
  const stored = {
    NOCOBASE_LOCALE: locale,
    ...(token && { NOCOBASE_TOKEN: token, NOCOBASE_AUTH: 'basic' }),
    ...(token === host.api.token && { NOCOBASE_ROLE: 'root' }),
  };
  await context.addInitScript((entries: Record<string, string>) => {
    // Only the first time: a sign-out or another language chosen in the page must last.
    if (sessionStorage.getItem('prepared')) return;
    sessionStorage.setItem('prepared', 'yes');
    for (const [key, value] of Object.entries(entries)) localStorage.setItem(key, value);
  }, stored);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.stack || error.message));
  await page.goto(host.url + options.path);
  return {
    page,
    context,
    errors,
    async screenshot(name) {
      mkdirSync(SCREENSHOTS, { recursive: true });
      await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), animations: 'disabled' });
    },
    close: () => context.close(),
  };
}
