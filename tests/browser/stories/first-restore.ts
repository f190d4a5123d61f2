import { expect, test } from 'vitest';
import { firstUser } from '../../../scripts/host.mjs';
import type { BackupView } from '../../../src/shared/api';
import type { RunView } from '../../../src/shared/runs';
import { sha256 } from '../../support/safekeep';
import { changeCustomers, readCustomers } from '../customers';
import type { SafekeepPage } from '../safekeep-page';
import { openPage, type SceneOf, STORY } from './scene';

const LONG_NOTE = `Before the move to the new accounting rules: ${'every branch office, '.repeat(9)}`.slice(0, 200);

/** From signing in to the redo of a first restore. On a host that nobody has used yet. */
export function firstRestore(sceneOf: SceneOf): void {
  test('a first backup, its verification and restore, the undo, and the redo', STORY, async () => {
    const scene = sceneOf();
    const { host, database, client } = scene;
    const backedUp = await readCustomers(host.api);
    const safekeep = await openPage(scene, client, 'first', { token: '' });
    await safekeep.signIn(firstUser.INIT_ROOT_EMAIL, firstUser.INIT_ROOT_PASSWORD);
    await safekeep.get('empty').waitFor();
    await safekeep.screenshot('empty');

    const name = await safekeep.makeBackup(LONG_NOTE);
    expect(await safekeep.get('backup', name).textContent()).toMatch(/^\d+ \w{3} \d{4}, \d\d:\d\dBefore the move/);
    await safekeep.screenshot('list');
    await safekeep.screenshotAt(1024, 'list');
    await safekeep.screenshotAt(800, 'list');
    const row = (await host.api.get(`safekeepBackups:get?filterByTk=${name}`)) as BackupView;
    expect(row).toMatchObject({ note: LONG_NOTE, contents: ['database', 'files'], startedBy: 'Super Admin' });
    expect(row.trigger).toBe('manual');
    await lookAtDetails(safekeep, row);
    const archive = await safekeep.download(name);
    expect(sha256(archive)).toBe(row.sha256);
    expect(archive.length).toBe(row.bytes);

    await changeCustomers(host.api);
    const changed = await readCustomers(host.api);
    expect(changed).not.toEqual(backedUp);

    await safekeep.get('restore', name).click();
    await verifyFirst(safekeep);
    expect(await readCustomers(host.api)).toEqual(changed);
    await safekeep.acceptChecks();
    await lookAtConfirmation(safekeep, database);
    await safekeep.confirmRestore();
    expect(await safekeep.result()).toBe('succeeded');
    await safekeep.screenshot('restore-result');
    const { unavailable, stepsInMaintenance, covered } = await safekeep.seen();
    expect(unavailable).toBe(true);
    // The host's dialog is open as well, and does not hide them.
    expect(stepsInMaintenance).toContain('reload');
    expect(covered).toBe(false);
    await host.api.signIn();
    expect(await readCustomers(host.api)).toEqual(backedUp);
    await safekeep.closeResult();
    expect(await safekeep.listedBackups()).toEqual([name]);
    await safekeep
      .get('live-banner')
      .getByText(/^Restored to .* by Super Admin, undo until /)
      .waitFor();
    await safekeep.get('backup', name).getByTestId('safekeep-live').waitFor();
    expect(await safekeep.get('verified', name).getAttribute('data-result')).toBe('restorable');
    await safekeep.screenshot('restored');

    await safekeep.goTo('history');
    await lookAtHistory(safekeep, (await host.api.get('safekeepRuns:list?sort=-startedAt')) as RunView[]);
    await safekeep.page.locator('[data-testid^="safekeep-undo:"]').click();
    await safekeep.get('undo-confirm').waitFor();
    await safekeep.get('undo-confirm').click();
    await safekeep.get('run-dialog').waitFor();
    // A reload in the middle loses nothing.
    await safekeep.page.reload();
    expect(await safekeep.result()).toBe('succeeded');
    await safekeep.screenshot('undo-result');
    await host.api.signIn();
    expect(await readCustomers(host.api)).toEqual(changed);
    await safekeep.closeResult();
    expect(await safekeep.get('live-banner').count()).toBe(0);

    const redo = safekeep.page.locator('[data-testid^="safekeep-undo:"]');
    await redo.getByText('Redo').waitFor();
    // The restore itself cannot be undone twice, and its row shows why.
    expect(await redo.count()).toBe(1);
    await safekeep.page.locator('[data-testid^="safekeep-undo-state:"]', { hasText: 'Brought back on' }).waitFor();
    await safekeep.screenshot('history-undone');
    await redo.click();
    expect(await safekeep.confirmUndo()).toBe('succeeded');
    await host.api.signIn();
    expect(await readCustomers(host.api)).toEqual(backedUp);
    await safekeep.closeResult();
    await safekeep.goTo('settings');
    await safekeep.get('tools').waitFor();
    await safekeep.screenshot('settings');
    expect(safekeep.errors).toEqual([]);
    await safekeep.close();
  });
}

