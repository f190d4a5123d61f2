import { expect, test } from 'vitest';
import { makeBackup } from '../../support/safekeep';
import type { SafekeepPage } from '../safekeep-page';
import { openPage, type SceneOf, STORY } from './scene';

/** Ids of the host's themes. */
const THEMES = { light: 1, dark: 2 };
const LAPTOP = { width: 1366, height: 768 };

/** What has to fit, in the themes with the widest letters and margins, in both clients. */
export function looks(sceneOf: SceneOf): void {
  test('on a small laptop, light or dark, everything is in reach and nothing breaks', STORY, async () => {
    const scene = sceneOf();
    const { api } = scene.host;
    const { name } = await makeBackup(api, { note: 'Looked at on a small laptop' });
    for (const [theme, client] of [
      ['light', scene.otherClient],
      ['dark', scene.client],
    ] as const) {
      await api.get('users:updateTheme', { body: { themeId: THEMES[theme] } });
      const safekeep = await openPage(scene, client, theme, { viewport: LAPTOP });
      await safekeep.get('backup', name).waitFor();
      expect(await isDark(safekeep)).toBe(theme === 'dark');
      await safekeep.screenshot('list');
      await headingsStayOnOneLine(safekeep);
      await actionsStayClear(safekeep);

      await safekeep.get('restore', name).click();
      await safekeep.get('verify-first').waitFor();
      await safekeep.screenshot('check');
      expect(await hasToScroll(safekeep)).toBe(false);
      await safekeep.escape('restore-dialog');

      await safekeep.goTo('history');
      await safekeep.page.locator('[data-testid^="safekeep-run:"]').first().waitFor();
      await safekeep.screenshot('history');
      await headingsStayOnOneLine(safekeep);
      await actionsStayClear(safekeep);
      await safekeep.page.setViewportSize({ ...LAPTOP, width: 800 });
      await headingsStayOnOneLine(safekeep);
      await safekeep.close();
    }
    await api.get('users:updateTheme', { body: { themeId: null } });
  });
}

async function isDark(safekeep: SafekeepPage): Promise<boolean> {
  const color = await safekeep
    .get('backups')
    .evaluate((card) => getComputedStyle(card).backgroundColor.match(/\d+/g)?.map(Number) ?? []);
  return (color[0] ?? 255) < 128;
}

async function hasToScroll(safekeep: SafekeepPage): Promise<boolean> {
  return await safekeep
    .get('restore-dialog')
    .locator('.ant-modal-body')
    .evaluate((body) => body.scrollHeight > body.clientHeight);
}

async function headingsStayOnOneLine(safekeep: SafekeepPage): Promise<void> {
  const headings = safekeep.page.locator('.ant-table-thead th');
  const heights = await headings.evaluateAll((cells) => [
    ...new Set(cells.map((cell) => Math.round(cell.clientHeight))),
  ]);
  expect(heights).toHaveLength(1);
  expect(heights[0]).toBeLessThan(60);
}

/** Of the host's floating button, which covers the right edge of the page, wherever the list is scrolled. */
async function actionsStayClear(safekeep: SafekeepPage): Promise<void> {
  const floating = await safekeep.page.locator('.ai-chat-button-badge').boundingBox();
  if (!floating) throw new Error('the host shows no floating button');
  const rights = await safekeep.page
    .locator('.ant-table-tbody td:last-child button')
    .evaluateAll((buttons) => buttons.map((button) => button.getBoundingClientRect().right));
  expect(rights.length).toBeGreaterThan(0);
  expect(Math.max(...rights)).toBeLessThanOrEqual(floating.x);
}
