/** Names of temporary files and folders: they tell which process made them, so that nothing of a living one is removed. */
import { createHash, randomBytes } from 'node:crypto';
import { lifeOf, type Owner, thisProcess } from './owner';

/** Of a machine and its process ids, the process id, the start of the process, and a random part. */
const SUFFIX = /([0-9a-f]{12})-(\d+)-(\d*)-[0-9a-f]{8}$/;

/** Unique; part of a name that `isAbandoned` understands. */
export function ownedSuffix(): string {
  const { pid, started } = thisProcess();
  return `${markOf(thisProcess())}-${pid}-${started}-${randomBytes(4).toString('hex')}`;
}

/**
 * Whether the process that made a name ending with such a suffix has ended. A process of another machine, or in another
 * container, has ended when it has not touched the file for `idleMs`. False for any other name.
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
