/** Names of temporary files and folders: they identify the process that made them, so that only those of dead ones are removed. */
import { createHash, randomBytes } from 'node:crypto';
import { lifeOf, type Owner, thisProcess } from './owner';

/** Hash of machine and pid namespace, pid, start of the process, and a random part. */
const SUFFIX = /([0-9a-f]{12})-(\d+)-(\d*)-[0-9a-f]{8}$/;

/** Unique; part of a name that `isAbandoned` understands. */
export function ownedSuffix(): string {
  const { pid, started } = thisProcess();
  return `${markOf(thisProcess())}-${pid}-${started}-${randomBytes(4).toString('hex')}`;
}

/**
 * Whether the process that made a name with such a suffix has ended. A process on another machine or in another container
 * counts as ended when it has not touched the file for `idleMs`. False for any other name.
 */
export async function isAbandoned(name: string, lastTouched: Date, idleMs: number): Promise<boolean> {
  const [, mark, pid, started = ''] = SUFFIX.exec(name) ?? [];
  if (mark === undefined) return false;
  const here = thisProcess();
  if (mark !== markOf(here)) return Date.now() - lastTouched.getTime() > idleMs;
  const owner: Owner = { ...here, pid: Number(pid), started };
  return (await lifeOf(owner, lastTouched)) === 'dead';
}

function markOf({ host, space }: Pick<Owner, 'host' | 'space'>): string {
  return createHash('sha256').update(`${host} ${space}`).digest('hex').slice(0, 12);
}
