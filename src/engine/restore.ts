/**
 * The restore, top to bottom: fill slots aside, check them, and only then exchange them with what is live. Until the
 * exchange nothing live changes; after it the previous state is aside and `takeBack` brings it back.
 */
import path from 'node:path';
import { statfs } from 'node:fs/promises';
import type { ArchiveEntry, Manifest } from '../shared/manifest';
import type { Content, Message, StepOf } from '../shared/runs';
import { decodeEntryPath, FILES_PREFIX } from './archive/format';
import type { ArchiveReader } from './archive/reader';
import { type Check, compatibilityOf, refuseUnlessFit } from './compatibility';
import type { RunContext, SteppedRun } from './context';
import type { DatabaseDriver, DatabasePlan, DatabasePlanning, SlotPosition } from './databases/driver';
import { SafekeepError, toSafekeepError } from './errors';
import { exchangeModeOf, isInside, resolveFolder } from './files/roots';
import * as slots from './files/slots';
import { carryOver, stageFiles, type StagedFile } from './files/stage';
import type { Direction, JournalFile } from './journal';
import type { Site } from './site';

export interface RestoreRequest {
  runId: string;
  /** Identifies the slots of this restore; lower-case letters and digits. */
  slotId: string;
  contents: readonly Content[];
  filesMode: 'mirror' | 'merge';
  acceptWarnings: readonly string[];
}

/** The app around the data: what the engine asks of it during the exchange. */
export interface AppControl {
  /** From now on every request is answered with "maintenance"; resolves when those in flight have ended or a limit is over. */
  enterMaintenance(): Promise<void>;
  /** Ends maintenance, whatever state the app is in. */
  leaveMaintenance(): Promise<void>;
  /** Closes the app's own connections to its database. */
  disconnect(): Promise<void>;
  /** Connects again and loads the app anew on the data that is live now, migrations included. Throws when it does not come up. */
  reload(): Promise<void>;
  /** Throws when the app does not work. */
  healthCheck(): Promise<void>;
}

/** The two slots of everything a restore exchanged; kept for undo. */
export interface Slots {
  database: DatabasePlan | null;
  folders: slots.FolderPlan[];
}

export interface RestoreParts {
  reader: ArchiveReader;
  site: Site;
  driver: DatabaseDriver;
  journal: JournalFile;
  app: AppControl;
}

type RestoreRun = SteppedRun<StepOf<'restore'>>;

/** Where the files of one root of the archive go. */
interface FolderTarget {
  rootId: string;
  bytes: number;
  plan: slots.FolderPlan;
}

/** What a restore would do here, and whether it can. */
export interface Inspection {
  checks: Check[];
  planning: DatabasePlanning | null;
  targets: FolderTarget[];
  /** Bytes of disk needed while it runs, files and staged database together. */
  extraBytes: number;
}

/**
 * Compares a backup with this app and plans its restore. Changes nothing.
 * @throws NOT_IN_BACKUP, DATABASE_UNREACHABLE
 */
