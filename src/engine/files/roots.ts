import { access, constants, readFile, readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { SafekeepError } from '../errors';

/** True when `inner` is `outer` or below it. Both absolute. */
export function isInside(outer: string, inner: string): boolean {
  const relative = path.relative(outer, inner);
  return relative === '' || (!relative.startsWith(`..${path.sep}`) && relative !== '..' && !path.isAbsolute(relative));
}

/** The real path of a folder, even if its last parts do not exist yet. */
export async function resolveFolder(folder: string): Promise<string> {
  try {
    return await realpath(folder);
  } catch (error) {
    const parent = path.dirname(folder);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === folder) throw error;
    const resolved = path.join(await resolveFolder(parent), path.basename(folder));
    // A link to a missing target: the first write through it creates the target.
    const target = await readlink(resolved).catch(() => null);
    return target === null ? resolved : await resolveFolder(path.resolve(path.dirname(resolved), target));
  }
}

/**
 * How the contents of a folder are switched over: by renaming the folder; child by child, where that is impossible; file by file,
 * where other apps have files in it too.
 */
export type SwitchoverMode = 'rename' | 'children' | 'files';

/**
 * Chooses the mode for a folder that only this app uses. For a missing folder, the nearest existing folder above it decides.
 * @throws FOLDER_NOT_WRITABLE
 */
export async function switchoverModeOf(folder: string): Promise<'rename' | 'children'> {
  if (!(await exists(folder))) {
    let above = path.dirname(folder);
    while (!(await exists(above))) above = path.dirname(above);
    if (await isWritable(above)) return 'rename';
    throw new SafekeepError('FOLDER_NOT_WRITABLE', { folder: above, detail: 'EACCES' });
  }
  // A read-only folder is read-only on purpose, even if it could be renamed.
  if (!(await isWritable(folder))) throw new SafekeepError('FOLDER_NOT_WRITABLE', { folder, detail: 'EACCES' });
  return !(await isMountPoint(folder)) && (await isWritable(path.dirname(folder))) ? 'rename' : 'children';
}

async function exists(folder: string): Promise<boolean> {
  return await stat(folder).then(
    () => true,
    () => false,
  );
}

/** A mount point cannot be renamed. Bind mounts share the device of their parent, so the mount table counts too. */
async function isMountPoint(folder: string): Promise<boolean> {
  const [own, above] = await Promise.all([stat(folder), stat(path.dirname(folder))]);
  if (own.dev !== above.dev || path.dirname(folder) === folder) return true;
  return (await mountPoints()).includes(folder);
}

/** A mount point below a folder: it would not move along with the other children, or would vanish from its place. */
export async function mountedInside(folder: string): Promise<string | null> {
  return (await mountPoints()).find((place) => place !== folder && isInside(folder, place)) ?? null;
}

/** Empty where the system has no such table. */
async function mountPoints(): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  // proc(5): the fifth field is the mount point; blanks and some other bytes are octal escapes.
  const unescape = (field: string) =>
    field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
  return table
    .split('\n')
    .map((line) => unescape(line.split(' ')[4] ?? ''))
    .filter(Boolean);
}

async function isWritable(folder: string): Promise<boolean> {
  return await access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}
