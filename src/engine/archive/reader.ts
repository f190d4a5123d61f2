import { createHash } from 'node:crypto';
import { addAbortSignal, type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl';
import type { ArchiveEntry, Manifest } from '../../shared/manifest';
import type { Message } from '../../shared/runs';
import { SafekeepError } from '../errors';
import { decode } from './codec';
import {
  DATABASE_PREFIX,
  decodeEntryPath,
  ENTRIES_ENTRY,
  FILES_PREFIX,
  isSafeRelativePath,
  MANIFEST_ENTRY,
  SEAL_DIGITS,
  SEAL_TEXT,
  ZSTD_EXTENSION,
} from './format';
import { parseEntry, parseManifest } from './manifest';
import { type ArchiveSource, readRange } from './source';

/** A manifest contains facts, not lists of files: a larger one is not from Safekeep. */
const MAX_MANIFEST_BYTES = 64 << 20;
const METHOD_STORED = 0;
const METHOD_DEFLATED = 8;
const LOCAL_HEADER_MAGIC = 'PK\x03\x04';

/** Reads an archive in place and checks its content against the manifest on the way. */
export class ArchiveReader {
  private constructor(
    private readonly source: ArchiveSource,
    private readonly zip: ZipFile,
    private readonly directory: ReadonlyMap<string, Entry>,
    readonly manifest: Manifest,
  ) {}

  /**
   * Opens an archive and reads its manifest; the data is not read yet. Closes the source when it throws.
   * @throws NOT_A_ZIP, NOT_A_BACKUP, ARCHIVE_TRUNCATED, ARCHIVE_DAMAGED, FORMAT_TOO_NEW, UNSAFE_ENTRY
   */
  static async open(source: ArchiveSource): Promise<ArchiveReader> {
    try {
      const zip = await openZip(source);
      const directory = await readDirectory(zip);
      const manifest = await readManifest(zip, directory);
      return new ArchiveReader(source, zip, directory, manifest);
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.source.close();
  }

  /**
   * Reads every byte of the file once and compares it with the seal: finds any flipped bit and any truncation.
   * @throws ARCHIVE_DAMAGED
   */
  async checkSeal(signal: AbortSignal, onBytes: (bytes: number) => void): Promise<void> {
    const end = this.source.size - SEAL_DIGITS;
    if (end < SEAL_TEXT.length)
      throw new SafekeepError('ARCHIVE_DAMAGED', { detail: { text: 'it has no archive checksum' } });
    const hash = createHash('sha256');
    await pipeline(
      this.source.read(0, end),
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) {
          hash.update(chunk);
          onBytes(chunk.length);
        }
      },
      { signal },
    );
    const seal = (await readRange(this.source, end - SEAL_TEXT.length, this.source.size)).toString('latin1');
    if (seal !== SEAL_TEXT + hash.digest('hex')) {
      throw new SafekeepError('ARCHIVE_DAMAGED', { detail: { text: 'it does not match its archive checksum' } });
    }
  }

  /**
   * Checks everything and keeps nothing: list of entries, seal, and the hash of every entry.
   * @throws ARCHIVE_DAMAGED, and the reason of the signal
   */
  async checkAll(signal: AbortSignal, onProgress: (done: number, total: number) => void): Promise<ArchiveEntry[]> {
    const entries = await this.entries();
    const total = this.source.size + entries.reduce((sum, entry) => sum + entry.bytes, 0);
    let done = 0;
    const onBytes = (more: number) => onProgress((done += more), total);
    await this.checkSeal(signal, onBytes);
    for (const entry of entries) {
      signal.throwIfAborted();
      for await (const chunk of addAbortSignal(signal, await this.openEntry(entry))) onBytes((chunk as Buffer).length);
    }
    return entries;
  }

  /** Hash of the whole file, in hex. */
  async sha256(): Promise<string> {
    const hash = createHash('sha256');
    await pipeline(this.source.read(0, this.source.size), hash);
    return hash.digest('hex');
  }

  /**
   * Every entry except the list and the manifest, as listed in the archive; the list itself is checked first.
   * @throws ARCHIVE_DAMAGED when list and ZIP directory disagree
   */
  async entries(): Promise<ArchiveEntry[]> {
    const { count, bytes, sha256 } = this.manifest.entries;
    const listed = { name: ENTRIES_ENTRY, bytes: this.directory.get(ENTRIES_ENTRY)?.uncompressedSize ?? 0, sha256 };
    const raw = await this.openEntry(listed);
    const entries: ArchiveEntry[] = [];
    for await (const line of linesOf(raw)) entries.push(parseEntry(line));
    const total = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    const unlisted = this.directory.size - 2;
    const unknown = entries.find((entry) => this.directory.get(entry.name)?.uncompressedSize !== entry.bytes);
    if (unknown || entries.length !== count || total !== bytes || entries.length !== unlisted) {
      const detail: Message = unknown
        ? { text: 'its list of entries does not match its content: {{entry}}', params: { entry: unknown.name } }
        : { text: 'its list of entries does not match its content' };
      throw new SafekeepError('ARCHIVE_DAMAGED', { detail });
    }
    return entries;
  }

  /** The bytes of an entry as unzip would extract them. Where they differ from the list, the stream fails with ARCHIVE_DAMAGED instead of ending. */
  async openEntry(entry: ArchiveEntry): Promise<Readable> {
    const found = this.directory.get(entry.name);
    if (!found) throw missing(entry.name);
    const raw = await this.zip.openReadStreamPromise(found).catch((cause: Error) => {
      throw damaged(entry.name, cause);
    });
    const checked = checking(entry, raw);
    // An error here surfaces as the error of `checked`.
    pipeline(raw, checked).catch(() => undefined);
    return checked;
  }

  /** A part of the dump, decompressed and checked. */
  async openDatabasePart(part: string, entries: readonly ArchiveEntry[]): Promise<Readable> {
    const name = DATABASE_PREFIX + part;
    const entry = entries.find((candidate) => candidate.name === name || candidate.name === name + ZSTD_EXTENSION);
    if (!entry) throw missing(name);
    return decode(entry.name, await this.openEntry(entry));
  }
}

