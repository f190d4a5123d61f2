import type { Stats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import path from 'node:path';
import type { RunContext } from '../context';
import { SLOT_NAME } from './children';

export interface WalkedFile {
  /** Relative to the root, '/' between folders. */
  path: string;
  bytes: number;
  mtimeMs: number;
  mode: number;
}

/**
 * Every regular file below a folder, folders in directory order. Links, sockets and the like are not followed but
 * logged; what can not be read is logged too. A folder that does not exist holds nothing.
 */
export async function* walk(
  folder: string,
  run: Pick<RunContext, 'log' | 'signal'>,
  exclude: readonly string[] = [],
): AsyncGenerator<WalkedFile> {
  const pending = [''];
  for (let relative = pending.pop(); relative !== undefined; relative = pending.pop()) {
    run.signal.throwIfAborted();
    const directory = await opendir(path.join(folder, relative)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') warn(run, relative || '.', error.code ?? error.message);
      return null;
    });
    if (!directory) continue;
    for await (const entry of directory) {
      const name = relative ? `${relative}/${entry.name}` : entry.name;
      const absolute = path.join(folder, name);
      if (SLOT_NAME.test(entry.name) || exclude.includes(absolute)) continue;
      if (entry.isDirectory()) {
        pending.push(name);
        continue;
      }
      if (!entry.isFile()) {
        warn(run, name, entry.isSymbolicLink() ? 'symbolic link' : 'not a regular file');
        continue;
      }
      const stats = await statOrWarn(absolute, name, run);
      if (stats) yield { path: name, bytes: stats.size, mtimeMs: stats.mtimeMs, mode: stats.mode & 0o777 };
    }
  }
}

async function statOrWarn(absolute: string, name: string, run: Pick<RunContext, 'log'>): Promise<Stats | null> {
  return await lstat(absolute).catch((error: NodeJS.ErrnoException) => {
    warn(run, name, error.code ?? error.message);
    return null;
  });
}

function warn(run: Pick<RunContext, 'log'>, file: string, reason: string): void {
  run.log('warn', { text: 'Not backed up: {{file}} ({{reason}})', params: { file, reason } });
}
