/** Which process works on something, and whether it still does; told so exactly that nothing is taken from a living one. */
import { readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { z } from 'zod';

export const ownerSchema = z.object({
  host: z.string(),
  pid: z.number().int(),
  /** Boot of the kernel and namespace of process ids; '' where the system does not tell. Equal: a pid means the same here and there. */
  space: z.string(),
  /** When the process began, as the kernel counts it: tells it from a later one with its number. '' where the system does not tell. */
  started: z.string(),
});
export type Owner = z.infer<typeof ownerSchema>;

/** Another machine or container is given up after so long without a sign of life. */
export const HEARTBEAT_TIMEOUT_MS = 15_000;
/** How often an owner gives one. */
export const HEARTBEAT_MS = 3_000;

let self: Owner | undefined;

export function thisProcess(): Owner {
  self ??= {
    host: os.hostname(),
    pid: process.pid,
    space: spaceHere(),
    started: startOf(orEmpty(() => readFileSync('/proc/self/stat', 'utf8'))),
  };
  return self;
}

export type Life = 'self' | 'alive' | 'dead';

/** `lastSign`: when the owner last gave a sign of life; only asked where its process can not be looked at. */
export async function lifeOf(owner: Owner, lastHeartbeat: Date): Promise<Life> {
  const here = thisProcess();
  const comparable = owner.space !== '' && owner.space === here.space;
  if (comparable) {
    if (owner.pid === here.pid && owner.started === here.started) return 'self';
    const stat = await readFile(`/proc/${owner.pid}/stat`, 'utf8').catch(() => '');
    return stat !== '' && startOf(stat) === owner.started && !isZombie(stat) ? 'alive' : 'dead';
  }
  // Without /proc a number is all there is: one that is in use counts as alive.
  if (owner.space === '' && here.space === '' && owner.host === here.host) {
    if (owner.pid === here.pid) return 'self';
    return isInUse(owner.pid) ? 'alive' : 'dead';
  }
  return Date.now() - lastHeartbeat.getTime() < HEARTBEAT_TIMEOUT_MS ? 'alive' : 'dead';
}

function spaceHere(): string {
  return orEmpty(() => {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  });
}

/** proc(5): the command in parentheses may hold anything; after it the state is the first field, the start the twentieth. */
function fieldsAfterCommand(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function startOf(stat: string): string {
  return stat === '' ? '' : (fieldsAfterCommand(stat)[19] ?? '');
}

/** Killed, but not yet fetched by its parent: it does nothing any more. */
function isZombie(stat: string): boolean {
  return ['Z', 'X'].includes(fieldsAfterCommand(stat)[0] ?? '');
}

function isInUse(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function orEmpty(read: () => string): string {
  try {
    return read();
  } catch {
    return ''; // Not Linux.
  }
}
