import { expect, test } from 'vitest';
import { makeBackup, makeRestore } from '../../support/safekeep';
import { openPage, type SceneOf, STORY } from './scene';

export function chinese(sceneOf: SceneOf): void {
  test('whoever reads Chinese finds no English word on the pages', STORY, async () => {
    const scene = sceneOf();
    const { api } = scene.host;
    const { name } = await makeBackup(api, { note: '升级前' });
    const { id } = await makeRestore(api, { name });
    await api.signIn();
    const safekeep = await openPage(scene, scene.client, 'zh', { locale: 'zh-CN' });
    await safekeep.get('backup', name).waitFor();
    const texts = [await safekeep.get('live-banner').innerText(), await safekeep.get('previous', id).innerText()];
    // Notes of others may be in any language.
    await safekeep.get('search').fill(name);
    await safekeep.page.waitForFunction(
      () => document.querySelectorAll('[data-testid^="safekeep-backup:"]').length === 1,
    );
    await safekeep.screenshot('list');
    texts.push(await safekeep.get('backups-table').innerText());
    const read = async (place: string) => void texts.push(await safekeep.get(place).innerText());

    await safekeep.get('new-backup').click();
    await safekeep.get('create-note').waitFor();
    await safekeep.screenshot('new-backup');
    await read('create-dialog');
    await safekeep.escape('create-dialog');

    await safekeep.get('restore', name).click();
    await safekeep.get('checks-fold').click();
    await safekeep.get('checks-passed').waitFor();
    await safekeep.screenshot('check');
    await read('restore-dialog');
    await safekeep.acceptChecks();
    await safekeep.get('removed-files').waitFor();
    await safekeep.screenshot('confirm');
    const losses = safekeep.page.locator('[data-testid^="safekeep-loss:"]');
    const tables = await losses.evaluateAll((found) =>
      found.map((loss) => loss.dataset['testid']?.split(':')[1] ?? ''),
    );
    // Tables have the same names in every language.
    texts.push(
      tables.reduce((text, table) => text.replace(table, ''), await safekeep.get('restore-dialog').innerText()),
    );
    await safekeep.escape('restore-dialog');

    await safekeep.openDetails(name);
    await safekeep.screenshot('details');
    await read('details-drawer');
    await safekeep.escape('details-drawer');

    await safekeep.get('live-undo').click();
    await safekeep.get('undo-confirm').waitFor();
    await safekeep.screenshot('undo');
    texts.push(await safekeep.page.getByRole('dialog').innerText());
    await safekeep.close();

    expect(texts.join('\n')).toContain('还原');
    expect(texts.join('\n')).not.toContain('恢复');
    expect(texts.flatMap(englishWords)).toEqual([]);
  });
}

/** What is left of a text when names, numbers and words that are the same in every language are taken away. */
function englishWords(text: string): string[] {
  const international =
    /main_\w+|main|[\w.]*\/[\w./-]+|NocoBase|Super Admin|SQLite|PostgreSQL|postgres(ql)?|pg_\w+|SHA-256|\b[0-9a-f]{64}\b|UTF-?8|BINARY|APP_KEY|aes_key|MB|GB|kB|\.safekeep\.zip|\.env|API|en_US|schema|public|nocobase(?=\.)|sqlite/g;
  return text.replace(international, '').match(/[A-Za-z]{2,}/g) ?? [];
}
