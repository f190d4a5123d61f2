import type { Dirent } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import path from 'node:path';
import { SLOT_NAME } from './slot-names';

export interface WalkedFile {
  /** Relative to the root, '/' between folders. */
  path: string;
  bytes: number;
  mtimeMs: number;
  /** Permission bits. */
  mode: number;
}

/** Told of each entry that is passed over, with an error code or a few words. */
export type OnSkipped = (file: string, reason: string) => void;

/**
 * Every regular file below a folder, folders in directory order. Links, sockets and the like are passed over, and what cannot
 * be read. What goes while it is looked at is not there, nor is a folder that does not exist.
 */
export async function* walk(
  folder: string,
  signal: AbortSignal,
  onSkipped: OnSkipped,
  exclude: readonly string[] = [],
): AsyncGenerator<WalkedFile> {
  const pending = [''];
  for (let relative = pending.pop(); relative !== undefined; relative = pending.pop()) {
    signal.throwIfAborted();
    const directory = await opendir(path.join(folder, relative)).catch(failing(relative || '.', onSkipped));
    if (!directory) continue;
    const entries: Dirent[] = [];
    // At once: a folder that is read while files come and go may return one twice.
    for await (const entry of directory) entries.push(entry);
    for (const entry of entries) {
      const name = relative ? `${relative}/${entry.name}` : entry.name;
      const absolute = path.join(folder, name);
      if (SLOT_NAME.test(entry.name) || exclude.includes(absolute)) continue;
      if (entry.isDirectory()) {
        pending.push(name);
      } else if (!entry.isFile()) {
        onSkipped(name, entry.isSymbolicLink() ? 'symbolic link' : 'not a regular file');
      } else {
        const stats = await lstat(absolute).catch(failing(name, onSkipped));
        if (stats) yield { path: name, bytes: stats.size, mtimeMs: stats.mtimeMs, mode: stats.mode & 0o777 };
      }
    }
  }
}

function failing(name: string, onSkipped: OnSkipped): (error: NodeJS.ErrnoException) => null {
  return ({ code, message }) => {
    // Node.js puts this character for bytes that are not UTF-8, and no longer finds what it has listed.
    const isUnreadable = name.includes('\uFFFD');
    if (code !== 'ENOENT') onSkipped(name, code ?? message);
    else if (isUnreadable) onSkipped(name, 'its name is not UTF-8');
    return null;
  };
}
