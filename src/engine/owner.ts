/** Which process works on something, and whether it is still alive: precise enough that no work is taken from a living process. */
import { readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { z } from 'zod';

export const ownerSchema = z.object({
  host: z.string(),
  pid: z.number().int(),
  /** Boot id of the kernel and namespace of process ids; '' where the system has none. Where equal, a pid means the same process. */
  space: z.string(),
  /** Start of the process, in clock ticks since boot: distinguishes it from a later one with the same pid. '' where unknown. */
  started: z.string(),
});
export type Owner = z.infer<typeof ownerSchema>;

/** A process on another machine or in another container counts as dead after this long without a heartbeat. */
export const HEARTBEAT_TIMEOUT_MS = 15_000;
/** Interval of heartbeats. */
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

/** @param lastHeartbeat used only where the owner's process cannot be inspected */
export async function lifeOf(owner: Owner, lastHeartbeat: Date): Promise<Life> {
  const here = thisProcess();
  const comparable = owner.space !== '' && owner.space === here.space;
  if (comparable) {
    if (owner.pid === here.pid && owner.started === here.started) return 'self';
    const stat = await readFile(`/proc/${owner.pid}/stat`, 'utf8').catch(() => '');
    return stat !== '' && startOf(stat) === owner.started && !isZombie(stat) ? 'alive' : 'dead';
  }
  // Without /proc only the pid is known: one that is in use counts as alive.
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

/** proc(5): the command in parentheses can contain anything; after it the state is the first field, the start the twentieth. */
function fieldsAfterCommand(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function startOf(stat: string): string {
  return stat === '' ? '' : (fieldsAfterCommand(stat)[19] ?? '');
}

/** Killed, but not yet reaped by its parent: it no longer does anything. */
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
