/** Temporary files next to the database: their names identify their process, so that no file of a living process is removed. */
import { createHash, randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { lifeOf, thisProcess } from '../../owner';
import { removeWithSidecars } from './slots';

/** `.safekeep-<pid>-<start of the process>-<where pids count>-<random>.<what>`; other apps can have their databases in the folder. */
const NAME = /^\.safekeep-(\d+)-(\d*)-([0-9a-f]{8})-[0-9a-f]{8}\.(?:sqlite|probe)$/;
/** The process of another container or an earlier boot cannot be checked; its files are removed after this time. */
const GIVEN_UP_MS = 10 * 60_000;

/** For a copy of the database, or for a probe that tests whether a folder is writable. */
export function temporaryName(what: 'sqlite' | 'probe'): string {
  const { pid, started, space } = thisProcess();
  return `.safekeep-${pid}-${started}-${briefly(space)}-${randomBytes(4).toString('hex')}.${what}`;
}

function briefly(space: string): string {
  return createHash('sha256').update(space).digest('hex').slice(0, 8);
}

/** Removes files that killed processes left next to a database. */
export async function removeLeftovers(live: string): Promise<void> {
  const folder = path.dirname(live);
  for (const name of await readdir(folder)) {
    const [, pid, started = '', where = ''] = NAME.exec(name) ?? [];
    const file = path.join(folder, name);
    if (pid !== undefined && (await isLeft(file, Number(pid), started, where))) await removeWithSidecars(file);
  }
}

async function isLeft(file: string, pid: number, started: string, where: string): Promise<boolean> {
  const { host, space } = thisProcess();
  if (where === briefly(space)) return (await lifeOf({ host, pid, space, started }, new Date())) === 'dead';
  const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Infinity }));
  return Date.now() - mtimeMs > GIVEN_UP_MS;
}
