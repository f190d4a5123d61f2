import { constants, type Dirent } from 'node:fs';
import { chmod, chown, copyFile, link, lstat, mkdir, readdir, readlink, stat, symlink, utimes } from 'node:fs/promises';
import { syncFile, syncFolder } from '../atomic-file';
import type { RunContext } from '../context';
import { toSafekeepError } from '../errors';
import { childAt, SLOT_NAME } from './children';
import { inParallel } from './parallel';

interface Pair {
  live: Buffer;
  staged: Buffer;
}

/**
 * Merge: gives the staged folder everything live that it does not have itself, files as hard links where the file system
 * can, else as copies. Called right before the switch, so that the latest uploads are kept; all of it is on the disk when
 * it returns. Names are bytes here too: what a backup can not hold is kept as well.
 * @returns how many files and links
 */
export async function carryOver(live: string, staged: string, run: RunContext): Promise<number> {
  let carried = 0;
  const pending: Pair[] = [{ live: Buffer.from(live), staged: Buffer.from(staged) }];
  for (let folder = pending.pop(); folder; folder = pending.pop()) {
    const { live: from, staged: to } = folder;
    let isChanged = false;
    const entries = (await readdir(from, { withFileTypes: true, encoding: 'buffer' })) as unknown as Dirent[];
    await inParallel(entries, run.signal, async (entry) => {
      const name = entry.name as unknown as Buffer;
      if (SLOT_NAME.test(name.toString('latin1'))) return;
      const pair = { live: childAt(from, name), staged: childAt(to, name) };
      const there = await lstat(pair.staged).catch(() => null);
      if (entry.isDirectory()) {
        if (!there) await carryFolder(pair);
        else if (!there.isDirectory()) return notKept(pair, run);
        isChanged ||= !there;
        pending.push(pair);
      } else if (!there && (entry.isFile() || entry.isSymbolicLink())) {
        await carry(pair, entry.isSymbolicLink());
        isChanged = true;
        carried += 1;
      }
    });
    if (isChanged) await syncFolder(to);
  }
  return carried;
}

async function carryFolder({ live, staged }: Pair): Promise<void> {
  const { mode, uid, gid } = await stat(live);
  await mkdir(staged);
  await chown(staged, uid, gid).catch(() => undefined);
  await chmod(staged, mode & 0o7777);
}

async function carry({ live, staged }: Pair, isLink: boolean): Promise<void> {
  if (isLink) return await symlink(await readlink(live, { encoding: 'buffer' }), staged);
  await link(live, staged).catch(async () => {
    await copyFile(live, staged, constants.COPYFILE_EXCL).catch((error: unknown) => {
      throw toSafekeepError(error, staged.toString());
    });
    const { uid, gid, atime, mtime } = await stat(live);
    await chown(staged, uid, gid).catch(() => undefined);
    await utimes(staged, atime, mtime);
    await syncFile(staged);
  });
}

function notKept({ live }: Pair, run: RunContext): void {
  const params = { folder: live.toString() };
  run.log('warn', { text: 'Not kept, the backup has a file of that name: {{folder}}', params });
}
