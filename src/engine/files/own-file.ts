import type { Stats } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { isInside } from './roots';
import { SLOT_NAME } from './slot-names';

/**
 * The file at the path of a record, relative to `folder`, a real path. null when there is no regular file, when a link leads
 * there, and for paths that leave the folder or enter a slot.
 */
export async function uploadAt(folder: string, file: string): Promise<Stats | null> {
  const place = path.join(folder, file);
  if (file.includes('\0') || place === folder || !isInside(folder, place)) return null;
  if (file.split('/').some((part) => SLOT_NAME.test(part))) return null;
  const stats = await lstat(place).catch(() => null);
  if (!stats?.isFile()) return null;
  // Where case does not matter, a name in another case is found too, but belongs to another file.
  return (await realpath(place).catch(() => null)) === place ? stats : null;
}
