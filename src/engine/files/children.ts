/** Moves the entries of folders by renames alone. Names are bytes, because an upload's name need not be UTF-8. */
import { randomBytes } from 'node:crypto';
import { lstat, readdir, rename, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { SLOT_NAME } from './slot-names';

type Place = string | Buffer;

/** The names in a folder, without slots. */
export async function childrenOf(folder: Place): Promise<Buffer[]> {
  const names = await readdir(folder, { encoding: 'buffer' });
  return names.filter((name) => !SLOT_NAME.test(name.toString('latin1')));
}

export function childAt(folder: Place, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(folder), Buffer.from(path.sep), name]);
}

/** True for a link too, whatever its target. */
export async function exists(file: Place): Promise<boolean> {
  return (await kindOf(file)) !== null;
}

async function kindOf(file: Place): Promise<'folder' | 'other' | null> {
  return await lstat(file).then(
    (stats) => (stats.isDirectory() ? 'folder' : 'other'),
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    },
  );
}

/** File systems allow 255 bytes for a name. */
const MAX_NAME_BYTES = 255;

/**
 * Moves an entry out of the place where `kept` belongs: folders are merged, anything else gets a new name next to `kept`. Nothing
 * of `stray` is lost, and `kept` keeps every name it has.
 */
async function giveWay(stray: Place, kept: Place, nextTo: Place = kept): Promise<void> {
  if ((await kindOf(stray)) === 'folder' && (await kindOf(kept)) === 'folder') {
    for (const name of await readdir(stray, { encoding: 'buffer' })) {
      const [from, to] = [childAt(stray, name), childAt(kept, name)];
      if (await exists(to)) await giveWay(from, to);
      else await rename(from, to);
    }
    await rmdir(stray);
  } else {
    await rename(stray, await freeNameNextTo(nextTo));
  }
}

/** 'photo.jpg' becomes 'photo.kept-1a2b3c4d.jpg': the extension is preserved. */
async function freeNameNextTo(file: Place): Promise<Buffer> {
  const bytes = Buffer.from(file);
  const start = bytes.lastIndexOf(path.sep) + 1;
  const name = bytes.subarray(start).toString('latin1');
  for (;;) {
    const mark = `.kept-${randomBytes(4).toString('hex')}`;
    const ending = /\.[A-Za-z0-9]{1,10}$/.exec(name.slice(1))?.[0] ?? '';
    let length = Math.min(name.length, MAX_NAME_BYTES - mark.length) - ending.length;
    // Never cut within a UTF-8 character.
    while ((name.charCodeAt(length) & 0xc0) === 0x80) length -= 1;
    const base = name.slice(0, length);
    const free = Buffer.concat([bytes.subarray(0, start), Buffer.from(base + mark + ending, 'latin1')]);
    if (!(await exists(free))) return free;
  }
}

const OCCUPIED = new Set(['ENOTEMPTY', 'EEXIST', 'EISDIR', 'ENOTDIR']);
/** How often the place is checked again for new entries. */
const ROUNDS = 10;

/** Renames `from` to `to`, its proper place; an entry there gives way. */
export async function putInPlace(from: Place, to: Place, nextTo?: Place): Promise<void> {
  for (let round = 1; ; round++) {
    if (await exists(to)) await giveWay(to, from, nextTo);
    try {
      return await rename(from, to);
    } catch (error) {
      if (round === ROUNDS || !OCCUPIED.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
}

/** Moves everything from the live folder into a slot, including entries added in the meantime. */
export async function moveIntoSlot(live: string, slot: string): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const names = await childrenOf(live);
    if (names.length === 0) return;
    for (const name of names) {
      const [from, to] = [childAt(live, name), childAt(slot, name)];
      if (await exists(to)) await giveWay(from, to);
      else await rename(from, to);
    }
  }
}

/** Continues a move that was killed: moves only entries that belong to it and are still there. All other live entries stay. */
export async function moveRestIntoSlot(live: string, slot: string, belongs: (name: Buffer) => boolean): Promise<void> {
  for (const name of await childrenOf(live)) {
    const to = childAt(slot, name);
    if (belongs(name) && !(await exists(to))) await rename(childAt(live, name), to);
  }
}

/** Moves everything from a slot into the live folder. */
export async function moveLive(slot: string, live: string): Promise<void> {
  for (let names = await childrenOf(slot); names.length > 0; names = await childrenOf(slot)) {
    for (const name of names) await putInPlace(childAt(slot, name), childAt(live, name));
  }
}
