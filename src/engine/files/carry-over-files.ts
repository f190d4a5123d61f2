import { unlink } from 'node:fs/promises';
import path from 'node:path';
import { carry, isCarried } from './carry';
import type { Carried, CarryOverRun } from './carry-over';
import { exists } from './children';
import type { Ownership } from './file-by-file';
import { uploadAt } from './own-file';
import { inParallel } from './parallel';
import { FolderTree } from './slot-tree';

/** Mode 'files': in a folder that other apps use too, only files that this app's records name. */
export class CarriedFiles implements Carried {
  private readonly carried = new Set<string>();

  constructor(
    private readonly live: string,
    private readonly staged: string,
  ) {}

  async update(run: CarryOverRun, owned: Ownership = { ours: [], theirs: new Set() }): Promise<number> {
    const tree = new FolderTree(this.staged, this.live);
    const gone = new Set(this.carried);
    const seen = new Set(owned.theirs);
    await inParallel(owned.ours, run.signal, async (file) => {
      if (seen.has(file)) return;
      seen.add(file);
      if (await this.carryOne(file, tree, run)) gone.delete(file);
    });
    for (const file of gone) {
      await unlink(path.join(this.staged, file));
      await tree.hasRoomFor(file);
      this.carried.delete(file);
    }
    await tree.sync();
    return this.carried.size;
  }

  /** Whether the staged folder has the live file. */
  private async carryOne(file: string, tree: FolderTree, run: CarryOverRun): Promise<boolean> {
    const pair = { live: at(this.live, file), staged: at(this.staged, file) };
    if (!(await uploadAt(this.live, file))) return false;
    if (this.carried.has(file)) {
      if (await isCarried(pair)) return true;
      await unlink(pair.staged);
      this.carried.delete(file);
    }
    if (await exists(pair.staged)) return true;
    if (!(await tree.hasRoomFor(file))) {
      const params = { folder: path.join(this.live, path.dirname(file)) };
      run.log('warn', { text: 'Not kept because the backup contains a file with that name: {{folder}}', params });
      return false;
    }
    if (!(await carry(pair, false))) return false;
    this.carried.add(file);
    return true;
  }
}

function at(folder: string, file: string): Buffer {
  return Buffer.from(path.join(folder, file));
}
