/** Where the files of an archive go, and whether they may. */
import type { Manifest } from '../../shared/manifest';
import type { Message } from '../../shared/runs';
import type { SafekeepError } from '../errors';
import type { Site } from '../site';
import { switchoverModeOf, isInside, mountedInside, resolveFolder } from './roots';
import type { FolderPlan } from './slots';

/** Where the files of one root of the archive go. */
export interface FolderTarget {
  rootId: string;
  bytes: number;
  plan: FolderPlan;
}

/** Why a folder can not be replaced. */
export interface FolderProblem {
  folder: string;
  reason: Message;
  remedy: Message;
}

/**
 * Where each root of the archive goes: to the folder that its storage will have once the database is restored; when
 * only files are restored, to the folder of the storage of that name here.
 */
export async function planFolders(
  manifest: Manifest,
  slotId: string,
  filesOnly: boolean,
  site: Site,
): Promise<{ targets: FolderTarget[]; problems: FolderProblem[] }> {
  const targets: FolderTarget[] = [];
  const problems: FolderProblem[] = [];
  for (const root of manifest.files?.roots ?? []) {
    const here = site.fileRoots.find(({ storages }) => root.storages.some((name) => storages.includes(name)));
    const folder = await resolveFolder(filesOnly && here ? here.folder : site.resolveDocumentRoot(root.documentRoot));
    const problem = await problemOf(folder, targets, site);
    if (problem) problems.push({ folder, ...problem });
    else {
      const plan = { folder, mode: await switchoverModeOf(folder), id: slotId };
      targets.push({ rootId: root.id, bytes: root.bytes, plan });
    }
  }
  return { targets, problems };
}

/** An archive names folders; only such as belong to file storages here, and to nothing else, are ever replaced. */
async function problemOf(
  folder: string,
  earlier: readonly FolderTarget[],
  site: Site,
): Promise<Omit<FolderProblem, 'folder'> | null> {
  const own: Message = { text: 'Give the file storage a folder of its own.' };
  if (isInside(folder, site.ownFolder) || isInside(site.ownFolder, folder)) {
    return { reason: { text: 'it holds the backups themselves' }, remedy: own };
  }
  const allowed = await Promise.all(site.allowedFileFolders.map(resolveFolder));
  if (!allowed.some((outer) => isInside(outer, folder))) {
    const remedy = { text: 'Name the folder in LOCAL_STORAGE_ALLOWED_ROOTS of this app.' };
    return { reason: { text: 'file storages may not lie there' }, remedy };
  }
  if (earlier.some(({ plan }) => isInside(plan.folder, folder) || isInside(folder, plan.folder))) {
    return { reason: { text: 'another file storage of the backup uses it too' }, remedy: own };
  }
  const mounted = await mountedInside(folder);
  if (mounted) {
    return {
      reason: { text: 'something is mounted inside of it: {{mounted}}', params: { mounted } },
      remedy: { text: 'Unmount it, or mount the disk at the folder of the file storage itself.' },
    };
  }
  return await switchoverModeOf(folder).then(
    () => null,
    (error: SafekeepError) => ({
      reason: { text: 'it can not be written to' },
      remedy: { text: error.hint },
    }),
  );
}
