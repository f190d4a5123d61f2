/** The files of a backup: all files of the app's own folders; of shared folders only those named in the app's records. */
import { createReadStream } from 'node:fs';
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import type { ManifestFileRoot } from '../shared/manifest';
import type { Message, Params } from '../shared/runs';
import { encodeEntryPath, FILES_PREFIX } from './archive/format';
import type { ArchiveWriter } from './archive/writer';
import { readableBytes } from './bytes';
import type { RunContext } from './context';
import { SafekeepError } from './errors';
import { uploadAt } from './files/own-file';
import { type RecordedFiles, type RecordName } from './files/recorded';
import type { FileRoot } from './files/storages';
import { type OnSkipped, walk, type WalkedFile } from './files/walk';
import type { Site } from './site';

type Run = Pick<RunContext, 'log' | 'signal' | 'progress'>;

/** The files named in the app's records. */
export interface FileRecords {
  /** At the moment of the dump. */
  recorded: RecordedFiles;
  /** Now, for a backup without a dump: files that are no longer named are not missing. */
  again?: () => Promise<RecordedFiles>;
}

/** Estimated bytes of the files. */
export async function estimateFiles(site: Site, recorded: RecordedFiles | null, run: Run): Promise<number> {
  let bytes = 0;
  for (const root of site.fileRoots) {
    for await (const file of filesOf(root, site, recorded, run, () => undefined)) bytes += file.bytes;
  }
  return bytes;
}

/**
 * Adds the files to the archive. A file that is named in records and not in the archive causes a warning, never a failure.
 * @param records null where the driver reads none: then missing files are unknown
 */
export async function addFiles(
  site: Site,
  records: FileRecords | null,
  estimatedBytes: number,
  writer: ArchiveWriter,
  run: Run,
): Promise<{ roots: ManifestFileRoot[]; missing: number }> {
  let done = 0;
  const onBytes = (more: number) => {
    done += more;
    run.progress({ done, total: Math.max(done, estimatedBytes), unit: 'bytes' });
  };
  const roots: ManifestFileRoot[] = [];
  const absent: Absent[] = [];
  for (const root of site.fileRoots) {
    const added = await addRoot(root, site, records?.recorded ?? null, writer, run, onBytes);
    roots.push(added.root);
    absent.push(...added.absent);
  }
  return { roots, missing: await reportAbsent(absent, records, run) };
}

/** A file that is named in records and is not in the archive. */
interface Absent {
  root: FileRoot;
  path: string;
  names: readonly RecordName[];
  /** null: it does not exist. */
  reason: string | Message | null;
}

async function addRoot(
  root: FileRoot,
  site: Site,
  recorded: RecordedFiles | null,
  writer: ArchiveWriter,
  run: Run,
  onBytes: (bytes: number) => void,
): Promise<{ root: ManifestFileRoot; absent: Absent[] }> {
  const counted = { all: { files: 0, bytes: 0 }, recorded: { files: 0, bytes: 0 } };
  const missing = new Map(recorded?.pathsIn(root));
  const add = async (file: WalkedFile): Promise<string | null> => {
    run.signal.throwIfAborted();
    const isRecorded = missing.has(file.path);
    const added = await addFile(root, file, recorded && isRecorded, writer, run.signal, onBytes);
    if (typeof added === 'string') return added;
    missing.delete(file.path);
    for (const count of isRecorded ? [counted.all, counted.recorded] : [counted.all]) {
      count.files += 1;
      count.bytes += added;
    }
    return null;
  };
  const onSkipped: OnSkipped = (file, reason) => {
    // Files that are named in records are reported with these.
    if (missing.has(file)) return;
    run.log('warn', { text: 'Not backed up: {{file}} ({{reason}})', params: { file, reason } });
  };
  for await (const file of filesOf(root, site, recorded, run, onSkipped)) {
    const reason = await add(file);
    if (reason && reason !== 'ENOENT') onSkipped(file.path, reason);
  }
  const absent: Absent[] = [];
  for (const [file, names] of missing) {
    // The listing can miss a file that is renamed at that moment.
    const found = await recordedFile(root, file);
    const reason = found ? await add(found) : await reasonFor(root, file);
    if (reason !== null) absent.push({ root, path: file, names, reason: reason === 'ENOENT' ? null : reason });
  }
  report(root, counted.all, run);
  const { id, storages, documentRoot, places } = root;
  const manifest = {
    id,
    storages,
    documentRoot,
    places,
    ...counted.all,
    ...(recorded && { recorded: counted.recorded }),
  };
  return { root: manifest, absent };
}

