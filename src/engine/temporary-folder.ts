/** Folders below the system's temporary one for what must not outlive a process, above all sign-ins of native clients. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { lifeOf, type Owner, thisProcess } from './owner';

/** Of this machine and its processes; the name tells whose a folder is. */
const NAME = /^safekeep-([0-9a-f]{12})-(\d+)-(\d*)-[A-Za-z0-9]{6}$/;

/** A new folder that only this user may enter; whoever made it removes it. */
export async function makeTemporaryFolder(): Promise<string> {
  const { pid, started } = thisProcess();
  return await mkdtemp(path.join(os.tmpdir(), `safekeep-${markOf(thisProcess())}-${pid}-${started}-`));
}

/** Removes the folders of processes that are gone. Those of other machines and other users stay. */
export async function removeAbandonedFolders(): Promise<void> {
  const { host, space } = thisProcess();
  for (const name of await readdir(os.tmpdir())) {
    const [, mark, pid, started = ''] = NAME.exec(name) ?? [];
    if (mark !== markOf({ host, space })) continue;
    const owner: Owner = { host, space, pid: Number(pid), started };
    if ((await lifeOf(owner, new Date(0))) !== 'dead') continue;
    await rm(path.join(os.tmpdir(), name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function markOf({ host, space }: Pick<Owner, 'host' | 'space'>): string {
  return createHash('sha256').update(`${host} ${space}`).digest('hex').slice(0, 12);
}
