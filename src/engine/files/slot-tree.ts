/** Mode 'files': the files in slots by path, and the folders that lead to them. */
import { chmod, chown, lstat, mkdir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../atomic-file';
import { exists } from './children';
import { inParallel } from './parallel';

/** Nothing cancels a switchover. */
export const NEVER = new AbortController().signal;

/** Paths of the files in a slot, relative to it, '/' between folders. None for a missing slot. */
export async function* pathsIn(slot: string): AsyncGenerator<string> {
  const pending = [''];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    const entries = await readdir(path.join(slot, folder), { withFileTypes: true }).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw error;
      },
    );
    for (const entry of entries) {
      const below = path.posix.join(folder, entry.name);
      if (entry.isDirectory()) pending.push(below);
      else yield below;
    }
  }
}

/** Creates missing folders below one root with mode and owner of their counterparts below another. */
export class FolderTree {
  private readonly known = new Map<string, Promise<boolean>>();
  private readonly changed = new Set<string>();

  constructor(
    private readonly root: string,
    private readonly like: string,
  ) {}

  /** Creates the folders of a file. False where a link, or anything else that is not a folder, is in the way. */
  async hasRoomFor(file: string): Promise<boolean> {
    const folder = path.posix.dirname(file);
    const isThere = await this.has(folder);
    if (isThere) this.changed.add(path.join(this.root, folder));
    return isThere;
  }

  /** Syncs all changed folders and those of `hasRoomFor`, which makes the new names durable. */
  async sync(): Promise<void> {
    await inParallel(this.changed, NEVER, syncFolder);
  }

  private has(folder: string): Promise<boolean> {
    const known = this.known.get(folder) ?? this.make(folder);
    this.known.set(folder, known);
    return known;
  }

  private async makeRoot(): Promise<boolean> {
    if (await exists(this.root)) return true;
    await mkdir(this.root, { mode: 0o700 });
    this.changed.add(path.dirname(this.root));
    return true;
  }

  private async make(folder: string): Promise<boolean> {
    if (folder === '.') return await this.makeRoot();
    const above = path.posix.dirname(folder);
    if (!(await this.has(above))) return false;
    const place = path.join(this.root, folder);
    const isMade = await mkdir(place).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    );
    if (!isMade) return (await lstat(place)).isDirectory();
    this.changed.add(path.join(this.root, above));
    const { uid, gid, mode } = await stat(path.join(this.like, folder));
    await chown(place, uid, gid).catch(() => undefined);
    await chmod(place, mode & 0o7777);
    return true;
  }
}
