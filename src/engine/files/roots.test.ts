import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isInside, resolveFolder, switchoverModeOf } from './roots';

let home: string;
beforeEach(() => {
  home = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'safekeep-roots-')));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

it.each([
  ['/a', '/a', true],
  ['/a', '/a/b', true],
  ['/', '/a', true],
  ['/a', '/ab', false],
  ['/a/b', '/a', false],
  ['/a', '/a/..b', true],
  ['/a', '/a/../b', false],
  ['/a', '/', false],
])('determines whether %s contains %s', (outer, inner, expected) => {
  expect(isInside(outer, inner)).toBe(expected);
});

it('resolves links, even above parts that do not exist yet', async () => {
  mkdirSync(path.join(home, 'real'));
  symlinkSync('real', path.join(home, 'link'));
  expect(await resolveFolder(path.join(home, 'link'))).toBe(path.join(home, 'real'));
  expect(await resolveFolder(path.join(home, 'link/not/yet'))).toBe(path.join(home, 'real/not/yet'));
  symlinkSync('loop', path.join(home, 'loop'));
  await expect(resolveFolder(path.join(home, 'loop'))).rejects.toThrow('ELOOP');
});

describe('the switchover mode of a folder', () => {
  it('is to rename it, even if it does not exist yet', async () => {
    mkdirSync(path.join(home, 'uploads'));
    expect(await switchoverModeOf(path.join(home, 'uploads'))).toBe('rename');
    expect(await switchoverModeOf(path.join(home, 'not/yet'))).toBe('rename');
  });

  // Only root can mount.
  it.skipIf(process.getuid?.() !== 0).each([
    ['a disk of its own', ['-t', 'tmpfs', 'safekeep-test']],
    ['a bind mount of the same disk', ['--bind', 'source']],
  ])('is child by child for %s', async (_what, [option = '', ...rest]) => {
    const folder = path.join(home, 'up loads \\ é');
    mkdirSync(folder);
    mkdirSync(path.join(home, 'source'));
    const source = rest.map((one) => (one === 'source' ? path.join(home, one) : one));
    execFileSync('mount', [option, ...source, folder]);
    try {
      expect(await switchoverModeOf(folder)).toBe('children');
    } finally {
      execFileSync('umount', [folder]);
    }
    expect(await switchoverModeOf(folder)).toBe('rename');
  });
});