export async function inspect(
  manifest: Manifest,
  request: Pick<RestoreRequest, 'slotId' | 'contents'>,
  { site, driver }: Pick<RestoreParts, 'site' | 'driver'>,
): Promise<Inspection> {
  for (const content of request.contents) {
    if (!manifest.contents.includes(content)) throw new SafekeepError('NOT_IN_BACKUP', { content });
  }
  const backupDatabase = request.contents.includes('database') ? manifest.database : null;
  const database = await driver.describe(site.scope);
  const fits = backupDatabase?.dialect === driver.dialect;
  const planning = backupDatabase && fits ? await driver.plan(request.slotId, backupDatabase, site.scope) : null;
  const { targets, problems } = request.contents.includes('files')
    ? await planFolders(manifest, request, site)
    : { targets: [], problems: [] };
  const space = await spaceOf(targets);
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
      folderProblems: problems,
    },
    request.contents,
  );
  return { checks, planning, targets, extraBytes: stagedDatabase + targets.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/**
 * Restores. On success the previous state lies in the returned slots. On failure live data is what it was before, and
 * nothing is left aside, save where WAY_BACK_FAILED says otherwise.
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
    return found;
  });
  const entries = await run.step('verify', () => verify(reader, manifest, run));
  const made: Slots = {
    database: inspection.planning?.plan ?? null,
    folders: inspection.targets.map(({ plan }) => plan),
  };
  const journalled = { runId: request.runId, direction: 'restore' as const, ...made };
  await journal.write({ ...journalled, state: 'staging' });
  try {
    await run.step('stageDatabase', () => stageDatabase(made.database, entries, parts, run));
    await run.step('stageFiles', () => stageFolders(inspection.targets, entries, reader, run));
    await run.step('checkStaged', async () => {
      if (made.database && manifest.database) await driver.check(made.database, manifest.database, run);
    });
    run.pointOfNoReturn();
  } catch (error) {
    await dropAside(made, driver, run);
    await journal.remove();
    throw error;
  }
  await exchange('restore', made, request, parts, run);
  return made;
}

/**
 * Exchanges the slots of an earlier restore back, just as atomically; called again it exchanges them forth again.
 * @throws NOTHING_TO_UNDO when a slot aside is gone
 */
export async function undo(
  made: Slots,
  runId: string,
  parts: Pick<RestoreParts, 'driver' | 'journal' | 'app'>,
  run: SteppedRun<StepOf<'undo'>>,
): Promise<void> {
  const direction = await run.step('prepare', async () => {
    const positions = await positionsOf(made, parts.driver);
    const all = (wanted: SlotPosition) => positions.every((position) => position === wanted);
    if (!all('after switch') && !all('before switch')) throw new SafekeepError('NOTHING_TO_UNDO');
    run.pointOfNoReturn();
    return all('after switch') ? 'undo' : 'redo';
  });
  await exchange(direction, made, { runId, filesMode: 'mirror' }, parts, run);
}

/** Maintenance, exchange, reload, health check; and the way back when the app does not come up. */
async function exchange(
  direction: Direction,
  made: Slots,
  request: Pick<RestoreRequest, 'runId' | 'filesMode'>,
  { driver, journal, app }: Pick<RestoreParts, 'driver' | 'journal' | 'app'>,
  run: SteppedRun<'switch' | 'reload' | 'healthCheck'>,
): Promise<void> {
  const journalled = { runId: request.runId, direction, ...made };
  const [forward, backward] = direction === 'undo' ? [takeBack, bringLive] : [bringLive, takeBack];
  try {
    await run.step('switch', async () => {
      try {
        await app.enterMaintenance();
        if (request.filesMode === 'merge') await mergeFolders(made, run);
        await app.disconnect();
        await journal.write({ ...journalled, state: 'switching' });
        await forward(made, driver, run);
        await journal.write({ ...journalled, state: 'switched' });
      } catch (error) {
        await wayBack(backward, made, { driver, journal, app }, journalled, error, run);
        throw error;
      }
    });
    try {
      await run.step('reload', () => app.reload());
      await run.step('healthCheck', () => app.healthCheck());
    } catch (error) {
      await wayBack(backward, made, { driver, journal, app }, journalled, error, run);
      throw new SafekeepError('RESTORED_APP_UNHEALTHY', { detail: toSafekeepError(error).message }, { cause: error });
    }
    await journal.remove();
  } finally {
    await app.leaveMaintenance();
  }
}

/** @throws WAY_BACK_FAILED; the journal then stays for the next start */
async function wayBack(
  backward: typeof takeBack,
  made: Slots,
  { driver, journal, app }: Pick<RestoreParts, 'driver' | 'journal' | 'app'>,
  journalled: Slots & { runId: string; direction: Direction },
  reason: unknown,
  run: RunContext,
): Promise<void> {
  run.log('error', {
    text: 'Going back to the previous state: {{reason}}',
    params: { reason: toSafekeepError(reason).message },
  });
  try {
    await app.disconnect();
    await journal.write({ ...journalled, state: 'taking back' });
    await backward(made, driver, run);
    await app.reload();
    if (journalled.direction === 'restore') await dropAside(made, driver, run);
    await journal.remove();
  } catch (cause) {
    throw new SafekeepError('WAY_BACK_FAILED', { detail: toSafekeepError(cause).message }, { cause });
  }
}

/**
 * At start, before the app serves: finishes an unfinished restore or takes it back, by what the slots themselves say.
 * Only an exchange that had completed is kept; everything else goes back to the state before.
 * @returns what the state is now; null when there was nothing to recover
 * @throws JOURNAL_UNREADABLE, and what the slots throw; the journal stays then
 */
export async function recover(
  { driver, journal }: Pick<RestoreParts, 'driver' | 'journal'>,
  run: RunContext,
): Promise<{ runId: string; direction: Direction; state: 'old' | 'new'; slots: Slots } | null> {
  const found = await journal.read();
  if (!found) return null;
  const { runId, direction, database, folders } = found;
  const made = { database, folders };
  const [forward, backward] = direction === 'undo' ? [takeBack, bringLive] : [bringLive, takeBack];
  const wanted = direction === 'undo' ? 'before switch' : 'after switch';
  const databaseDone = !database || (await driver.position(database)) === wanted;
  const complete =
    found.state === 'switched' ||
    (found.state === 'switching' &&
      (database ? databaseDone : (await positionsOf(made, driver)).every((p) => p === wanted)));
  if (complete) await forward(made, driver, run);
  else if (found.state !== 'staging') await backward(made, driver, run);
  const state = complete ? 'new' : 'old';
  if (state === 'old' && direction === 'restore') await dropAside(made, driver, run);
  await journal.remove();
  return { runId, direction, state, slots: made };
}

/** Drops the slots aside: staged data that is not wanted, or a previous state that is no longer kept. */
export async function dropAside(made: Slots, driver: DatabaseDriver, run: Pick<RunContext, 'log'>): Promise<void> {
  const work = [
    ...made.folders.map((plan) => () => slots.discard(plan)),
    ...(made.database ? [made.database].map((plan) => () => driver.discard(plan)) : []),
  ];
  for (const drop of work) {
    await drop().catch((error: unknown) => {
      const detail = toSafekeepError(error).message;
      run.log('warn', { text: 'Could not be cleaned up: {{detail}}', params: { detail } });
    });
  }
}

async function positionsOf(made: Slots, driver: DatabaseDriver) {
  const folders = await Promise.all(made.folders.map((plan) => slots.positionOf(plan)));
  return made.database ? [...folders, await driver.position(made.database)] : folders;
}

/** Files first: should the database refuse, they go back by renames. */
async function bringLive(made: Slots, driver: DatabaseDriver, run: RunContext): Promise<void> {
  for (const plan of made.folders) await slots.finish(plan);
  if (made.database && (await driver.position(made.database)) !== 'after switch') {
    await driver.switch(made.database, run);
  }
}

async function takeBack(made: Slots, driver: DatabaseDriver, run: RunContext): Promise<void> {
  for (const plan of made.folders) await slots.takeBack(plan);
  if (made.database && (await driver.position(made.database)) !== 'before switch') {
    await driver.undo(made.database, run);
  }
}

async function verify(reader: ArchiveReader, manifest: Manifest, run: RestoreRun): Promise<ArchiveEntry[]> {
  const entries = await reader.entries();
  let done = 0;
  await reader.verifySeal(run.signal, (bytes) => {
    done += bytes;
    run.progress({ done, total: Math.max(done, manifest.entries.bytes), unit: 'bytes' });
  });
  return entries;
}

async function stageDatabase(
  plan: DatabasePlan | null,
  entries: readonly ArchiveEntry[],
  { reader, driver }: Pick<RestoreParts, 'reader' | 'driver'>,
  run: RestoreRun,
): Promise<void> {
  const backup = reader.manifest.database;
  if (!plan || !backup) return;
  await driver.stage(plan, backup, (part) => reader.openDatabasePart(part, entries), run);
}

async function stageFolders(
  targets: readonly FolderTarget[],
  entries: readonly ArchiveEntry[],
  reader: ArchiveReader,
  run: RestoreRun,
): Promise<void> {
  const total = targets.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const { rootId, plan } of targets) {
    const prefix = `${FILES_PREFIX}${rootId}/`;
    const files = entries
      .filter((entry) => entry.name.startsWith(prefix))
      .map((entry): StagedFile => ({ entry, path: decodeEntryPath(entry.name.slice(prefix.length)) }));
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

async function mergeFolders(made: Slots, run: RunContext): Promise<void> {
  for (const plan of made.folders) {
    const count = await carryOver(plan.folder, slots.slotsOf(plan).staged, run);
    run.log('info', { text: '{{count}} newer files kept in {{folder}}', params: { count, folder: plan.folder } });
  }
}

/**
 * Where each root of the archive goes: to the folder that its storage will have once the database is restored; when
 * only files are restored, to the folder of the storage of that name here.
 */
async function planFolders(
  manifest: Manifest,
  request: Pick<RestoreRequest, 'slotId' | 'contents'>,
  site: Site,
): Promise<{ targets: FolderTarget[]; problems: { folder: string; reason: Message; remedy: Message }[] }> {
  const targets: FolderTarget[] = [];
  const problems: { folder: string; reason: Message; remedy: Message }[] = [];
  for (const root of manifest.files?.roots ?? []) {
    const here = site.fileRoots.find(({ storages }) => root.storages.some((name) => storages.includes(name)));
    const filesOnly = !request.contents.includes('database');
    const folder = await resolveFolder(filesOnly && here ? here.folder : site.resolveDocumentRoot(root.documentRoot));
    const problem = await problemOf(folder, targets, site);
    if (problem) problems.push({ folder, ...problem });
    else {
      const plan = { folder, mode: await exchangeModeOf(folder), id: request.slotId };
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
): Promise<{ reason: Message; remedy: Message } | null> {
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
  return await exchangeModeOf(folder).then(
    () => null,
    (error: SafekeepError) => ({
      reason: { text: 'it can not be written to' },
      remedy: { text: error.hint },
    }),
  );
}

async function spaceOf(targets: readonly FolderTarget[]): Promise<{ folder: string; needed: number; free: number }[]> {
  return await Promise.all(
    targets.map(async ({ plan, bytes }) => {
      const { bavail, bsize } = await statfs(await nearestFolder(plan.folder));
      return { folder: plan.folder, needed: bytes, free: bavail * bsize };
    }),
  );
}

async function nearestFolder(folder: string): Promise<string> {
  return await statfs(folder).then(
    () => folder,
    () => nearestFolder(path.dirname(folder)),
  );
}
