/** A folder in which other apps have files: only this app's files ever move. */
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createStaged,
  discard,
  type FolderPlan,
  type Ownership,
  positionOf,
  SLOT_NAME,
  slotsOf,
  switchBack,
  switchOver,
} from './slots';

/** Whether the file system has hard links. */
const links = vi.hoisted(() => ({ refused: false }));

vi.mock('node:fs/promises', async (original) => {
  const real: typeof fs.promises = await original();
  const link = async (from: string, to: string) => {
    if (links.refused) throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
    await real.link(from, to);
  };
  return { ...real, link };
});

let home: string;
let plan: FolderPlan;
beforeEach(() => {
  home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'safekeep-files-')));
  plan = { folder: path.join(home, 'uploads'), mode: 'files', id: 'abc123' };
  links.refused = false;
});
afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

function put(folder: string, files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), content);
  }
}
const putLive = (files: Record<string, string>) => put(plan.folder, files);
const remove = (name: string) => fs.rmSync(path.join(plan.folder, name));
const place = (name: string) => path.join(plan.folder, name);

/** Files by path, without slots. */
function live(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of fs.readdirSync(plan.folder, { recursive: true, encoding: 'utf8' })) {
    const isThere = fs.realpathSync(place(name)) === place(name) && fs.statSync(place(name)).isFile();
    if (!isThere || name.split('/').some((part) => SLOT_NAME.test(part))) continue;
    found[name] = fs.readFileSync(place(name), 'utf8');
  }
  return found;
}

const THEIRS = { theirs: 't', 'folder/theirs': 't', 'their folder/deep/theirs': 't', 'dir/theirs': 't' };
const OLD = { both: 'old', only: 'old', 'folder/a': 'old', 'dir/x': 'old', 'old folder/é 🛟': 'old', swap: 'old' };
const NEW = { both: 'new', fresh: 'new', 'folder/a': 'new', 'new folder/deep/x': 'new', 'swap/file': 'new' };

const owning = (...names: string[]): Ownership => ({ ours: names, theirs: new Set() });
const old = owning(...Object.keys(OLD));
const fresh = owning(...Object.keys(NEW));

/** All observable properties of other apps' files. */
function look(names = Object.keys(THEIRS)): string[] {
  return names.map((name) => {
    const { ino, mtimeNs, mode, nlink, ctimeNs } = fs.lstatSync(place(name), { bigint: true });
    return [name, fs.readFileSync(place(name), 'utf8'), ino, mtimeNs, mode, nlink, ctimeNs].join(' ');
  });
}

async function prepare(staged: Record<string, string> = NEW, before: Record<string, string> = OLD): Promise<void> {
  putLive(THEIRS);
  putLive(before);
  put(await createStaged(plan), staged);
}

function leftovers(): string[] {
  return fs.readdirSync(plan.folder).filter((name) => SLOT_NAME.test(name));
}

