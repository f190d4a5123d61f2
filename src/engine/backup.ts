/** The backup, top to bottom. */
import { createReadStream } from 'node:fs';
import path from 'node:path';
import type { DatabaseFacts, ManifestDatabase, ManifestFileRoot } from '../shared/manifest';
import type { Content, StepOf, Trigger } from '../shared/runs';
import { DATABASE_PREFIX, encodeEntryPath, FILES_PREFIX, FORMAT } from './archive/format';
import { ArchiveReader } from './archive/reader';
import { openLocalArchive } from './archive/source';
import { ArchiveWriter } from './archive/writer';
import { readableBytes } from './bytes';
import type { RunContext, SteppedRun } from './context';
import type { DatabaseDriver } from './databases/driver';
import { SafekeepError, toSafekeepError } from './errors';
import type { FileRoot } from './files/roots';
import { walk, type WalkedFile } from './files/walk';
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
}

type BackupRun = SteppedRun<StepOf<'backup'>>;

/** Room left beyond the estimate, so that the server itself can go on. */
const SPARE_BYTES = 16 << 20;

interface RootFiles {
  root: FileRoot;
  files: WalkedFile[];
}

/**
 * Makes one archive and publishes it with its sidecar. Whatever fails, no partial archive is left.
 * @throws TOOL_MISSING, TOOL_TOO_OLD, TOOL_FAILED, DUMP_INCOMPLETE, NO_SPACE, FOLDER_NOT_WRITABLE, CANCELLED, …
 */
export async function backup(
  request: BackupRequest,
  site: Site,
  driver: DatabaseDriver,
  destination: LocalDestination,
  run: BackupRun,
): Promise<Sidecar> {
  const { facts, files } = await run.step('prepare', () => prepare(request, site, driver, destination, run));
  const writer = new ArchiveWriter(destination.partialPath(request.name));
  try {
    const database = facts && (await run.step('database', () => dumpDatabase(site, facts, driver, writer, run)));
    const roots = request.contents.includes('files')
      ? await run.step('files', () => addFiles(site, files, writer, run))
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
        database,
        files: roots,
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

/** Reads a whole archive back. @throws ARCHIVE_DAMAGED and what ArchiveReader.open throws */
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
): Promise<{ facts: DatabaseFacts | null; files: RootFiles[] }> {
  await destination.prepare();
  await destination.probe();
  let needed = SPARE_BYTES;
  const facts = request.contents.includes('database') ? await driver.describe(site.scope) : null;
  if (facts) {
    refuseMissingTools(await driver.tools(), facts.serverVersion);
    // Dumps compress to less than half as a rule; a temporary SQLite copy takes the size once more.
    needed += driver.dialect === 'sqlite' ? facts.dataBytes * 1.5 : facts.dataBytes / 2;
  }
  const files: RootFiles[] = [];
  if (request.contents.includes('files')) {
    for (const root of site.fileRoots) {
      const found: WalkedFile[] = [];
      for await (const file of walk(root.folder, run, [site.ownFolder])) found.push(file);
      needed += found.reduce((sum, file) => sum + file.bytes, 0);
      files.push({ root, files: found });
    }
  }
  const free = await destination.freeBytes();
  if (free < needed) {
    throw new SafekeepError('NO_SPACE', {
      folder: destination.folder,
      needed: readableBytes(needed),
      free: readableBytes(free),
    });
  }
  return { facts, files };
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
  driver: DatabaseDriver,
  writer: ArchiveWriter,
  run: BackupRun,
): Promise<ManifestDatabase> {
  const dump = await driver.dump(site.scope, run);
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
    return { ...facts, ...result };
  } finally {
    await dump.close();
  }
}

async function addFiles(
  site: Site,
  found: readonly RootFiles[],
  writer: ArchiveWriter,
  run: BackupRun,
): Promise<{ roots: ManifestFileRoot[]; missing: number }> {
  const total = found.flatMap(({ files }) => files).reduce((sum, file) => sum + file.bytes, 0);
  let done = 0;
  const roots: ManifestFileRoot[] = [];
  for (const { root, files } of found) {
    let [count, bytes] = [0, 0];
    for (const file of files) {
      run.signal.throwIfAborted();
      const added = await addFile(root, file, writer, run, (more) => {
        done += more;
        run.progress({ done, total, unit: 'bytes' });
      });
      if (added === null) continue;
      count += 1;
      bytes += added;
    }
    const { id, storages, documentRoot } = root;
    roots.push({ id, storages, documentRoot, files: count, bytes });
    run.log('info', {
      text: 'Files of {{storages}}: {{count}} ({{size}})',
      params: { storages: storages.join(', '), count, size: readableBytes(bytes) },
    });
  }
  return { roots, missing: await reportMissingFiles(site, found, run) };
}

/** Adds one file; null when it vanished between the walk and now. */
async function addFile(
  root: FileRoot,
  file: WalkedFile,
  writer: ArchiveWriter,
  run: BackupRun,
  onBytes: (bytes: number) => void,
): Promise<number | null> {
  const source = createReadStream(path.join(root.folder, file.path), { highWaterMark: 1 << 20 });
  const opened = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    source.once('ready', () => resolve(null));
    source.once('error', resolve);
  });
  if (opened) {
    const params = { file: file.path, reason: opened.code ?? opened.message };
    run.log('warn', { text: 'Not backed up: {{file}} ({{reason}})', params });
    return null;
  }
  source.on('data', (chunk) => onBytes(chunk.length));
  source.pause();
  const { bytes } = await writer.add(`${FILES_PREFIX}${root.id}/${encodeEntryPath(file.path)}`, source, {
    compression: 'store',
    mtimeMs: Math.round(file.mtimeMs),
    mode: file.mode,
  });
  return bytes;
}

/** Files that the database knows and the disk does not have: a warning each, never an abort. */
async function reportMissingFiles(site: Site, found: readonly RootFiles[], run: BackupRun): Promise<number> {
  const there = new Map(found.map(({ root, files }) => [root.folder, new Set(files.map((file) => file.path))]));
  let missing = 0;
  for await (const expected of site.expectedFiles()) {
    if (there.get(expected.rootFolder)?.has(expected.path) ?? true) continue;
    missing += 1;
    const { collection, id, path: file } = expected;
    run.log('warn', { text: 'Missing on disk: {{file}} ({{collection}} {{id}})', params: { file, collection, id } });
  }
  return missing;
}
