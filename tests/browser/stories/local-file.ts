import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { RealHost } from '../../support/real-host';
import { download, makeBackup } from '../../support/safekeep';
import { readCustomers } from '../customers';
import { openPage, type SceneOf, STORY } from './scene';

/** Another port, storage and database, and the other client; a wrong file first. */
export function localFile(sceneOf: SceneOf, freshHost: () => Promise<RealHost>): void {
  test('an archive is kept and restored on a fresh server', STORY, async () => {
    const scene = sceneOf();
    const expected = await readCustomers(scene.host.api);
    const { name } = await makeBackup(scene.host.api, { note: 'For the new server' });
    const file = path.join(scene.folder, `${name}.safekeep.zip`);
    writeFileSync(file, await download(scene.host.api, name));
    const fresh = await freshHost();
    const safekeep = await openPage({ ...scene, host: fresh }, scene.otherClient, 'fresh');
    await safekeep.get('empty').waitFor();
    await safekeep.get('restore-file').click();
    const input = safekeep.get('upload-file').locator('input[type=file]');
    const wrong = path.join(scene.folder, 'holiday.safekeep.zip');
    writeFileSync(wrong, randomBytes(50_000));
    await input.setInputFiles(wrong);
    const error = safekeep.get('restore-dialog').getByTestId('safekeep-error');
    await error.waitFor();
    await safekeep.screenshot('wrong-file');
    expect((await error.innerText()).split('\n').filter(Boolean).slice(1, 3)).toEqual([
      'The file is damaged or is not a backup. Copy or download it again.',
      'NOT_A_ZIP',
    ]);

    await input.setInputFiles(file);
    await safekeep.get('keep-upload').click();
    await safekeep.get('keep-upload').waitFor({ state: 'detached' });
    await safekeep.acceptChecks();
    await safekeep.confirmRestore();
    // A warning was accepted: the fresh host has an encryption key of its own.
    expect(await safekeep.result()).toBe('succeeded with warnings');
    await safekeep.screenshot('result');
    await fresh.api.signIn();
    expect(await readCustomers(fresh.api)).toEqual(expected);

    await safekeep.closeResult();
    expect(await safekeep.listedBackups()).toEqual([name]);
    const made = await safekeep.makeBackup('First backup on the new server');
    expect(await safekeep.listedBackups()).toEqual([made, name]);
    await safekeep.screenshot('list');
    expect(safekeep.errors).toEqual([]);
    await safekeep.close();
  });
}