describe.each([false, true])('a switchover file by file (without hard links: %s)', (refused) => {
  beforeEach(() => {
    links.refused = refused;
  });

  it('moves the files that this app’s records name, back and forth, any number of times', async () => {
    await prepare();
    const before = look();
    for (let round = 0; round < 3; round++) {
      expect(await positionOf(plan)).toBe('before switchover');
      expect(await switchOver(plan, old)).toEqual([]);
      expect(await switchOver(plan, old)).toEqual([]);
      expect(live()).toEqual({ ...THEIRS, ...NEW });
      expect(await positionOf(plan)).toBe('after switchover');
      expect(await switchBack(plan, fresh)).toEqual([]);
      expect(await switchBack(plan, fresh)).toEqual([]);
      expect(live()).toEqual({ ...THEIRS, ...OLD });
    }
    expect(look()).toEqual(before);
  });

  it('needs no records for a switch back: the note is enough', async () => {
    await prepare();
    await switchOver(plan, old);
    await switchBack(plan);
    expect(live()).toEqual({ ...THEIRS, ...OLD });
    await switchOver(plan);
    expect(live()).toEqual({ ...THEIRS, ...NEW });
  });

  it('keeps times, permissions and contents of moved files', async () => {
    await prepare();
    fs.chmodSync(place('dir/x'), 0o640);
    fs.chmodSync(place('dir'), 0o2775);
    fs.utimesSync(place('dir/x'), 1_600_000_000.123, 1_600_000_000.123);
    const seen = () => [
      fs.statSync(place('dir/x')).mtimeMs,
      fs.statSync(place('dir/x')).mode,
      fs.statSync(place('dir')).mode,
    ];
    const before = seen();
    await switchOver(plan, old);
    fs.rmSync(place('dir'), { recursive: true });
    await switchBack(plan, fresh);
    expect(seen()).toEqual(before);
  });

  it('moves newer uploads along on a switch back, and returns them afterwards', async () => {
    await prepare();
    await switchOver(plan, old);
    putLive({ newer: 'n', 'folder/newer': 'n' });
    await switchBack(plan, owning(...Object.keys(NEW), 'newer', 'folder/newer'));
    expect(live()).toEqual({ ...THEIRS, ...OLD });
    await switchOver(plan, old);
    expect(live()).toEqual({ ...THEIRS, ...NEW, newer: 'n', 'folder/newer': 'n' });
  });

  it('leaves a file in a taken place: silently if it is a copy, else with its path for a warning', async () => {
    putLive({ copy: 'new', other: 'theirs', 'folder/other': 'theirs' });
    fs.mkdirSync(place('a folder'));
    await prepare({ ...NEW, copy: 'new', other: 'new', 'folder/other': 'new', 'a folder': 'new' });
    const before = look(['copy', 'other', 'folder/other']);
    expect(await switchOver(plan, old)).toEqual(['a folder', 'folder/other', 'other']);
    expect(live()).toEqual({ ...THEIRS, ...NEW, copy: 'new', other: 'theirs', 'folder/other': 'theirs' });
    const restored = owning(...Object.keys(NEW), 'copy', 'other', 'folder/other', 'a folder');
    expect(await switchBack(plan, restored)).toEqual([]);
    expect(look(['copy', 'other', 'folder/other'])).toEqual(before);
    expect(live()).toMatchObject(OLD);
    // They have gone in the meantime: the app's own file is still there.
    remove('copy');
    remove('other');
    expect(await switchOver(plan, old)).toEqual(['a folder', 'folder/other']);
    expect(live()).toMatchObject({ ...NEW, copy: 'new', other: 'new', 'folder/other': 'theirs' });
    await discard(plan);
    expect(leftovers()).toEqual([]);
  });

  it('leaves a file in a place that was taken before a switch back', async () => {
    await prepare();
    await switchOver(plan, old);
    putLive({ only: 'of another app' });
    const theirs = look(['only']);
    expect(await switchBack(plan, fresh)).toEqual(['only']);
    expect(live()).toEqual({ ...THEIRS, ...OLD, only: 'of another app' });
    await switchOver(plan, owning(...Object.keys(OLD)));
    expect(look(['only'])).toEqual(theirs);
    remove('only');
    expect(await switchBack(plan, fresh)).toEqual([]);
    expect(live()).toEqual({ ...THEIRS, ...OLD });
  });
});

