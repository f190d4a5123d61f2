/** A site whose upload folders are those in inactive slots, for a backup of previous data. */
import path from 'node:path';
import { SafekeepError } from './errors';
import { isInside } from './files/roots';
import { type FolderPlan, positionOf, slotsOf } from './files/slots';
import type { FileRoot, LocalStorage } from './files/storages';
import type { Site } from './site';

/** @throws NOTHING_TO_UNDO when a slot lacks its content */
export async function withInactiveFolders(site: Site, plans: readonly FolderPlan[]): Promise<Site> {
  let { storages, fileRoots } = site;
  for (const plan of plans) {
    const slot = await inactiveSlotOf(plan);
    const { folder } = plan;
    const moved = <Place extends { folder: string }>(place: Place): Place =>
      isInside(folder, place.folder)
        ? { ...place, folder: path.join(slot, path.relative(folder, place.folder)) }
        : place;
    // Live data can lack a storage for the folder.
    const isKnown = fileRoots.some((root) => root.folder === folder);
    fileRoots = isKnown ? fileRoots : [...fileRoots, formerRoot(folder, fileRoots.length + 1)];
    fileRoots = fileRoots.map((root): FileRoot => (root.folder === folder ? moved(root) : root));
    storages = storages.map((storage): LocalStorage => moved(storage));
  }
  return { ...site, storages, fileRoots };
}

async function inactiveSlotOf(plan: FolderPlan): Promise<string> {
  const position = await positionOf(plan);
  if (position === 'unclear') throw new SafekeepError('NOTHING_TO_UNDO');
  const { staged, previous } = slotsOf(plan);
  return position === 'after switchover' ? previous : staged;
}

function formerRoot(folder: string, number: number): FileRoot {
  return { id: `former-${number}`, storages: [], documentRoot: folder, folder, places: {}, sharedWith: [] };
}
