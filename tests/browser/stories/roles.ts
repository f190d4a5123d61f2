import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { RealHost } from '../../support/real-host';
import { makeBackup } from '../../support/safekeep';
import { addUser, openPage, type SceneOf, signIn, STORY } from './scene';

/** An auditor sees the list, details, history, run log and settings, and nothing that he cannot press. */
export function lookOnly(sceneOf: SceneOf): void {
  test('a role that may only look sees everything and no disabled button', STORY, async () => {
    const scene = sceneOf();
    const { name } = await makeBackup(scene.host.api, { note: 'for the auditor' });
    const token = await signInAsAuditor(scene.host);
    const safekeep = await openPage(scene, scene.otherClient, 'auditor', { token });
    const seesNothingToPress = async (place: string) => {
      for (const right of ['new-backup', 'restore-file', 'settings-save', 'tools', 'live-undo']) {
        expect(await safekeep.get(right).count(), `${right} on ${place}`).toBe(0);
      }
      const rights = ['restore:', 'download:', 'undo:', 'previous-undo:', 'previous-save:', 'previous-discard:'];
      // The pages of a list have an end, whatever the role.
      const disabled = ['button', 'input'].map(
        (tag) => `[data-testid^="safekeep-"] ${tag}:disabled:not(.ant-pagination *)`,
      );
      const buttons = safekeep.page.locator(
        [...rights.map((right) => `[data-testid^="safekeep-${right}"]`), ...disabled].join(', '),
      );
      expect(await buttons.evaluateAll((found) => found.map((button) => button.outerHTML)), place).toEqual([]);
    };
    await safekeep.get('backup', name).waitFor();
    await safekeep.screenshot('list');
    await seesNothingToPress('Backups');
    const drawer = await safekeep.openDetails(name);
    await drawer.getByRole('tab', { name: 'Run log' }).click();
    await drawer.getByTestId('safekeep-run-log').getByText('[').first().waitFor();
    await safekeep.screenshot('details');
    await safekeep.escape('details-drawer');
    await safekeep.goTo('history');
    await safekeep.page.locator('[data-testid^="safekeep-run:"]').first().waitFor();
    await seesNothingToPress('History');
    await safekeep.goTo('settings');
    await safekeep.get('settings-facts').waitFor();
    await safekeep.get('folder').waitFor();
    await seesNothingToPress('Settings');
    await safekeep.screenshot('settings');
    // No look at its errors: the modern client itself asks for more than this role may, and does not catch the refusal.
    await safekeep.close();
  });
}

/** A user whose only role may see Safekeep and nothing more of it, as the roles' page makes it. Returns the token. */
async function signInAsAuditor({ api }: RealHost): Promise<string> {
  const name = `auditor${randomBytes(3).toString('hex')}`;
  const taken = ['create', 'download', 'restore', 'delete', 'settings'].map((right) => `!pm.safekeep.${right}`);
  // The host opens its settings only to roles that may configure plugins at all.
  const snippets = ['!ui.*', '!pm', '!app', 'pm.*', ...taken];
  await api.get('roles:create', { body: { name, title: name, snippets } });
  return await signIn(api, await addUser(api, 'Auditor', [name]));
}
