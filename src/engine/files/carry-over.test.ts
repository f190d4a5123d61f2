import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { carryOver } from './carry-over';
import { createStaged, type FolderPlan, type Ownership, slotsOf } from './slots';

/** Folders read by the code under test, and the resolution of times in its file system. */
const read = vi.hoisted(() => ({ folders: [] as string[], tickMs: 0 }));

vi.mock('node:fs/promises', async (original) => {
  const real: typeof fs.promises = await original();
  const readdir = (folder: unknown, ...rest: unknown[]) => {
    read.folders.push(String(folder));
    return (real.readdir as (...all: unknown[]) => Promise<unknown>)(folder, ...rest);
  };
  const withTick = (look: (...all: unknown[]) => Promise<object>) => {
    return async (...args: unknown[]) => {
      const stats = (await look(...args)) as fs.Stats;
      if (read.tickMs) stats.ctimeMs = Math.floor(stats.ctimeMs / read.tickMs) * read.tickMs;
      return stats;
    };
  };
  const [lstat, stat] = [real.lstat, real.stat].map((look) => withTick(look as never));
  return { ...real, readdir, lstat, stat };
});

let home: string;
let live: string;
let staged: string;
let plan: FolderPlan;
let warned: number;
beforeEach(async () => {
  home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'safekeep-carry-')));
  live = path.join(home, 'live');
  plan = { folder: live, mode: 'rename', id: 'abc123' };
  staged = await createStaged(plan);
  warned = 0;
  read.tickMs = 0;
});
afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

const run = { signal: new AbortController().signal, log: () => void (warned += 1) };

function put(folder: string, name: string, content: string = name): void {
  fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  fs.writeFileSync(path.join(folder, name), content);
}
const contentOf = (name: string) => fs.readFileSync(path.join(staged, name), 'utf8');
const below = (folder: string) =>
  fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => fs.lstatSync(path.join(folder, name)).isFile());

