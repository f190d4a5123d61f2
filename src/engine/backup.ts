/** The backup, top to bottom. */
import type { DatabaseFacts, ManifestDatabase } from '../shared/manifest';
import type { Content, StepOf, Trigger } from '../shared/runs';
import { DATABASE_PREFIX, FORMAT } from './archive/format';
import { ArchiveReader } from './archive/reader';
import { openLocalArchive } from './archive/source';
import { ArchiveWriter } from './archive/writer';
import { addFiles, estimateFiles, type FileRecords } from './backup-files';
import { readableBytes } from './bytes';
import type { RunContext, SteppedRun } from './context';
import type { DatabaseDriver, DatabasePlan } from './databases/driver';
import { SafekeepError, toSafekeepError } from './errors';
import { RecordedFiles } from './files/recorded';
import { withInactiveFolders } from './inactive-site';
import type { Slots } from './moves';
import type { Site } from './site';
import type { LocalDestination, Sidecar } from './destinations/local';

export interface BackupRequest {
  name: string;
  contents: readonly Content[];
  note: string;
  trigger: Trigger;
  runId: string;
  /** ISO 8601, UTC. */
  startedAt: string;
  startedBy: string | null;
  isProtected: boolean;
  /** Backs up the previous data in these slots; parts that the slots lack come from live data. */
  inactive?: Slots;
}

type BackupRun = SteppedRun<StepOf<'backup'>>;

/** Space to leave free in addition to the estimate, so that the server can continue. */
const SPARE_BYTES = 16 << 20;

/**
 * Makes one archive and publishes it with its sidecar. After any failure, no partial archive is left.
 * @throws TOOL_MISSING, TOOL_TOO_OLD, TOOL_FAILED, DUMP_INCOMPLETE, NO_SPACE, FOLDER_NOT_WRITABLE, CANCELLED,
 * NOTHING_TO_UNDO when a slot of previous data is empty, …
 */
export async function backup(
  request: BackupRequest,
  current: Site,
  driver: DatabaseDriver,
  destination: LocalDestination,
  run: BackupRun,
): Promise<Sidecar> {
  const { inactive } = request;
  const { site, facts, fileBytes } = await run.step('prepare', async () => {
    const source = inactive ? await withInactiveFolders(current, inactive.folders) : current;
    return { site: source, ...(await prepare(request, source, driver, destination, run)) };
  });
  const writer = new ArchiveWriter(destination.partialPath(request.name));
  try {
    const dumped =
      facts &&
      (await run.step('database', () =>
        dumpDatabase(site, facts, inactive?.database ?? undefined, driver, writer, run),
      ));
    // Files are listed after the moment of the dump: the files that it names were uploaded before.
    const files = request.contents.includes('files')
      ? await run.step('files', async () => {
          const records = dumped ? dumped.records : await liveRecords(site, driver);
          return await addFiles(site, records, fileBytes, writer, run);
        })
      : null;
    const { bytes, sha256, manifest } = await run.step('finish', async () => {
      return await writer.finish({
        format: FORMAT,
        name: request.name,
        createdAt: request.startedAt,
        app: site.app,
        contents: [...request.contents],
        note: request.note,
        trigger: request.trigger,
        database: dumped && dumped.database,
        files,
        keyFingerprints: site.keyFingerprints,
        warnings: run.warnings,
      });
    });
    await run.step('checksum', () => readBack(destination.partialPath(request.name), run));
    run.pointOfNoReturn();
    await destination.publish(request.name);
    const { note, runId, startedAt, startedBy, isProtected } = request;
    const finishedAt = new Date().toISOString();
    const sidecar = { bytes, sha256, manifest, note, isProtected, runId, startedAt, finishedAt, startedBy };
    await destination.writeSidecar(request.name, sidecar);
    run.log('info', { text: 'Backup written: {{size}}', params: { size: readableBytes(bytes) } });
    return sidecar;
  } catch (error) {
    await writer.abort();
    await destination.removePartial(request.name);
    throw toSafekeepError(error, destination.folder);
  }
}

