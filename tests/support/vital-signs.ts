/** What a process holds that it may not hold more and more of. */
import type { Application } from '@nocobase/server';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { RunRecorder } from '../../src/server/runs/recorder';
import { Safekeep } from '../../src/server/safekeep';

export interface VitalSigns {
  /** What runs have made and nobody has let go of, by kind: see keepAnEyeOnRuns(). */
  objects: Record<string, number>;
  /** Open file descriptors by kind: socket, pipe, anon_inode …; files by their name. */
  descriptors: Record<string, number>;
  /** What keeps the process alive, by kind: timers, sockets, child processes. */
  resources: Record<string, number>;
  /** Listeners on the app, over all its events. */
  listeners: number;
  childProcesses: number;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const made: { kind: string; object: WeakRef<object> }[] = [];

/**
 * From now on the objects of each run are known: its record, and the driver with all that hangs on it. They are counted, since
 * bytes depend on when the host, the engine of JavaScript and its caches let go of theirs.
 */
export function keepAnEyeOnRuns(): { made(): Record<string, number>; stop(): void } {
  const remember = (kind: string, object: object) => made.push({ kind, object: new WeakRef(object) });
  const { start } = RunRecorder.prototype;
  RunRecorder.prototype.start = async function (this: RunRecorder) {
    remember('recorder', this);
    remember('record', this.record);
    await start.call(this);
  };
  // Of the class: the ambushes of moments.ts put their own in its place, and take it away again.
  const { driver: make } = Safekeep.prototype;
  Safekeep.prototype.driver = function (this: Safekeep) {
    const driver = make.call(this);
    remember('driver', driver);
    return driver;
  };
  return {
    made: () => countBy(made.map(({ kind }) => kind)),
    stop: () => {
      RunRecorder.prototype.start = start;
      Safekeep.prototype.driver = make;
      made.length = 0;
    },
  };
}

/** Taken while no run is in progress. */
export async function vitalSigns(app: Application): Promise<VitalSigns> {
  // What a first collection has finalised goes with a second one.
  for (let round = 0; round < 3; round++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const events = app.eventNames() as string[];
  return {
    objects: countBy(made.flatMap(({ kind, object }) => (object.deref() ? [kind] : []))),
    descriptors: countBy(openDescriptors()),
    resources: countBy(process.getActiveResourcesInfo()),
    listeners: events.reduce((sum, event) => sum + app.listenerCount(event), 0),
    childProcesses: readdirSync('/proc/self/task').reduce((sum, thread) => sum + childrenOf(thread), 0),
  };
}

function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return [/^(\w+):/.exec(target)?.[1] ?? target.split('/').at(-1) ?? ''];
    } catch {
      return []; // The one that has read the folder.
    }
  });
}

function childrenOf(thread: string): number {
  return readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).length;
}

function countBy(kinds: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
