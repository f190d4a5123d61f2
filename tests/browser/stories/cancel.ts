import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { openPage, type SceneOf, STORY } from './scene';

const LARGE_BYTES = 768 << 20;

/** Backups that take long enough to be watched: the uploads hold a large file of zeros, which takes no room on the disk. */
export function cancel(sceneOf: SceneOf): void {
  test('a backup shows its progress, and one that is cancelled stops at once', STORY, async () => {
    const scene = sceneOf();
    const large = path.join(scene.host.storage, 'uploads', 'large.bin');
    writeFileSync(large, '');
    truncateSync(large, LARGE_BYTES);
    const safekeep = await openPage(scene, scene.client, 'cancel');
    await safekeep.startBackup('With the film of the opening');
    const bar = safekeep.get('backups-table').getByTestId('safekeep-run-progress');
    await bar.waitFor();
    await safekeep.screenshot('progress');
    const button = safekeep.page.locator('[data-testid^="safekeep-cancel:"]').first();
    await button.click();
    await safekeep.get('cancel-confirm').waitFor();
    await safekeep.screenshot('confirm');
    await safekeep.get('cancel-confirm').click();
    const name = await safekeep.backupWith('With the film of the opening', 'cancelled');
    rmSync(large);
    const seen = await safekeep.seen();
    expect(seen.cancelling).toBe(true);
    const percents = seen.percents[name] ?? [];
    expect(percents.length).toBeGreaterThan(0);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(await safekeep.get('backup-alert').count()).toBe(0);

    await safekeep.goTo('history');
    const { runId } = (await scene.host.api.get(`safekeepBackups:get?filterByTk=${name}`)) as { runId: string };
    expect(await safekeep.get('run-status', runId).innerText()).toBe('Cancelled');
    await safekeep.get('run', runId).click();
    const drawer = safekeep.get('run-drawer');
    await drawer.locator('[data-state="cancelled"]').waitFor();
    expect(await drawer.locator('[data-state="failed"], .ant-alert-error').count()).toBe(0);
    await safekeep.screenshot('history-run');
    await safekeep.close();
  });
}
