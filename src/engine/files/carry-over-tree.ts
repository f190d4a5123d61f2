import type { Dirent, Stats } from 'node:fs';
import { chmod, chown, lstat, mkdir, readdir, rmdir, stat, unlink, utimes } from 'node:fs/promises';
import { syncFolder } from '../atomic-file';
import { carry, isCarried, type Pair } from './carry';
import type { Carried, CarryOverRun } from './carry-over';
import { childAt } from './children';
import { inParallel } from './parallel';
import { SLOT_NAME } from './slot-names';

/** The coarsest resolution of time stamps in file systems is two seconds. */
const COARSEST_TIME_MS = 2000;

/** State of a live folder that has been read. Names are bytes as latin1. */
interface KnownFolder extends Pair {
  /** Changes with every name that is added or removed; null: must be read again. */
  stamp: string | null;
  /** Files and links that were carried over. */
  files: Set<string>;
  folders: Map<string, KnownFolder>;
  /** The staged folder was created for carried-over files. */
  isMade: boolean;
}

/** Everything in a folder that only this app uses. */
export class CarriedTree implements Carried {
  private readonly root: KnownFolder;

  constructor(live: string, staged: string) {
    this.root = newFolder({ live: Buffer.from(live), staged: Buffer.from(staged) }, false);
  }

  async update(run: CarryOverRun): Promise<number> {
    const settledBefore = (await timeAt(this.root.staged)) - COARSEST_TIME_MS;
    const pending = [this.root];
    let count = 0;
    for (let folder = pending.pop(); folder; folder = pending.pop()) {
      run.signal.throwIfAborted();
      await look(folder, settledBefore, run);
      count += folder.files.size;
      for (const inner of folder.folders.values()) pending.push(inner);
    }
    return count;
  }
}

/** Reads a folder unless it is unchanged. If it is deleted at this moment, the next pass finds that in the folder above. */
async function look(folder: KnownFolder, settledBefore: number, run: CarryOverRun): Promise<void> {
  try {
    const stats = await lstat(folder.live);
    if (folder.stamp !== null && folder.stamp === stampOf(stats)) return;
    // A change within the same tick of the clock would not be detected later.
    folder.stamp = stats.ctimeMs < settledBefore ? stampOf(stats) : null;
    await readAgain(folder, run);
  } catch (error) {
    folder.stamp = null;
    if ((await lstat(folder.live).catch(() => null))?.isDirectory()) throw error;
  }
}

/** The current time on the clock of the file system. */
async function timeAt(folder: Buffer): Promise<number> {
  const now = new Date();
  await utimes(folder, now, now);
  return (await stat(folder)).ctimeMs;
}

function stampOf({ ino, ctimeMs }: Stats): string {
  return `${ino} ${ctimeMs}`;
}

function newFolder(pair: Pair, isMade: boolean): KnownFolder {
  return { ...pair, stamp: null, files: new Set(), folders: new Map(), isMade };
}

/** Updates the carried-over entries of a folder, without its subfolders, to its current contents. */
async function readAgain(folder: KnownFolder, run: CarryOverRun): Promise<void> {
  const entries = (await readdir(folder.live, { withFileTypes: true, encoding: 'buffer' })) as unknown as Dirent[];
  const kinds = new Map(entries.map((entry) => [nameOf(entry), kindOf(entry)]));
  let isChanged = await dropGone(folder, kinds);
  await inParallel(kinds, run.signal, async ([name, kind]) => {
    if (!kind || SLOT_NAME.test(name)) return;
    const done = kind === 'folder' ? await carryFolder(folder, name, run) : await carryFile(folder, name, kind);
    isChanged ||= done;
  });
  if (isChanged) await syncFolder(folder.staged);
}

type Kind = 'file' | 'link' | 'folder';

function nameOf(entry: Dirent): string {
  // The types of Node.js 20 declare names as text only.
  return (entry.name as unknown as Buffer).toString('latin1');
}

function kindOf(entry: Dirent): Kind | null {
  return entry.isDirectory() ? 'folder' : entry.isFile() ? 'file' : entry.isSymbolicLink() ? 'link' : null;
}

function pairIn({ live, staged }: KnownFolder, name: string): Pair {
  const bytes = Buffer.from(name, 'latin1');
  return { live: childAt(live, bytes), staged: childAt(staged, bytes) };
}

/** Drops carried-over entries that no longer exist or have become something else. */
async function dropGone(folder: KnownFolder, kinds: ReadonlyMap<string, Kind | null>): Promise<boolean> {
  const files = [...folder.files].filter((name) => kinds.get(name) !== 'file' && kinds.get(name) !== 'link');
  const folders = [...folder.folders].filter(([name]) => kinds.get(name) !== 'folder');
  for (const name of files) {
    await unlink(pairIn(folder, name).staged);
    folder.files.delete(name);
  }
  for (const [name, known] of folders) {
    await dropFolder(known);
    folder.folders.delete(name);
  }
  return files.length + folders.length > 0;
}

async function dropFolder(folder: KnownFolder): Promise<void> {
  await dropGone(folder, new Map());
  if (folder.isMade) await rmdir(folder.staged);
}

/** Each returns whether the staged folder has changed. */
async function carryFolder(folder: KnownFolder, name: string, run: CarryOverRun): Promise<boolean> {
  if (folder.folders.has(name)) return false;
  const pair = pairIn(folder, name);
  const there = await lstat(pair.staged).catch(() => null);
  if (there && !there.isDirectory()) {
    const params = { folder: pair.live.toString() };
    run.log('warn', { text: 'Not kept because the backup contains a file with that name: {{folder}}', params });
    return false;
  }
  if (!there) await makeFolder(pair);
  folder.folders.set(name, newFolder(pair, !there));
  return !there;
}

async function makeFolder({ live, staged }: Pair): Promise<void> {
  const { mode, uid, gid } = await stat(live);
  await mkdir(staged);
  await chown(staged, uid, gid).catch(() => undefined);
  await chmod(staged, mode & 0o7777);
}

async function carryFile(folder: KnownFolder, name: string, kind: 'file' | 'link'): Promise<boolean> {
  const pair = pairIn(folder, name);
  if (folder.files.has(name)) {
    const how = await isCarried(pair);
    // Later changes to a copied file do not change the folder.
    if (how === 'copied') folder.stamp = null;
    if (how) return false;
    await unlink(pair.staged);
    folder.files.delete(name);
  } else if (await lstat(pair.staged).catch(() => null)) return false;
  const how = await carry(pair, kind === 'link');
  if (!how) return false;
  folder.files.add(name);
  if (how === 'copied') folder.stamp = null;
  return true;
}