/** Every tab of the drawer. */
async function lookAtDetails(safekeep: SafekeepPage, { name, sha256: sum }: BackupView): Promise<void> {
  const drawer = await safekeep.openDetails(name);
  expect(await drawer.getByTestId('safekeep-sha256').textContent()).toContain(sum);
  expect(await drawer.getByTestId('safekeep-file-name').textContent()).toBe(`${name}.safekeep.zip`);
  await safekeep.screenshot('details');
  await drawer.getByRole('tab', { name: 'Tables' }).click();
  await drawer.getByTestId('safekeep-table-search').fill('safekeepSampleCust');
  // PostgreSQL names it with its schema.
  await drawer.getByText(/^(public\.)?safekeepSampleCustomers$/).waitFor();
  await safekeep.screenshot('details-tables');
  for (const tab of ['Uploaded files', 'Plugins', 'Run log']) {
    await drawer.getByRole('tab', { name: tab }).click();
    await drawer.locator('.ant-tabs-tabpane-active').waitFor();
    if (tab === 'Run log') await drawer.getByTestId('safekeep-run-log').getByText('[').first().waitFor();
    await safekeep.screenshot(`details-${tab.toLowerCase().replace(' ', '-')}`);
  }
  await safekeep.escape('details-drawer');
}

/** The archive was never verified: the check does it and comes back with the result. */
async function verifyFirst(safekeep: SafekeepPage): Promise<void> {
  const archive = safekeep.page.locator('tr[data-check="archive"]');
  await archive.getByText('Never verified').waitFor();
  await safekeep.screenshot('check-unverified');
  await safekeep.get('verify-first').click();
  await archive.getByText(/^Verified on .* tables, \d{1,3}(,\d{3})* rows match\.$/).waitFor();
  expect(await safekeep.get('checks-fold').textContent()).toMatch(/^\d+ checks passed$/);
}

async function lookAtConfirmation(safekeep: SafekeepPage, database: string): Promise<void> {
  const losses = safekeep.get('losses');
  await losses
    .getByTestId('safekeep-removed-files')
    .getByText(/: 1 \(8\.4 MB\), newest from /)
    .waitFor();
  // One customer more was added than removed, and their documents.
  await losses.getByText(/attachments\s*6 → 5/).waitFor();
  expect(await losses.innerText()).toMatch(/The backup of .* is \d+ minutes? old\./);
  const plan = (await safekeep.get('restore-plan').innerText()).replace(/\s+/g, ' ');
  expect(plan).toMatch(database === 'sqlite' ? /a staging file next to the database file/ : /a staging database/);
  expect(plan).toMatch(/Downtime The app is .* Disk space About [\d.]+ MB more/);
  expect(plan).toContain('The previous data is kept for 72 hours.');
  expect(await safekeep.get('restore-submit').isDisabled()).toBe(true);
  await safekeep.get('confirm-name').fill('other');
  expect(await safekeep.get('restore-submit').isDisabled()).toBe(true);
}

async function lookAtHistory(safekeep: SafekeepPage, known: RunView[]): Promise<void> {
  await safekeep.page.locator('[data-testid^="safekeep-undo:"]').waitFor();
  const runs = safekeep.page.locator('[data-testid^="safekeep-run:"]');
  expect(await runs.allTextContents()).toEqual(['Restore', 'Verification', 'Backup']);
  expect(known.map(({ status, trigger }) => [status, trigger])).toEqual([
    ['succeeded', 'manual'],
    ['succeeded', 'manual'],
    ['succeeded', 'manual'],
  ]);
  await safekeep.screenshot('history');
  await safekeep.screenshotAt(1024, 'history');
  await runs.first().click();
  const drawer = safekeep.get('run-drawer');
  await drawer.getByTestId('safekeep-run-log').getByText('[').first().waitFor();
  await safekeep.screenshot('history-run');
  await safekeep.escape('run-drawer');
}