function report(
  { storages, sharedWith }: FileRoot,
  { files, bytes }: { files: number; bytes: number },
  run: Run,
): void {
  const params = { storages: storages.join(', '), count: files, size: readableBytes(bytes) };
  run.log('info', { text: 'Files of {{storages}}: {{count}} ({{size}})', params });
  if (sharedWith.length === 0) return;
  run.log('info', {
    text: 'Other apps can use this folder as well ({{apps}}): only files named in records of this app are backed up',
    params: { apps: sharedWith.join(', ') },
  });
}

/** @throws INTERNAL for a shared folder without records */
async function* filesOf(
  root: FileRoot,
  site: Site,
  recorded: RecordedFiles | null,
  run: Run,
  onSkipped: OnSkipped,
): AsyncGenerator<WalkedFile> {
  if (root.sharedWith.length === 0) {
    // Their files are not uploads and are never restored.
    const exclude = [site.ownFolder, ...site.reservedFolders.map(({ folder }) => folder)];
    yield* walk(root.folder, run.signal, onSkipped, exclude);
    return;
  }
  if (!recorded) {
    const detail = { text: 'the owner of the files in {{folder}} is unknown', params: { folder: root.folder } };
    throw new SafekeepError('INTERNAL', { detail });
  }
  for (const file of recorded.pathsIn(root).keys()) {
    run.signal.throwIfAborted();
    const found = await recordedFile(root, file);
    if (found) yield found;
  }
}

async function recordedFile({ folder }: FileRoot, file: string): Promise<WalkedFile | null> {
  const stats = await uploadAt(folder, file);
  return stats && { path: file, bytes: stats.size, mtimeMs: stats.mtimeMs, mode: stats.mode & 0o777 };
}

/** Why a record has no file; ENOENT where the path does not exist. */
async function reasonFor({ folder }: FileRoot, file: string): Promise<string | Message> {
  return await lstat(path.join(folder, file)).then(
    (stats) => ({ text: stats.isFile() || stats.isSymbolicLink() ? 'symbolic link' : 'not a regular file' }),
    ({ code, message }: NodeJS.ErrnoException) => (code === 'ENOTDIR' ? 'ENOENT' : (code ?? message)),
  );
}

/** Adds one file. @returns its bytes, or the error code when it cannot be opened */
async function addFile(
  root: FileRoot,
  file: WalkedFile,
  recorded: boolean | null,
  writer: ArchiveWriter,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<number | string> {
  // A cancelled backup does not read a large file to its end.
  const source = createReadStream(path.join(root.folder, file.path), { highWaterMark: 1 << 20, signal });
  const failure = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    source.once('ready', () => resolve(null));
    source.once('error', resolve);
  });
  signal.throwIfAborted();
  if (failure) return failure.code ?? failure.message;
  source.on('data', (chunk) => onBytes(chunk.length));
  source.pause();
  const { bytes } = await writer.add(`${FILES_PREFIX}${root.id}/${encodeEntryPath(file.path)}`, source, {
    compression: 'store',
    mtimeMs: Math.round(file.mtimeMs),
    mode: file.mode,
    ...(recorded !== null && { recorded }),
  });
  return bytes;
}

/** Logs a warning for each record without its file. @returns the number of files that are missing on disk */
async function reportAbsent(absent: readonly Absent[], records: FileRecords | null, run: Run): Promise<number> {
  const now = absent.length > 0 ? await records?.again?.() : undefined;
  let missing = 0;
  for (const { root, path: file, names, reason } of absent) {
    if (now && !now.pathsIn(root).has(file)) continue;
    if (reason === null) missing += 1;
    for (const { collection, key } of names) {
      const params = { file, collection, id: key };
      if (reason === null) run.log('warn', { text: 'Missing on disk: {{file}} ({{collection}} {{id}})', params });
      else reportUnreadable({ ...params, reason }, run);
    }
  }
  for (const { collection, key, path: folder, filename } of records?.recorded.outside ?? []) {
    const file = path.posix.join(folder, filename);
    reportUnreadable({ file, collection, id: key, reason: { text: 'outside of its storage' } }, run);
  }
  return missing;
}

function reportUnreadable(params: Params, run: Run): void {
  run.log('warn', { text: 'Not backed up: {{file}} ({{collection}} {{id}}, {{reason}})', params });
}
