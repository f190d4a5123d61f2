import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createStaged, type FolderPlan, slotsOf, switchOver } from './files/slots';
import type { FileRoot } from './files/storages';
import { withInactiveFolders } from './inactive-site';
import type { Site } from './site';

let home: string;
beforeEach(() => {
  home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'safekeep-site-')));
});
afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

function siteWith(...folders: string[]): Site {
  const fileRoots = folders.map((name): FileRoot => ({
    id: name,
    storages: [name],
    documentRoot: name,
    folder: path.join(home, name),
    places: { [name]: '' },
    sharedWith: [],
  }));
  const outer = folders.map((name) => ({ id: name, name, documentRoot: name, folder: path.join(home, name) }));
  const inner = { id: 'inner', name: 'inner', documentRoot: 'uploads/inner', folder: path.join(home, 'uploads/inner') };
  return {
    app: { name: 'main', version: '2.2.15', plugins: [] },
    installedPlugins: [],
    scope: { excludeRowsOf: [], schemas: [], fileTables: [] },
    storages: [...outer, inner],
    fileRoots,
    documentRoots: { storage: home, working: home, default: path.join(home, 'uploads') },
    allowedRoots: [],
    reservedFolders: [],
    otherApps: [],
    ownFolder: path.join(home, 'safekeep'),
    keyFingerprints: {},
  };
}

describe.each(['rename', 'children', 'files'] as const)('folders switched over by %s', (mode) => {
  const planFor = (name: string): FolderPlan => ({ folder: path.join(home, name), mode, id: 'abc123' });

  it('are read from their slots, and the storages inside them too; other folders stay', async () => {
    const plan = planFor('uploads');
    fs.mkdirSync(plan.folder, { recursive: true });
    fs.writeFileSync(path.join(await createStaged(plan), 'new.txt'), 'new');
    await switchOver(plan, { ours: [], theirs: new Set() });
    const site = await withInactiveFolders(siteWith('uploads', 'other'), [plan]);
    const slot = slotsOf(plan).previous;
    expect(site.fileRoots.map(({ folder }) => folder)).toEqual([slot, path.join(home, 'other')]);
    expect(site.storages.map(({ folder }) => folder)).toEqual([
      slot,
      path.join(home, 'other'),
      path.join(slot, 'inner'),
    ]);
  });

  it('are those of staged data that is not live', async () => {
    const plan = planFor('uploads');
    await createStaged(plan);
    const site = await withInactiveFolders(siteWith('uploads'), [plan]);
    expect(site.fileRoots[0]?.folder).toBe(slotsOf(plan).staged);
  });

  it('are read even when no storage of the live data has them any more', async () => {
    const plan = planFor('former');
    await createStaged(plan);
    const site = await withInactiveFolders(siteWith('uploads'), [plan]);
    expect(site.fileRoots[1]).toMatchObject({
      id: 'former-2',
      storages: [],
      documentRoot: plan.folder,
      folder: slotsOf(plan).staged,
    });
  });

  it('are refused when a slot is empty', async () => {
    const plan = planFor('uploads');
    fs.mkdirSync(plan.folder);
    await expect(withInactiveFolders(siteWith('uploads'), [plan])).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' });
  });
});
