/** A real disk that is really full: a memory file system of a given size, mounted over a folder. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface SmallDisk {
  /** Takes all of the space but so much. */
  fill(leftBytes: number): void;
  /** Gives the space back that fill() took. */
  clear(): void;
  /** Everyone may write there. */
  open(): void;
  unmount(): void;
}

/** Mounts it over a folder, which is made when missing; its own content is hidden meanwhile. Needs root, as CI has it. */
export function mountSmallDisk(folder: string, bytes: number): SmallDisk {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=755`, 'safekeep-test', folder]);
  const filler = path.join(folder, '.filler');
  return {
    fill: (leftBytes) => {
      rmSync(filler, { force: true });
      const { bavail, bsize } = statfsSync(folder);
      writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)));
    },
    open: () => chmodSync(folder, 0o777),
    clear: () => rmSync(filler, { force: true }),
    unmount: () => execFileSync('umount', ['--lazy', folder]),
  };
}
