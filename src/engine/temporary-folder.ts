/** Folders in the system's temporary folder for files that must not outlive a process, above all credentials of client tools. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { isAbandoned, ownedSuffix } from './temporary-name';

const PREFIX = 'safekeep-';

/** A new folder with mode 0700; the caller removes it. */
export async function makeTemporaryFolder(): Promise<string> {
  const folder = path.join(os.tmpdir(), PREFIX + ownedSuffix());
  await mkdir(folder, { mode: 0o700 });
  return folder;
}

/** Removes the folders of processes that have ended. */
export async function removeAbandonedFolders(): Promise<void> {
  for (const name of await readdir(os.tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = path.join(os.tmpdir(), name);
    const stats = await stat(folder).catch(() => null);
    // Whether a process of another container that shares the temporary folder is alive cannot be known.
    if (!stats || !(await isAbandoned(name, stats.mtime, Infinity))) continue;
    // Fails for folders of other users.
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}
