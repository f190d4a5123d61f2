import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeTemporaries, writeFileAtomically } from './atomic-file';
import { ownedSuffix } from './temporary-name';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'safekeep-atomic-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('removes what a killed writer has left, and nothing of one that lives, here or elsewhere', async () => {
  await writeFileAtomically(path.join(folder, 'kept.json'), '{}');
  const [mark = '', pid, started, random] = ownedSuffix().split('-');
  const elsewhere = mark.replace(/./g, '0');
  const left = [`kept.json.${mark}-${pid}-${started}1-${random}.tmp`, `kept.json.${elsewhere}-1-2-0123abcd.tmp`];
  const living = [`kept.json.${mark}-${pid}-${started}-${random}.tmp`, `kept.json.${elsewhere}-1-2-3123abcd.tmp`];
  for (const name of [...left, ...living, 'foreign.tmp']) await writeFile(path.join(folder, name), '{');
  const anHourAgo = new Date(Date.now() - 3_600_000);
  await utimes(path.join(folder, left[1] ?? ''), anHourAgo, anHourAgo);
  await removeTemporaries(folder);
  expect((await readdir(folder)).sort()).toEqual(['foreign.tmp', 'kept.json', ...living].sort());
});
