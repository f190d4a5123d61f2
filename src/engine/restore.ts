/**
 * The restore, top to bottom: fill inactive slots, check them, then swap them with the live data. Until the switchover live
 * data does not change; after it the previous data is in the slots, and a rollback swaps them again.
 */
import type { ArchiveEntry, Manifest } from '../shared/manifest';
import { CONTENT_NAMES } from '../shared/names';
import type { Content, StepOf } from '../shared/runs';
import { decodeEntryPath, FILES_PREFIX } from './archive/format';
import type { ArchiveReader } from './archive/reader';
import {
  type Accepted,
  type ArchiveFacts,
  type Check,
  checkName,
  compatibilityOf,
  requireCompatible,
  requireContents,
} from './compatibility';
import type { RunContext, SteppedRun } from './context';
import type { DatabasePlan, DatabasePlanning } from './databases/driver';
import { SafekeepError } from './errors';
import { discardSlots, movesOf, type Slots } from './moves';
import { type Merge, switchOver, type SwitchoverParts } from './switchover';
import { carryOver } from './files/carry-over';
import { type FolderPlanning, type FolderTarget, planFolders } from './files/plan';
import * as slots from './files/slots';
import { spaceOf } from './files/space';
import { stageFiles, type StagedFile } from './files/stage';
import type { PreviousData } from './previous';
import { discardsFor } from './room';
import type { Site } from './site';

export interface RestoreRequest {
  runId: string;
  /** Identifies the slots of this restore; lower-case letters and digits. */
  slotId: string;
  contents: readonly Content[];
  filesMode: 'mirror' | 'merge';
  undoHours: number;
  accepted: Accepted;
}

export interface RestoreParts extends SwitchoverParts {
  reader: ArchiveReader;
  site: Site;
  previous: PreviousData;
  archive: ArchiveFacts;
  /** Discards previous data permanently. */
  discard(ids: readonly string[]): Promise<void>;
}

type RestoreRun = SteppedRun<StepOf<'restore'>>;

/** The plan of a restore on this app, and whether it is possible. */
export interface Inspection {
  checks: Check[];
  planning: DatabasePlanning | null;
  targets: FolderTarget[];
  /** By name of the storage: the document root that its record gets once the restored app runs. */
  storageRoots: FolderPlanning['storageRoots'];
  /** Folders of uploads that other apps can use as well. */
  sharedFolders: FolderPlanning['shared'];
  /** Bytes of disk that staging needs, files and database together. */
  extraBytes: number;
  /** Ids of the previous data that must be discarded to make room. */
  discards: string[];
}

/**
 * Compares a backup with this app and plans its restore, or its verification. Changes nothing.
 * @throws NOT_IN_BACKUP, DATABASE_UNREACHABLE
 */
export async function inspect(
  manifest: Manifest,
  request: Pick<RestoreRequest, 'slotId' | 'contents'>,
  {
    site,
    driver,
    previous,
    archive,
  }: Pick<RestoreParts, 'site' | 'driver'> & Partial<Pick<RestoreParts, 'previous' | 'archive'>>,
  purpose: 'restore' | 'verify' = 'restore',
): Promise<Inspection> {
  requireContents(manifest, request.contents);
  const backupDatabase = request.contents.includes('database') ? manifest.database : null;
  const database = await driver.describe(site.scope);
  const isSameDialect = backupDatabase?.dialect === driver.dialect;
  const planning =
    backupDatabase && isSameDialect ? await driver.plan(request.slotId, backupDatabase, site.scope, purpose) : null;
  const folders = await planFolders(manifest, request.slotId, request.contents, site);
  const { targets, storageRoots, shared: sharedFolders } = folders;
  const space = await spaceOf([
    ...targets.map(({ plan, bytes }) => ({ folder: plan.folder, needed: bytes })),
    ...(planning?.space ? [planning.space] : []),
  ]);
  const discards = previous ? await discardsFor(space, previous, driver, planning?.space?.folder) : null;
  const stagedDatabase = backupDatabase?.dataBytes ?? 0;
  const checks = compatibilityOf(
    manifest,
    {
      app: { ...site.app, plugins: site.installedPlugins },
      database,
      tools: backupDatabase && isSameDialect ? await driver.tools() : [],
      planning,
      keyFingerprints: site.keyFingerprints,
      space,
      discards,
      archive: archive ?? null,
      folders,
    },
    request.contents,
  );
  const extraBytes = stagedDatabase + targets.reduce((sum, { bytes }) => sum + bytes, 0);
  return { checks, planning, targets, storageRoots, sharedFolders, extraBytes, discards: discards ?? [] };
}

/**
 * Restores. On success the previous data is in the slots that are passed to `whenStarted`. On failure live data is unchanged
 * and no staged data is left, except after ROLLBACK_FAILED.
 */
