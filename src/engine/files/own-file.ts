import type { Stats } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { isInside } from './roots';
import { SLOT_NAME } from './slot-names';

/**
 * What lies at a path that a record names, relative to `folder`, a real path. null without a regular file there, where a link
 * leads there, and for paths that leave the folder or enter a slot.
 */
export async function uploadAt(folder: string, file: string): Promise<Stats | null> {
  const place = path.join(folder, file);
  if (file.includes('\0') || place === folder || !isInside(folder, place)) return null;
  if (file.split('/').some((part) => SLOT_NAME.test(part))) return null;
  const stats = await lstat(place).catch(() => null);
  if (!stats?.isFile()) return null;
  // Where case does not matter, a name of another case is found too, but is another file's.
  return (await realpath(place).catch(() => null)) === place ? stats : null;
}
