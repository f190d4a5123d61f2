/** The one place that makes files durable. */
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isAbandoned, ownedSuffix } from './temporary-name';

/** Some network file systems do not support this call for folders; there the server keeps the names. */
const CANNOT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Error codes of `link` where a file system has no hard links, or none between these two places. */
export const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'EMLINK', 'EXDEV']);

/** Makes the names in a folder durable. Windows cannot open folders and does not need this. */
export async function syncFolder(folder: string | Buffer): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync().catch((error: NodeJS.ErrnoException) => {
      if (!CANNOT_SYNC.has(error.code ?? '')) throw error;
    });
  } finally {
    await handle.close();
  }
}

/** Makes a finished file's bytes durable. */
export async function syncFile(file: string | Buffer): Promise<void> {
  // Windows requires write access for it; elsewhere the file can be read-only.
  const handle = await open(file, process.platform === 'win32' ? 'r+' : 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Renames and makes it durable, in both folders. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(path.dirname(to));
  if (path.dirname(from) !== path.dirname(to)) await syncFolder(path.dirname(from));
}

/** Replaces a small file as a whole: after a crash it is either the old or the new one. Mode 0600. */
export async function writeFileAtomically(file: string, content: string): Promise<void> {
  const temporary = `${file}.${ownedSuffix()}${TEMPORARY}`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(content, 'utf8');
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await renameDurably(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

const TEMPORARY = '.tmp';
/** Far longer than it takes to write a small file, even over a network. */
const IDLE_MS = 10 * 60_000;

/** Removes the temporary files of killed processes from a folder. */
export async function removeTemporaries(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(TEMPORARY)) continue;
    const stats = await stat(path.join(folder, name)).catch(() => null);
    const isLeft = stats && (await isAbandoned(name.slice(0, -TEMPORARY.length), stats.mtime, IDLE_MS));
    if (isLeft) await rm(path.join(folder, name), { force: true });
  }
}
