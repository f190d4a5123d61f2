/** The target folders of the files in an archive, and obstacles to them. */
import path from 'node:path';
import type { Manifest, ManifestFileRoot } from '../../shared/manifest';
import type { Content, Message } from '../../shared/runs';
import { SafekeepError } from '../errors';
import type { Site } from '../site';
import { isInside, mountedInside, resolveFolder, switchoverModeOf } from './roots';
import { appsThatShare, NAME_FOLDER, type OtherApp, OWN_FOLDER, verdictOn } from './rules';
import type { FolderPlan } from './slots';
import { resolveDocumentRoot } from './storages';

/** The target of one root of the archive. */
export interface FolderTarget {
  rootId: string;
  /** Restores only files that the archive marks as recorded: other apps use the folder too. */
  recordedOnly: boolean;
  /** Number and size of the restored files. */
  files: number;
  bytes: number;
  plan: FolderPlan;
}

/** Why a folder cannot be replaced. */
export interface FolderProblem {
  folder: string;
  reason: Message;
  remedy: Message;
}

export interface FolderPlanning {
  targets: FolderTarget[];
  problems: FolderProblem[];
  /** Roots whose storages have another folder here than in the backup; `there` is the one in the backup. */
  moved: { there: string; here: string }[];
  /**
   * By storage name, the document root that its record needs after the restore: that of this server. Empty unless the database is
   * restored too.
   */
  storageRoots: Record<string, string>;
  /** Folders that other apps can use too. */
  shared: { folder: string; apps: string[] }[];
}

/**
 * The target of each root of the archive: the folder that its storages have here; without any of them here, the folder in the
 * backup.
 */
export async function planFolders(
  manifest: Manifest,
  slotId: string,
  contents: readonly Content[],
  site: Site,
): Promise<FolderPlanning> {
  const planning: FolderPlanning = { targets: [], problems: [], moved: [], storageRoots: {}, shared: [] };
  const roots = (contents.includes('files') && manifest.files?.roots) || [];
  for (const root of roots) {
    const planned = await planRoot(root, slotId, planning.targets, site);
    if ('reason' in planned) {
      planning.problems.push(planned);
      continue;
    }
    const { target, isMoved, apps } = planned;
    const { folder } = target.plan;
    planning.targets.push(target);
    if (apps.length > 0) planning.shared.push({ folder, apps });
    if (!isMoved) continue;
    planning.moved.push({ there: root.documentRoot || 'storage/uploads', here: folder });
    if (contents.includes('database')) Object.assign(planning.storageRoots, storageRootsOf(root, folder, site));
  }
  return planning;
}

interface PlannedRoot {
  target: FolderTarget;
  /** The folder differs from that in the backup. */
  isMoved: boolean;
  /** Other apps that can use it. */
  apps: string[];
}

/** The folders in an archive are untrusted: only those of this app's file storages, and of nothing else, are ever replaced. */
async function planRoot(
  root: ManifestFileRoot,
  slotId: string,
  earlier: readonly FolderTarget[],
  site: Site,
): Promise<PlannedRoot | FolderProblem> {
  const there = await realFolder(root.documentRoot, site);
  const here = folderHere(root, site);
  const folder = here ?? there;
  if (folder === 'apart' || folder === null) return { folder: root.documentRoot, ...(folder ? APART : NO_FOLDER) };
  const verdict = verdictOn(folder, {
    own: site.storages.map((storage) => storage.folder),
    defaultRoot: await resolveFolder(site.documentRoots.default),
    allowedRoots: site.allowedRoots,
    reserved: site.reservedFolders,
    otherApps: site.otherApps,
  });
  if (!verdict.allowed) return { folder, reason: verdict.reason, remedy: verdict.remedy };
  const apps = verdict.sharedWith;
  const obstacle = (await obstacleTo(folder, earlier)) ?? (apps.length > 0 ? notRecorded(root, apps) : null);
  if (obstacle) return { folder, ...obstacle };
  const recordedOnly = apps.length > 0;
  const { files, bytes } = (recordedOnly && root.recorded) || root;
  const mode = recordedOnly ? 'files' : await switchoverModeOf(folder);
  const plan: FolderPlan = { folder, mode, id: slotId };
  return {
    target: { rootId: root.id, recordedOnly, files, bytes, plan },
    isMoved: here !== null && here !== there,
    apps,
  };
}

