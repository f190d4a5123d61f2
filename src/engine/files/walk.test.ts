import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fill } from '../messages';
import { type OnSkipped, walk } from './walk';

let folder: string;
let warned: string[];
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'safekeep-walk-'));
  warned = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const signal = new AbortController().signal;
const onSkipped: OnSkipped = (file, reason) => void warned.push(`${file}: ${fill('{{reason}}', { reason })}`);

async function found(exclude: string[] = []): Promise<string[]> {
  const paths: string[] = [];
  for await (const file of walk(folder, signal, onSkipped, exclude)) paths.push(file.path);
  return paths.sort();
}

function put(name: string, content = ''): void {
  mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  writeFileSync(path.join(folder, name), content);
}

it('finds every file, whatever its name and depth', async () => {
  const longest = `${'é'.repeat(127)}x`;
  const names = [
    'a',
    '.hidden',
    'd/e/e/p',
    longest,
    `${longest}.d/${longest}`.slice(1),
    '\u202Egpj.exe',
    '🛟',
    'back\\slash',
    'new\nline',
  ];
  for (const name of names) put(name);
  expect(await found()).toEqual([...names].sort());
  expect(warned).toEqual([]);
});

it('returns size, time and permissions', async () => {
  put('a', 'four');
  const at = new Date('2024-02-03T04:05:06.789Z');
  utimesSync(path.join(folder, 'a'), at, at);
  for await (const file of walk(folder, signal, onSkipped)) {
    expect(file).toMatchObject({ path: 'a', bytes: 4, mode: 0o644 });
    expect(Math.round(file.mtimeMs)).toBe(at.getTime());
  }
  expect(await found()).toEqual(['a']);
});

it('is empty for a missing folder', async () => {
  rmSync(folder, { recursive: true });
  expect(await found()).toEqual([]);
  expect(warned).toEqual([]);
});

it('skips links and special files and reports them', async () => {
  put('real/file');
  symlinkSync('real', path.join(folder, 'link to a folder'));
  symlinkSync('/etc/passwd', path.join(folder, 'link to a file'));
  symlinkSync('loop', path.join(folder, 'loop'));
  execFileSync('mkfifo', [path.join(folder, 'pipe')]);
  expect(await found()).toEqual(['real/file']);
  expect(warned.sort()).toEqual([
    'link to a file: symbolic link',
    'link to a folder: symbolic link',
    'loop: symbolic link',
    'pipe: not a regular file',
  ]);
});

it('skips and reports a name that is not UTF-8', async () => {
  const bytes = (name: string) => Buffer.concat([Buffer.from(`${folder}/${name}`), Buffer.from([0xff])]);
  writeFileSync(bytes('a'), '');
  mkdirSync(bytes('folder'));
  writeFileSync(Buffer.concat([bytes('folder'), Buffer.from('/inside')]), '');
  put('b');
  put('c\uFFFD');
  expect(await found()).toEqual(['b', 'c\uFFFD']);
  expect(warned.sort()).toEqual(['a\uFFFD: the name is not UTF-8', 'folder\uFFFD: the name is not UTF-8']);
});

it('silently ignores files that vanish during the walk', async () => {
  for (let n = 0; n < 200; n++) put(`folder ${n}/file`);
  let count = 0;
  for await (const file of walk(folder, signal, onSkipped)) {
    if (count++ === 0) for (let n = 0; n < 200; n += 2) rmSync(path.join(folder, `folder ${n}`), { recursive: true });
    expect(file.path).toMatch(/^folder \d+\/file$/);
  }
  expect(count).toBeGreaterThanOrEqual(100);
  expect(warned).toEqual([]);
});

it('silently skips slots of restores and excluded folders', async () => {
  put('.safekeep-abc.staged/x');
  put('deep/.uploads.safekeep-abc.previous/x');
  put('own/backup');
  put('owner/kept');
  put('safekeep-abc.staged');
  expect(await found([path.join(folder, 'own')])).toEqual(['owner/kept', 'safekeep-abc.staged']);
  expect(warned).toEqual([]);
});

it('stops when the run is cancelled', async () => {
  put('a');
  const abort = new AbortController();
  abort.abort();
  await expect(walk(folder, abort.signal, onSkipped).next()).rejects.toMatchObject({ name: 'AbortError' });
});