/** Makes the files look old. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2100));
}

describe('the first pass', () => {
  it('carries over files that the backup lacks, and keeps those it has', async () => {
    put(live, 'both', 'live');
    put(live, 'deep/newer 🛟', 'newer');
    put(staged, 'both', 'backup');
    put(staged, 'only in the backup', 'backup');
    const carried = await carryOver(plan, run);
    expect(await carried.update(run)).toBe(1);
    expect(contentOf('both')).toBe('backup');
    expect(contentOf('deep/newer 🛟')).toBe('newer');
    expect(fs.readdirSync(staged).sort()).toEqual(['both', 'deep', 'only in the backup']);
    expect(fs.readFileSync(path.join(live, 'both'), 'utf8')).toBe('live');
  });

  it('uses no space for carried-over files where the file system has hard links', async () => {
    put(live, 'newer');
    await carryOver(plan, run);
    expect(fs.statSync(path.join(staged, 'newer')).ino).toBe(fs.statSync(path.join(live, 'newer')).ino);
  });

  it('leaves slots inside the folder alone', async () => {
    const inside: FolderPlan = { ...plan, mode: 'children' };
    staged = await createStaged(inside);
    put(live, 'newer');
    await carryOver(inside, run);
    expect(fs.readdirSync(staged)).toEqual(['newer']);
  });

  it('writes neither through a link of the backup nor into one of its files', async () => {
    put(live, 'name', 'newer');
    put(live, 'folder/newer');
    fs.symlinkSync('/nowhere', path.join(staged, 'name'));
    put(staged, 'folder', 'a file in the backup');
    expect(await (await carryOver(plan, run)).update(run)).toBe(0);
    expect(warned).toBeGreaterThan(0);
    expect(contentOf('folder')).toBe('a file in the backup');
  });
});

describe('the second pass', () => {
  it('keeps files uploaded since the first, and drops deleted ones', async () => {
    for (const name of ['stays', 'goes', 'folder/stays', 'folder/goes', 'gone/a', 'gone/deep/b', 'turns'])
      put(live, name);
    put(staged, 'gone/of the backup', 'backup');
    const carried = await carryOver(plan, run);
    put(live, 'uploaded');
    put(live, 'folder/uploaded');
    put(live, 'new folder/deep/uploaded');
    for (const name of ['goes', 'folder/goes', 'gone', 'turns']) fs.rmSync(path.join(live, name), { recursive: true });
    put(live, 'turns/into a folder');
    fs.rmSync(path.join(live, 'stays'));
    put(live, 'stays', 'another file of the name');
    expect(await carried.update(run)).toBe(6);
    expect(below(staged).sort()).toEqual([...below(live), 'gone/of the backup'].sort());
    for (const name of below(live)) expect(contentOf(name)).toBe(fs.readFileSync(path.join(live, name), 'utf8'));
    expect(fs.existsSync(path.join(staged, 'gone/deep'))).toBe(false);
  });

  it('detects a folder that replaced another and has its times', async () => {
    put(live, 'folder/old');
    put(live, 'other/new');
    await settle();
    const carried = await carryOver(plan, run);
    fs.renameSync(path.join(live, 'folder'), path.join(home, 'away'));
    fs.renameSync(path.join(live, 'other'), path.join(live, 'folder'));
    const { atime, mtime } = fs.statSync(path.join(home, 'away'));
    fs.utimesSync(path.join(live, 'folder'), atime, mtime);
    await carried.update(run);
    expect(below(staged)).toEqual(['folder/new']);
  });

  it('detects a change within the clock tick in which the folder was read', async () => {
    put(live, 'folder/a');
    read.tickMs = 2000;
    const carried = await carryOver(plan, run);
    put(live, 'folder/b');
    expect(await carried.update(run)).toBe(2);
    expect(fs.readdirSync(path.join(staged, 'folder')).sort()).toEqual(['a', 'b']);
  });

  it('reads only folders that changed, of twenty thousand files', async () => {
    for (let n = 0; n < 20_000; n++) {
      if (n % 200 === 0) fs.mkdirSync(path.join(live, `folder ${n / 200}`));
      fs.writeFileSync(path.join(live, `folder ${Math.floor(n / 200)}/file ${n}`), '');
    }
    await settle();
    read.folders.length = 0;
    const carried = await carryOver(plan, run);
    expect(read.folders).toHaveLength(101);
    read.folders.length = 0;
    put(live, 'folder 7/uploaded');
    fs.rmSync(path.join(live, 'folder 30/file 6000'));
    expect(await carried.update(run)).toBe(20_000);
    expect(read.folders.map((folder) => path.basename(folder)).sort()).toEqual(['folder 30', 'folder 7']);
    expect(below(staged).sort()).toEqual(below(live).sort());
  }, 120_000);

  // Only root can mount.
  it.skipIf(process.getuid?.() !== 0)('copies where it cannot link, and detects later changes to a file', async () => {
    execFileSync('mount', ['-t', 'tmpfs', 'safekeep-test', staged]);
    try {
      put(live, 'newer');
      fs.chmodSync(path.join(live, 'newer'), 0o640);
      await settle();
      const carried = await carryOver(plan, run);
      expect(contentOf('newer')).toBe('newer');
      expect(fs.statSync(path.join(staged, 'newer')).mode & 0o777).toBe(0o640);
      fs.appendFileSync(path.join(live, 'newer'), ' still');
      expect(await carried.update(run)).toBe(1);
      expect(contentOf('newer')).toBe('newer still');
    } finally {
      execFileSync('umount', [staged]);
    }
  });
});

describe('in a folder that other apps use too', () => {
  const ours = (...names: string[]): Ownership => ({ ours: names, theirs: new Set(['both name it']) });
  beforeEach(async () => {
    plan = { ...plan, mode: 'files' };
    staged = await createStaged(plan);
  });

  it('carries over files that records of this app name, and nothing else', async () => {
    for (const name of ['ours', 'deep/ours', 'theirs', 'deep/theirs', 'both name it']) put(live, name);
    put(live, '.safekeep-other.previous/slot');
    fs.symlinkSync('theirs', path.join(live, 'link'));
    fs.symlinkSync('/etc', path.join(live, 'etc'));
    put(home, 'outside');
    const named = ['ours', 'deep/ours', 'missing', 'link', 'etc/passwd', '../outside', '.safekeep-other.previous/slot'];
    const carried = await carryOver(plan, run, ours(...named, 'both name it', 'deep'));
    expect(below(staged).sort()).toEqual(['deep/ours', 'ours']);
    expect(fs.statSync(path.join(staged, 'ours')).ino).toBe(fs.statSync(path.join(live, 'ours')).ino);
    put(live, 'uploaded');
    fs.rmSync(path.join(live, 'ours'));
    expect(await carried.update(run, ours('ours', 'uploaded', 'deep/ours'))).toBe(2);
    expect(below(staged).sort()).toEqual(['deep/ours', 'uploaded']);
    expect(await carried.update(run, ours('uploaded'))).toBe(1);
    expect(below(staged)).toEqual(['uploaded']);
    expect(slotsOf(plan).staged).toBe(staged);
  });

  it('keeps files of the backup', async () => {
    put(live, 'both', 'live');
    put(staged, 'both', 'backup');
    const carried = await carryOver(plan, run, ours('both'));
    await carried.update(run, ours());
    expect(contentOf('both')).toBe('backup');
  });
});
