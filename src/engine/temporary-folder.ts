/** Folders below the system's temporary one for what must not outlive a process, above all credentials of client tools. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { isAbandoned, ownedSuffix } from './temporary-name';

const PREFIX = 'safekeep-';

/** A new folder that only this user may enter; the caller removes it. */
export async function makeTemporaryFolder(): Promise<string> {
  const folder = path.join(os.tmpdir(), PREFIX + ownedSuffix());
  await mkdir(folder, { mode: 0o700 });
  return folder;
}

/** Removes the folders of processes that are gone. */
export async function removeAbandonedFolders(): Promise<void> {
  for (const name of await readdir(os.tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = path.join(os.tmpdir(), name);
    const stats = await stat(folder).catch(() => null);
    // Nothing tells whether a process of another container lives that shares the temporary folder.
    if (!stats || !(await isAbandoned(name, stats.mtime, Infinity))) continue;
    // Another user's, in a folder that everyone shares.
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}
