import type { Dirent } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import path from 'node:path';
import type { Message } from '../../shared/runs';
import { SLOT_NAME } from './slot-names';

export interface WalkedFile {
  /** Relative to the root, '/' between folders. */
  path: string;
  bytes: number;
  mtimeMs: number;
  /** Permission bits. */
  mode: number;
}

/** Called for each entry that is skipped, with an error code or a reason. */
export type OnSkipped = (file: string, reason: string | Message) => void;

/**
 * Every regular file below a folder, folders in directory order. Links, sockets and the like are skipped, as is anything
 * unreadable. Files that vanish during the walk and folders that do not exist are ignored.
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
    // All at once: a folder that is read while files come and go can list one twice.
    for await (const entry of directory) entries.push(entry);
    for (const entry of entries) {
      const name = relative ? `${relative}/${entry.name}` : entry.name;
      const absolute = path.join(folder, name);
      if (SLOT_NAME.test(entry.name) || exclude.includes(absolute)) continue;
      if (entry.isDirectory()) {
        pending.push(name);
      } else if (!entry.isFile()) {
        onSkipped(name, entry.isSymbolicLink() ? { text: 'symbolic link' } : { text: 'not a regular file' });
      } else {
        const stats = await lstat(absolute).catch(failing(name, onSkipped));
        if (stats) yield { path: name, bytes: stats.size, mtimeMs: stats.mtimeMs, mode: stats.mode & 0o777 };
      }
    }
  }
}

function failing(name: string, onSkipped: OnSkipped): (error: NodeJS.ErrnoException) => null {
  return ({ code, message }) => {
    // Node.js uses this character for bytes that are not UTF-8, and no longer finds what it has listed.
    const isUnreadable = name.includes('\uFFFD');
    if (code !== 'ENOENT') onSkipped(name, code ?? message);
    else if (isUnreadable) onSkipped(name, { text: 'the name is not UTF-8' });
    return null;
  };
}