/** Reads the new archive and verifies all checksums. @throws ARCHIVE_DAMAGED and the errors of ArchiveReader.open */
export async function readBack(file: string, run: RunContext): Promise<void> {
  const reader = await ArchiveReader.open(await openLocalArchive(file));
  try {
    await reader.checkAll(run.signal, (done, total) => run.progress({ done, total, unit: 'bytes' }));
  } finally {
    await reader.close();
  }
}

async function prepare(
  request: BackupRequest,
  site: Site,
  driver: DatabaseDriver,
  destination: LocalDestination,
  run: BackupRun,
): Promise<{ facts: DatabaseFacts | null; fileBytes: number }> {
  const { inactive } = request;
  await destination.prepare();
  await destination.probe();
  let needed = SPARE_BYTES;
  const facts = request.contents.includes('database')
    ? await driver.describe(site.scope, inactive?.database ?? undefined)
    : null;
  if (facts) {
    refuseMissingTools(await driver.tools(), facts.serverVersion);
    // Dumps usually compress to less than half; a temporary SQLite copy needs the full size in addition.
    needed += driver.dialect === 'sqlite' ? facts.dataBytes * 1.5 : facts.dataBytes / 2;
  }
  const fileBytes = request.contents.includes('files') ? await estimate(site, driver, run) : 0;
  needed += fileBytes;
  const free = await destination.freeBytes();
  if (free < needed) {
    throw new SafekeepError('NO_SPACE', {
      folder: destination.folder,
      needed: readableBytes(needed),
      free: readableBytes(free),
    });
  }
  return { facts, fileBytes };
}

async function estimate(site: Site, driver: DatabaseDriver, run: BackupRun): Promise<number> {
  const isShared = site.fileRoots.some(({ sharedWith }) => sharedWith.length > 0);
  const records = isShared ? await liveRecords(site, driver) : null;
  return await estimateFiles(site, records?.recorded ?? null, run);
}

/** For a backup of files alone. null where the driver reads no records. */
async function liveRecords(site: Site, driver: DatabaseDriver): Promise<FileRecords | null> {
  const read = driver.fileRecords?.bind(driver);
  if (!read) return null;
  const again = () => RecordedFiles.of(read(site.scope), site);
  return { recorded: await again(), again };
}

/** @throws TOOL_MISSING, TOOL_TOO_OLD */
function refuseMissingTools(tools: Awaited<ReturnType<DatabaseDriver['tools']>>, serverVersion: string): void {
  for (const { name, status, version, install } of tools) {
    if (status === 'missing') throw new SafekeepError('TOOL_MISSING', { tool: name, install });
    if (status === 'too old') {
      throw new SafekeepError('TOOL_TOO_OLD', { tool: name, version: version ?? '?', serverVersion, install });
    }
  }
}

async function dumpDatabase(
  site: Site,
  facts: DatabaseFacts,
  inactive: DatabasePlan | undefined,
  driver: DatabaseDriver,
  writer: ArchiveWriter,
  run: BackupRun,
): Promise<{ database: ManifestDatabase; records: FileRecords | null }> {
  const dump = await driver.dump(site.scope, run, inactive);
  try {
    let done = 0;
    for await (const part of dump.parts) {
      part.stream.on('data', (chunk: Buffer) => {
        done += chunk.length;
        run.progress({ done, total: Math.max(done, facts.dataBytes), unit: 'bytes' });
      });
      part.stream.pause();
      await writer.add(DATABASE_PREFIX + part.name, part.stream, { compression: 'fast' });
    }
    const result = await dump.result();
    const rows = result.tables.reduce((sum, table) => sum + (table.rows ?? 0), 0);
    run.log('info', {
      text: 'Database dumped: {{tables}} tables, {{rows}} rows',
      params: { tables: result.tables.length, rows },
    });
    const records = dump.fileRecords && { recorded: await RecordedFiles.of(dump.fileRecords(), site) };
    return { database: { ...facts, ...result }, records: records ?? null };
  } finally {
    await dump.close();
  }
}