export async function restore(request: RestoreRequest, parts: RestoreParts, run: RestoreRun): Promise<void> {
  const { reader, driver, journal } = parts;
  const { manifest } = reader;
  const inspection = await run.step('compatibility', async () => {
    const found = await inspect(manifest, request, parts);
    requireCompatible(found.checks, found.discards, request.accepted);
    for (const { code } of found.checks.filter(({ status }) => status === 'warning')) {
      run.log('warn', { text: 'Warning accepted by the user: {{check}}', params: { check: checkName(code) } });
    }
    const params = { name: manifest.name, contents: request.contents.map((one) => ({ text: CONTENT_NAMES[one] })) };
    run.log('info', { text: 'Backup {{name}} is compatible. Contents to restore: {{contents}}', params });
    return found;
  });
  if (inspection.discards.length > 0) await parts.discard(inspection.discards);
  const entries = await run.step('checksum', () => checkArchive(reader, run));
  const made: Slots = {
    database: inspection.planning?.plan ?? null,
    folders: inspection.targets.map(({ plan }) => plan),
  };
  const { runId, undoHours } = request;
  const moves = movesOf(made);
  const entry = { runId, direction: 'restore' as const, undoHours, storageRoots: inspection.storageRoots };
  let merges: Merge[] = [];
  await journal.write({ ...entry, state: 'staging', starts: 0, ...moves });
  try {
    if (made.database) await run.step('stageDatabase', () => stageDatabase(made.database, entries, parts, run));
    if (made.folders.length > 0) {
      merges = await run.step('stageFiles', async () => {
        await stageFolders(inspection.targets, entries, reader, run);
        return request.filesMode === 'merge' ? await mergeFolders(made.folders, parts, run) : [];
      });
    }
    if (made.database) await run.step('checkStaged', () => checkDatabase(made.database, parts, run));
    run.pointOfNoReturn();
  } catch (error) {
    // Slots that cannot be discarded stay in the journal, for the next recovery.
    if (await discardSlots(made, driver, run)) await journal.remove();
    throw error;
  }
  await switchOver(moves, { ...entry, merges }, parts, run);
}

/** The first pass: live files that the staged folders lack. */
async function mergeFolders(
  folders: readonly slots.FolderPlan[],
  { ownership }: Pick<RestoreParts, 'ownership'>,
  run: RunContext,
): Promise<Merge[]> {
  const owned = await ownership?.(folders);
  const merges: Merge[] = [];
  for (const plan of folders) merges.push({ plan, files: await carryOver(plan, run, owned?.get(plan.folder)) });
  return merges;
}

/** Checks the list of entries and the checksum of the whole archive. @throws ARCHIVE_DAMAGED */
async function checkArchive(reader: ArchiveReader, run: RestoreRun): Promise<ArchiveEntry[]> {
  const entries = await reader.entries();
  let done = 0;
  await reader.checkSeal(run.signal, (bytes) => {
    done += bytes;
    run.progress({ done, total: Math.max(done, reader.manifest.entries.bytes), unit: 'bytes' });
  });
  return entries;
}

/** Loads the dump into the inactive slot. */
export async function stageDatabase(
  plan: DatabasePlan | null,
  entries: readonly ArchiveEntry[],
  { reader, driver }: Pick<RestoreParts, 'reader' | 'driver'>,
  run: RunContext,
): Promise<void> {
  const backup = reader.manifest.database;
  if (!plan || !backup) return;
  await driver.stage(plan, backup, (part) => reader.openDatabasePart(part, entries), run);
}

/** Compares the loaded data with the manifest. @throws STAGED_DATA_DIFFERS */
export async function checkDatabase(
  plan: DatabasePlan | null,
  { reader, driver }: Pick<RestoreParts, 'reader' | 'driver'>,
  run: RunContext,
): Promise<void> {
  const backup = reader.manifest.database;
  if (!plan || !backup) return;
  await driver.check(plan, backup, run);
  const tables = backup.tables.length;
  run.log('info', { text: 'The loaded data matches the backup: {{tables}} tables', params: { tables } });
}

async function stageFolders(
  targets: readonly FolderTarget[],
  entries: readonly ArchiveEntry[],
  reader: ArchiveReader,
  run: RestoreRun,
): Promise<void> {
  const total = targets.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const target of targets) {
    const { plan } = target;
    const files = filesOf(target, entries);
    await stageFiles(
      await slots.createStaged(plan),
      files,
      (entry) => reader.openEntry(entry),
      run,
      (bytes) => {
        done += bytes;
        run.progress({ done, total, unit: 'bytes' });
      },
    );
    const params = { count: files.length, folder: plan.folder };
    run.log('info', { text: 'Files staged for {{folder}}: {{count}}', params });
  }
}

/** @throws ARCHIVE_DAMAGED when manifest and list of entries differ in the number of recorded files */
function filesOf({ rootId, recordedOnly, files: count }: FolderTarget, entries: readonly ArchiveEntry[]): StagedFile[] {
  const prefix = `${FILES_PREFIX}${rootId}/`;
  const files = entries
    .filter(({ name, recorded }) => name.startsWith(prefix) && (!recordedOnly || recorded))
    .map((entry): StagedFile => ({ entry, path: decodeEntryPath(entry.name.slice(prefix.length)) }));
  if (!recordedOnly || files.length === count) return files;
  const detail = {
    text: 'its manifest and its list of entries differ in the number of files in {{folder}}',
    params: { folder: prefix },
  };
  throw new SafekeepError('ARCHIVE_DAMAGED', { detail });
}
