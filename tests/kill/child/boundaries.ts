/** Named instants of a run. A child that is to die at one kills itself there, so that nothing goes on for one more statement. */
import fs from 'node:fs';
import path from 'node:path';
import { SLOT_NAME } from '../../../src/engine/files/slots';
import type { Kill } from '../protocol';

let armed: Kill | undefined;
let reached: string[] = [];
let counts = new Map<string, number>();

/** From now on; what was reached before is forgotten. */
export function arm(kill: Kill | undefined): void {
  armed = kill;
  reached = [];
  counts = new Map();
}

/** In order; an instant that comes again carries a number. */
export function boundariesReached(): string[] {
  return reached;
}

export function reach(name: string): void {
  const count = (counts.get(name) ?? 0) + 1;
  counts.set(name, count);
  const boundary = count === 1 ? name : `${name} #${count}`;
  reached.push(boundary);
  // The signal is delivered before kill(2) returns.
  if (armed?.boundary === boundary) process.kill(armed.target === 'group' ? -process.pid : process.pid, 'SIGKILL');
}

/** Does the work between two boundaries. */
export async function between<T>(name: string, work: () => Promise<T>): Promise<T> {
  reach(`before ${name}`);
  const result = await work();
  reach(`after ${name}`);
  return result;
}

/** Slots carry random letters, temporary files random digits. */
function plain(name: string): string {
  return name.replace(/safekeep-[a-z0-9-]+/, 'safekeep-#').replace(/\.[0-9a-f-]+\.tmp$/, '.#.tmp');
}

type Operation = (...args: unknown[]) => Promise<unknown>;
const OPERATIONS = ['rename', 'link', 'rm', 'rmdir', 'mkdir'] as const;

/** Makes boundaries of every rename in the switchover of a folder or of a database file, and of the journal's. */
export function watchFileSystem(ownFolder: string): void {
  const promises = fs.promises as unknown as Record<string, Operation>;
  for (const operation of OPERATIONS) {
    const original = promises[operation] as Operation;
    promises[operation] = async (...args) => {
      const files = args.slice(0, operation === 'rename' || operation === 'link' ? 2 : 1).map(String);
      if (!files.some((file) => isSwitchedOver(file, operation, ownFolder))) {
        return await original.call(fs.promises, ...args);
      }
      const name = `${operation} ${files.map((file) => plain(path.basename(file))).join(' to ')}`;
      return await between(name, () => original.call(fs.promises, ...args));
    };
  }
}

function isSwitchedOver(file: string, operation: string, ownFolder: string): boolean {
  const name = path.basename(file);
  if (path.dirname(file) === ownFolder) return name.startsWith('journal.json');
  if (file.startsWith(ownFolder + path.sep)) return false;
  // A folder that is switched over child by child: each rename of a child.
  const isChild = operation === 'rename' && SLOT_NAME.test(path.basename(path.dirname(file)));
  return isChild || SLOT_NAME.test(name) || name.includes('.safekeep-');
}

/** A folder whose parent cannot be written to is switched over child by child. */
export function refuseToWriteIn(folder: string): void {
  const original = fs.promises.access;
  fs.promises.access = async (file, mode) => {
    if (file === folder && mode !== undefined && mode & fs.constants.W_OK) {
      throw Object.assign(new Error(`EACCES: permission denied, access '${folder}'`), { code: 'EACCES' });
    }
    await original(file, mode);
  };
}
