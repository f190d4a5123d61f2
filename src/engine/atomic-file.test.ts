import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeTemporaries, writeFileAtomically } from './atomic-file';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'safekeep-atomic-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('removes what a killed writer has left, and nothing else', async () => {
  await writeFileAtomically(path.join(folder, 'kept.json'), '{}');
  await writeFile(path.join(folder, 'kept.json.0123abcd.tmp'), '{');
  await writeFile(path.join(folder, 'foreign.tmp'), '');
  await removeTemporaries(folder);
  expect((await readdir(folder)).sort()).toEqual(['foreign.tmp', 'kept.json']);
});