describe('never moved are', () => {
  it('files that records of another app name too', async () => {
    await prepare();
    const both: Ownership = { ours: Object.keys(OLD), theirs: new Set(['only', 'folder/a']) };
    expect(await switchOver(plan, both)).toEqual(['folder/a']);
    expect(live()).toEqual({ ...THEIRS, ...NEW, only: 'old', 'folder/a': 'old' });
    await switchBack(plan, { ours: Object.keys(NEW), theirs: new Set(['only', 'folder/a', 'fresh']) });
    expect(live()).toEqual({ ...THEIRS, ...OLD, fresh: 'new' });
  });

  it('files that have replaced one of this app', async () => {
    await prepare();
    await switchOver(plan, old);
    remove('fresh');
    putLive({ fresh: 'of another app, with the name of a file of this app' });
    const theirs = look(['fresh']);
    await switchBack(plan);
    expect(look(['fresh'])).toEqual(theirs);
  });

  it('the targets of a hostile record: places outside, slots, folders, links and their targets', async () => {
    put(home, { outside: 'x', 'elsewhere/file': 'x' });
    putLive({ '.safekeep-other.previous/file': 'x' });
    fs.mkdirSync(place('deep'));
    fs.symlinkSync('../elsewhere', place('link'));
    fs.symlinkSync('theirs', place('link to a file'));
    const hostile = [
      '../outside',
      'deep/../../outside',
      '.safekeep-other.previous/file',
      'folder',
      'link/file',
      'link',
    ];
    await prepare();
    const owned = owning(...hostile, 'link to a file', '', '.', '/etc/passwd', 'nul\0', 'missing', ...Object.keys(OLD));
    await switchOver(plan, owned);
    expect(live()).toEqual({ ...THEIRS, ...NEW });
    expect(fs.readdirSync(slotsOf(plan).previous).sort()).toEqual([
      'both',
      'dir',
      'folder',
      'old folder',
      'only',
      'swap',
    ]);
    expect([path.join(home, 'outside'), path.join(home, 'elsewhere/file')].every(fs.existsSync)).toBe(true);
    expect(fs.readFileSync(place('.safekeep-other.previous/file'), 'utf8')).toBe('x');
    expect(fs.readlinkSync(place('link'))).toBe('../elsewhere');
  });
});

describe('places below a link, or below a file,', () => {
  it('receive nothing', async () => {
    fs.mkdirSync(path.join(home, 'elsewhere'));
    fs.mkdirSync(plan.folder);
    fs.symlinkSync('../elsewhere', place('link'));
    putLive({ 'a file': 'theirs' });
    await prepare({ 'link/new': 'new', 'link/deep/new': 'new', 'a file/new': 'new' });
    expect(await switchOver(plan, old)).toEqual(['a file/new', 'link/deep/new', 'link/new']);
    expect(fs.readdirSync(path.join(home, 'elsewhere'))).toEqual([]);
    await switchBack(plan);
    expect(live()).toEqual({ ...THEIRS, ...OLD, 'a file': 'theirs' });
  });
});

describe('folders', () => {
  const folders = () =>
    fs
      .readdirSync(plan.folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => !SLOT_NAME.test(name.split('/')[0] ?? '') && fs.statSync(place(name)).isDirectory())
      .sort();

  it('are created where needed, and removed again only if the switchover created them and they are empty', async () => {
    await prepare({ 'made/a': 'new', 'made/deep/b': 'new', 'used/c': 'new', 'there/d': 'new' }, {});
    fs.mkdirSync(place('there'));
    const before = folders();
    await switchOver(plan, old);
    expect(folders()).toEqual([...before, 'made', 'made/deep', 'used'].sort());
    putLive({ 'used/by another app': 'x' });
    await switchBack(plan);
    expect(folders()).toEqual([...before, 'used'].sort());
    await switchOver(plan);
    remove('used/by another app');
    await switchBack(plan);
    expect(folders()).toEqual([...before, 'used'].sort());
  });

  it('stay when their last file has moved', async () => {
    await prepare();
    await switchOver(plan, old);
    expect(fs.readdirSync(place('old folder'))).toEqual([]);
  });
});

describe('when the slots are discarded', () => {
  it.each(['before', 'after'])(
    '%s the switchover, all of this app’s entries are removed, and nothing else',
    async (when) => {
      await prepare({ ...NEW, theirs: 'the same path' });
      const before = look();
      if (when === 'after') await switchOver(plan, old);
      const files = live();
      await discard(plan);
      expect(live()).toEqual(files);
      expect(look()).toEqual(before);
      expect(leftovers()).toEqual([]);
      expect(await positionOf(plan)).toBe('unclear');
    },
  );
});

it('handles two thousand files', async () => {
  const names = Array.from({ length: 2000 }, (_, n) => `folder ${n % 7}/file ${n}`);
  const all = (content: string) => Object.fromEntries(names.map((name) => [name, content]));
  await prepare(all('new'), all('old'));
  await switchOver(plan, owning(...names, ...names));
  expect(live()).toEqual({ ...THEIRS, ...all('new') });
  await switchBack(plan, owning(...names));
  expect(live()).toEqual({ ...THEIRS, ...all('old') });
});