type Obstacle = Omit<FolderProblem, 'folder'>;

const NO_FOLDER: Obstacle = {
  reason: { text: 'it is not a folder' },
  remedy: NAME_FOLDER,
};
const APART: Obstacle = {
  reason: { text: 'file storages that share it in the backup have different folders here' },
  remedy: { text: 'Give these file storages the same folders as in the backup.' },
};

/** null where no such folder is possible. */
async function realFolder(documentRoot: string, { documentRoots }: Site): Promise<string | null> {
  return await resolveFolder(resolveDocumentRoot(documentRoot, documentRoots)).catch(() => null);
}

/** The folder of the root's storages here; null without any of them; 'apart' where they differ. */
function folderHere({ storages, places = {} }: ManifestFileRoot, site: Site): string | 'apart' | null {
  const folders = site.storages
    .filter(({ name }) => storages.includes(name))
    .map(({ name, folder }) => folderAbove(folder, places[name] ?? ''));
  const [first = null, ...others] = folders;
  return folders.includes('apart') || others.some((folder) => folder !== first) ? 'apart' : first;
}

/** The folder below which `place` is `folder`. */
function folderAbove(folder: string, place: string): string | 'apart' {
  if (place === '') return folder;
  const ending = path.sep + path.normalize(place);
  return folder.endsWith(ending) ? folder.slice(0, -ending.length) || path.sep : 'apart';
}

function storageRootsOf(root: ManifestFileRoot, folder: string, { storages }: Site): Record<string, string> {
  const documentRoots = root.storages.map((name) => {
    const here = storages.find((storage) => storage.name === name);
    return [name, here?.documentRoot || path.join(folder, root.places?.[name] ?? '')] as const;
  });
  return Object.fromEntries(documentRoots);
}

function notRecorded({ files, recorded }: ManifestFileRoot, apps: readonly string[]): Obstacle | null {
  if (recorded || files === 0) return null;
  return {
    reason: {
      text: 'other apps may use it too ({{apps}}), and the backup does not record which files belong to this app',
      params: { apps: apps.join(', ') },
    },
    remedy: { text: 'Create a new backup, restore only the database, or give the file storage a folder of its own.' },
  };
}

async function obstacleTo(folder: string, earlier: readonly FolderTarget[]): Promise<Obstacle | null> {
  if (earlier.some(({ plan }) => isInside(plan.folder, folder) || isInside(folder, plan.folder))) {
    return { reason: { text: 'another file storage of the backup uses it too' }, remedy: OWN_FOLDER };
  }
  const mounted = await mountedInside(folder);
  if (mounted) {
    return {
      reason: { text: 'it contains a mount point: {{mounted}}', params: { mounted } },
      remedy: { text: 'Unmount it, or use the folder of the file storage itself as the mount point.' },
    };
  }
  return await switchoverModeOf(folder).then(
    () => null,
    (error: SafekeepError) => ({
      reason: { text: 'it is not writable' },
      remedy: { text: error.hint },
    }),
  );
}

/**
 * Before an undo: plans of folders that only this app used contain everything in them.
 * @throws FOLDER_SHARED where other apps can have files by now
 */
export function requireAlone(plans: readonly FolderPlan[], otherApps: readonly OtherApp[]): void {
  for (const { folder, mode } of plans) {
    const apps = mode === 'files' ? [] : appsThatShare(folder, otherApps);
    if (apps.length > 0) throw new SafekeepError('FOLDER_SHARED', { folder, apps: apps.join(', ') });
  }
}
