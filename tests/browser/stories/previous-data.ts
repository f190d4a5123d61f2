import { expect, test } from 'vitest';
import type { BackupDetails, PreviousAnswer } from '../../../src/shared/api';
import { makeBackup, makeRestore } from '../../support/safekeep';
import { addCustomer, readCustomers } from '../customers';
import type { SafekeepPage } from '../safekeep-page';
import { addUser, openPage, type Scene, type SceneOf, signIn, STORY } from './scene';

/** The wrong backup is restored, then the right one; another administrator, who was not there, goes straight back. */
export function previousData(sceneOf: SceneOf): void {
  test('two restores in a row, seen by another administrator, and straight back to the first data', STORY, async () => {
    const scene = sceneOf();
    const { api } = scene.host;
    const colleague = await addUser(api, 'Anna Weber', ['admin']);
    const wrong = await makeBackup(api, { note: 'The wrong one' });
    await addCustomer(api, 'Harbour Bakery');
    const right = await makeBackup(api, { note: 'The right one' });
    await addCustomer(api, 'Entered by hand today');
    const first = await readCustomers(api);
    const wrongRun = await makeRestore(api, { name: wrong.name });
    await api.signIn();
    const rightRun = await makeRestore(api, { name: right.name });
    await api.signIn();
    const restored = await readCustomers(api);
    expect(restored).not.toEqual(first);

    const page = await openPage(scene, scene.otherClient, 'colleague', { token: await signIn(api, colleague) });
    await seesTheRestore(page, right.name);
    await page.goTo('backups');
    await page.get('previous', wrongRun.id).waitFor();
    await page.get('previous', rightRun.id).waitFor();
    await page.screenshot('two-restores');
    await page.get('previous-undo', wrongRun.id).click();
    expect(await page.confirmUndo()).toBe('succeeded');
    await page.screenshot('straight-undo-result');
    await api.signIn();
    expect(await readCustomers(api)).toEqual(first);
    await page.closeResult();
    await saveAndDiscard(page, scene, restored.length);
    expect(page.errors).toEqual([]);
    await page.close();
  });
}

/** On all tabs, and marked in the list, also after a reload. */
async function seesTheRestore(page: SafekeepPage, name: string): Promise<void> {
  const banner = page.get('live-banner').getByText(/^Restored to .* by Super Admin, undo until /);
  await banner.waitFor();
  await page.get('backup', name).getByTestId('safekeep-live').waitFor();
  expect(await page.get('live').count()).toBe(1);
  await page.page.reload();
  await banner.waitFor();
  await page.goTo('history');
  await banner.waitFor();
  await page.goTo('settings');
  await banner.waitFor();
}

/** What the undo replaced becomes a backup of its own; then it is discarded. */
async function saveAndDiscard(page: SafekeepPage, { host: { api } }: Scene, customers: number): Promise<void> {
  const [newest] = ((await api.get('safekeepRuns:previous')) as PreviousAnswer).previous;
  if (!newest) throw new Error('the undo has kept nothing');
  expect(newest.replacedBy).toBe('undo');
  await page.get('previous-save', newest.id).click();
  await page.get('create-note').fill('What the right backup had brought');
  await page.screenshot('save-previous');
  await page.get('create-submit').click();
  const name = await page.backupWith('What the right backup had brought', 'succeeded');
  const saved = (await api.get(`safekeepBackups:get?filterByTk=${name}`)) as BackupDetails;
  const table = saved.manifest?.database?.tables.find((one) => one.name.endsWith('safekeepSampleCustomers'));
  // Not the live data, which has one more.
  expect(table?.rows).toBe(customers);

  await page.get('previous-discard', newest.id).click();
  await page.get('discard-confirm').waitFor();
  await page.screenshot('discard-confirm');
  await page.get('discard-confirm').click();
  await page.get('previous', newest.id).waitFor({ state: 'detached' });
  await page.goTo('history');
  await page.get('undo-state', newest.id).getByText('Previous data discarded on').waitFor();
  await page.screenshot('history-discarded');
}