async function* linesOf(text: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of text.setEncoding('utf8')) {
    const lines = (rest + (chunk as string)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest) yield rest;
}

function missing(entry: string): SafekeepError {
  return new SafekeepError('ARCHIVE_DAMAGED', { detail: { text: '{{entry}} is missing', params: { entry } } });
}

function damaged(entry: string, cause: Error): SafekeepError {
  const detail = { text: '{{entry}} cannot be read', params: { entry } };
  return new SafekeepError('ARCHIVE_DAMAGED', { detail }, { cause });
}

/** Passes the bytes on and ends only when they match the list; an error of `raw` becomes ARCHIVE_DAMAGED. */
function checking(entry: ArchiveEntry, raw: Readable): Transform {
  const hash = createHash('sha256');
  let bytes = 0;
  return new Transform({
    highWaterMark: 1 << 20,
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
    flush(done) {
      const same = bytes === entry.bytes && hash.digest('hex') === entry.sha256;
      const detail = { text: '{{entry}} does not match its checksum', params: { entry: entry.name } };
      done(same ? null : new SafekeepError('ARCHIVE_DAMAGED', { detail }));
    },
    destroy(error, done) {
      done(error && error === raw.errored ? damaged(entry.name, error) : error);
    },
  });
}

class SourceReader extends RandomAccessReader {
  constructor(private readonly source: ArchiveSource) {
    super();
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return this.source.read(start, end);
  }
}

async function openZip(source: ArchiveSource): Promise<ZipFile> {
  const head = (await readRange(source, 0, Math.min(4, source.size))).toString('latin1');
  const options = { lazyEntries: true, autoClose: false, decodeStrings: false };
  return await fromRandomAccessReaderPromise(new SourceReader(source), source.size, options).catch((cause: Error) => {
    throw new SafekeepError(head === LOCAL_HEADER_MAGIC ? 'ARCHIVE_TRUNCATED' : 'NOT_A_ZIP', {}, { cause });
  });
}

/** The ZIP's directory by entry name; rejects entries that Safekeep never writes. */
async function readDirectory(zip: ZipFile): Promise<Map<string, Entry>> {
  const directory = new Map<string, Entry>();
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const entry of zip.eachEntry()) {
      const name = utf8.decode(entry.fileNameRaw);
      checkEntry(name, entry);
      if (directory.has(name)) throw unsafe({ text: '{{name}} (more than once)', params: { name } });
      directory.set(name, entry);
    }
  } catch (cause) {
    if (cause instanceof SafekeepError) throw cause;
    throw new SafekeepError('ARCHIVE_DAMAGED', { detail: { text: 'its directory cannot be read' } }, { cause });
  }
  return directory;
}

function checkEntry(name: string, entry: Entry): void {
  const params = { name };
  if (!isSafeRelativePath(name.startsWith(FILES_PREFIX) ? decodeEntryPath(name) : name)) throw unsafe(name);
  const fileType = (entry.externalFileAttributes >>> 16) & 0o170000;
  if (fileType !== 0 && fileType !== 0o100000) throw unsafe({ text: '{{name}} (not a regular file)', params });
  if (entry.isEncrypted()) throw unsafe({ text: '{{name}} (encrypted)', params });
  if (entry.compressionMethod !== METHOD_STORED && entry.compressionMethod !== METHOD_DEFLATED) {
    throw unsafe({ text: '{{name}} (unknown compression)', params });
  }
}

function unsafe(entry: string | Message): SafekeepError {
  return new SafekeepError('UNSAFE_ENTRY', { entry });
}

async function readManifest(zip: ZipFile, directory: ReadonlyMap<string, Entry>): Promise<Manifest> {
  const entry = directory.get(MANIFEST_ENTRY);
  if (!entry || entry.uncompressedSize > MAX_MANIFEST_BYTES) throw new SafekeepError('NOT_A_BACKUP');
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
  } catch (cause) {
    throw damaged(MANIFEST_ENTRY, cause as Error);
  }
  const bytes = Buffer.concat(chunks);
  if (zlib.crc32(bytes) !== entry.crc32) {
    const detail = { text: '{{entry}} does not match its checksum', params: { entry: MANIFEST_ENTRY } };
    throw new SafekeepError('ARCHIVE_DAMAGED', { detail });
  }
  return parseManifest(bytes.toString('utf8'));
}
