/**
 * The restore, top to bottom: fill slots aside, check them, and only then exchange them with what is live. Until the
 * exchange nothing live changes; after it the previous state is aside and `takeBack` brings it back.
 */
import type { ArchiveEntry, Manifest } from '../shared/manifest';
import type { Content, StepOf } from '../shared/runs';
import { decodeEntryPath, FILES_PREFIX } from './archive/format';
import type { ArchiveReader } from './archive/reader';
import { type Check, compatibilityOf, refuseUnlessFit } from './compatibility';
import type { RunContext, SteppedRun } from './context';
import type { DatabasePlan, DatabasePlanning } from './databases/driver';
import { SafekeepError } from './errors';
import { discardSlots, switchOver, type SwitchoverParts, type Slots } from './switchover';
import { type FolderPlanning, type FolderTarget, planFolders, spaceOf } from './files/plan';
import * as slots from './files/slots';
import { stageFiles, type StagedFile } from './files/stage';
import type { Site } from './site';

export interface RestoreRequest {
  runId: string;
  /** Identifies the slots of this restore; lower-case letters and digits. */
  slotId: string;
  contents: readonly Content[];
  filesMode: 'mirror' | 'merge';
  undoHours: number;
  acceptWarnings: readonly string[];
}

export interface RestoreParts extends SwitchoverParts {
  reader: ArchiveReader;
  site: Site;
}

type RestoreRun = SteppedRun<StepOf<'restore'>>;

/** What a restore would do here, and whether it can. */
export interface Inspection {
  checks: Check[];
  planning: DatabasePlanning | null;
  targets: FolderTarget[];
  /** By name of the storage the document root that its record needs once the restored app is up. */
  storageRoots: FolderPlanning['storageRoots'];
  /** Folders of uploads that other apps may use too. */
  sharedFolders: FolderPlanning['shared'];
  /** Bytes of disk needed while it runs, files and staged database together. */
  extraBytes: number;
}

/**
 * Compares a backup with this app and plans its restore, or its verification. Changes nothing.
 * @throws NOT_IN_BACKUP, DATABASE_UNREACHABLE
 */
export async function inspect(
  manifest: Manifest,
  request: Pick<RestoreRequest, 'slotId' | 'contents'>,
  { site, driver }: Pick<RestoreParts, 'site' | 'driver'>,
  purpose: 'restore' | 'verify' = 'restore',
): Promise<Inspection> {
  for (const content of request.contents) {
    if (!manifest.contents.includes(content)) throw new SafekeepError('NOT_IN_BACKUP', { content });
  }
  const backupDatabase = request.contents.includes('database') ? manifest.database : null;
  const database = await driver.describe(site.scope);
  const fits = backupDatabase?.dialect === driver.dialect;
  const planning =
    backupDatabase && fits ? await driver.plan(request.slotId, backupDatabase, site.scope, purpose) : null;
  const folders = await planFolders(manifest, request.slotId, request.contents, site);
  const { targets, storageRoots, shared: sharedFolders } = folders;
  const space = await spaceOf([
    ...targets.map(({ plan, bytes }) => ({ folder: plan.folder, needed: bytes })),
    ...(planning?.space ? [planning.space] : []),
  ]);
  const stagedDatabase = backupDatabase?.dataBytes ?? 0;
  const checks = compatibilityOf(
    manifest,
    {
      app: { ...site.app, plugins: site.installedPlugins },
      database,
      tools: backupDatabase && fits ? await driver.tools() : [],
      planning,
      keyFingerprints: site.keyFingerprints,
      space,
      folders,
    },
    request.contents,
  );
  const extraBytes = stagedDatabase + targets.reduce((sum, { bytes }) => sum + bytes, 0);
  return { checks, planning, targets, storageRoots, sharedFolders, extraBytes };
}

/**
 * Restores. On success the previous state lies in the returned slots. On failure live data is what it was before, and
 * nothing is left aside, save where ROLLBACK_FAILED says otherwise.
 */
export async function restore(request: RestoreRequest, parts: RestoreParts, run: RestoreRun): Promise<Slots> {
  const { reader, site, driver, journal } = parts;
  const { manifest } = reader;
  const inspection = await run.step('compatibility', async () => {
    const found = await inspect(manifest, request, { site, driver });
    for (const check of found.checks.filter(({ status }) => status === 'warning')) {
      const params = { code: check.code };
      if (request.acceptWarnings.includes(check.code))
        run.log('warn', { text: 'Accepted by the user: {{code}}', params });
    }
    refuseUnlessFit(found.checks, request.acceptWarnings);
    const params = { name: manifest.name, contents: request.contents.join(', ') };
    run.log('info', { text: 'The backup {{name}} fits; to be restored: {{contents}}', params });
    return found;
  });
  const entries = await run.step('checksum', () => verify(reader, manifest, run));
  const made: Slots = {
    database: inspection.planning?.plan ?? null,
    folders: inspection.targets.map(({ plan }) => plan),
  };
  const { runId, undoHours } = request;
  await journal.write({ runId, direction: 'restore', state: 'staging', undoHours, starts: 0, ...made });
  try {
    await run.step('stageDatabase', () => stageDatabase(made.database, entries, parts, run));
    await run.step('stageFiles', () => stageFolders(inspection.targets, entries, reader, run));
    await run.step('checkStaged', () => checkDatabase(made.database, parts, run));
    run.pointOfNoReturn();
  } catch (error) {
    // What could not be dropped stays in the journal, for the next who asks.
    if (await discardSlots(made, driver, run)) await journal.remove();
    throw error;
  }
  await switchOver('restore', made, request, parts, run);
  return made;
}

async function verify(reader: ArchiveReader, manifest: Manifest, run: RestoreRun): Promise<ArchiveEntry[]> {
  const entries = await reader.entries();
  let done = 0;
  await reader.checkSeal(run.signal, (bytes) => {
    done += bytes;
    run.progress({ done, total: Math.max(done, manifest.entries.bytes), unit: 'bytes' });
  });
  return entries;
}

/** Loads the dump into the slot aside. */
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

/** Compares what was loaded with the manifest. @throws STAGED_DATA_DIFFERS */
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
    run.log('info', { text: '{{count}} files staged for {{folder}}', params });
  }
}

/** @throws ARCHIVE_DAMAGED when the manifest counts other recorded files than the list of entries has */
function filesOf({ rootId, recordedOnly, files: count }: FolderTarget, entries: readonly ArchiveEntry[]): StagedFile[] {
  const prefix = `${FILES_PREFIX}${rootId}/`;
  const files = entries
    .filter(({ name, recorded }) => name.startsWith(prefix) && (!recordedOnly || recorded))
    .map((entry): StagedFile => ({ entry, path: decodeEntryPath(entry.name.slice(prefix.length)) }));
  if (!recordedOnly || files.length === count) return files;
  throw new SafekeepError('ARCHIVE_DAMAGED', { detail: `its manifest counts other files in ${prefix} than its list` });
}
