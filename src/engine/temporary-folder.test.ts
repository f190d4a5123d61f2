import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { makeTemporaryFolder, removeAbandonedFolders } from './temporary-folder';

const made: string[] = [];
afterEach(() => made.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })));

it('removes the folder of a process that is gone, and no other', async () => {
  const own = await makeTemporaryFolder();
  // As this process, but begun at another time; and as another machine's.
  const [, mark = '', pid = '', started = ''] = /safekeep-(\w+)-(\d+)-(\d*)-/.exec(own) ?? [];
  const sibling = (name: string) => path.join(path.dirname(own), name);
  const dead = sibling(`safekeep-${mark}-${pid}-${started}1-0123abcd`);
  const foreign = sibling(`safekeep-${mark.replace(/./g, '0')}-${pid}-${started}1-0123abcd`);
  made.push(own, dead, foreign);
  for (const folder of [dead, foreign]) mkdirSync(path.join(folder, 'below'), { recursive: true });
  await removeAbandonedFolders();
  expect([own, dead, foreign].map((folder) => existsSync(folder))).toEqual([true, false, true]);
});
