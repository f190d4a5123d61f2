import archiver from 'archiver';
import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ArchiveEntry, Manifest } from '../../shared/manifest';
import { bestCodec, type Codec, zstdCompressor } from './codec';
import { ENTRIES_ENTRY, MANIFEST_ENTRY, SEAL_DIGITS, SEAL_TEXT, ZSTD_EXTENSION } from './format';

/** Size of the ZIP end record; its last two bytes are the length of the comment that follows. */
const END_RECORD_BYTES = 22;
const MEBIBYTE = 1 << 20;

export interface AddOptions {
  /** 'store' for data that is already compressed, 'fast' for text such as dumps. */
  compression: 'store' | 'fast';
  mtimeMs?: number;
  mode?: number;
  recorded?: boolean;
}

export type ManifestWithoutEntries = Omit<Manifest, 'entries'>;

/**
 * Writes an archive of format 1 in one streaming pass to a new file. Entries are added one after the other, in the
 * caller's order. The file is valid only after `finish` has resolved, which syncs it to disk.
 */
export class ArchiveWriter {
  private readonly zip = archiver('zip', { zlib: { level: 1 }, highWaterMark: MEBIBYTE });
  private readonly entriesHash = createHash('sha256');
  private readonly lines: string[] = [];
  private readonly sealed: SealingTransform;
  private readonly written: Promise<void>;
  private failure: unknown;
  private bytes = 0;

  constructor(
    file: string,
    private readonly codec: Codec = bestCodec(),
  ) {
    this.sealed = new SealingTransform();
    const sink = createWriteStream(file, { flags: 'wx', mode: 0o600, highWaterMark: MEBIBYTE, flush: true });
    this.written = pipeline(this.zip, this.sealed, sink);
    this.written.catch((error: unknown) => {
      this.failure ??= error;
    });
  }

  /** Bytes of the archive so far. */
  get bytesWritten(): number {
    return this.sealed.bytes;
  }

  /**
   * Adds one entry and resolves with its line in the list. Where the codec is zstd, '.zst' is appended to `name`. An error of
   * `source` is thrown unchanged and makes the archive unusable: call `abort`.
   */
  async add(name: string, source: Readable, options: AddOptions): Promise<ArchiveEntry> {
    const asZstd = options.compression === 'fast' && this.codec === 'zstd';
    const entryName = asZstd ? name + ZSTD_EXTENSION : name;
    const { bytes, sha256 } = await this.append(entryName, source, {
      store: asZstd || options.compression === 'store',
      encoders: asZstd ? [zstdCompressor()] : [],
      options,
    });
    const entry: ArchiveEntry = { name: entryName, bytes, sha256 };
    if (options.mtimeMs !== undefined) entry.mtimeMs = options.mtimeMs;
    if (options.mode !== undefined) entry.mode = options.mode;
    if (options.recorded !== undefined) entry.recorded = options.recorded;
    const line = `${JSON.stringify(entry)}\n`;
    this.lines.push(line);
    this.entriesHash.update(line);
    this.bytes += bytes;
    return entry;
  }

  /** Writes the list of entries and the manifest, seals the archive and syncs it. */
  async finish(manifest: ManifestWithoutEntries): Promise<{ bytes: number; sha256: string; manifest: Manifest }> {
    const whole: Manifest = {
      ...manifest,
      entries: { count: this.lines.length, bytes: this.bytes, sha256: this.entriesHash.digest('hex') },
    };
    const plain = { store: false, encoders: [], options: { compression: 'fast' as const } };
    await this.append(ENTRIES_ENTRY, Readable.from(this.lines, { objectMode: false }), plain);
    await this.append(MANIFEST_ENTRY, Readable.from([JSON.stringify(whole, null, 2)], { objectMode: false }), plain);
    await this.zip.finalize();
    await this.written;
    return { bytes: this.sealed.bytes, sha256: this.sealed.digest, manifest: whole };
  }

  /** Stops writing; the caller removes the file. */
  async abort(): Promise<void> {
    this.zip.abort();
    this.sealed.destroy();
    await this.written.catch(() => undefined);
  }

  private async append(
    name: string,
    source: Readable,
    how: { store: boolean; encoders: Transform[]; options: AddOptions },
  ): Promise<{ bytes: number; sha256: string }> {
    const hash = createHash('sha256');
    let bytes = 0;
    const counted = new Transform({
      highWaterMark: MEBIBYTE,
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        bytes += chunk.length;
        done(null, chunk);
      },
    });
    const entryDone = new Promise<void>((resolve, reject) => {
      const settle = (error?: unknown) => {
        this.zip.off('entry', onEntry);
        this.zip.off('error', settle);
        if (error) reject(error as Error);
        else resolve();
      };
      const onEntry = () => settle();
      this.zip.on('entry', onEntry);
      this.zip.on('error', settle);
      // A failing disk ends the pipeline behind the ZIP, which itself would wait forever.
      this.written.catch(settle);
    });
    this.zip.append(counted, {
      name,
      store: how.store,
      date: new Date(how.options.mtimeMs ?? Date.now()),
      mode: how.options.mode ?? 0o600,
    });
    try {
      await Promise.all([pipeline([source, ...how.encoders, counted]), entryDone]);
    } catch (error) {
      source.destroy();
      throw this.failure ?? error;
    }
    return { bytes, sha256: hash.digest('hex') };
  }
}

/** Passes the ZIP through and ends it with the seal in place of its empty comment. */
class SealingTransform extends Transform {
  bytes = 0;
  digest = '';
  private readonly hash: Hash = createHash('sha256');
  /** The last bytes seen: possibly the end record. */
  private held: Buffer = Buffer.alloc(0);

  constructor() {
    super({ highWaterMark: MEBIBYTE });
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (chunk.length >= END_RECORD_BYTES) {
      this.emitBytes(this.held);
      this.emitBytes(chunk.subarray(0, chunk.length - END_RECORD_BYTES));
      this.held = chunk.subarray(chunk.length - END_RECORD_BYTES);
    } else {
      const both = Buffer.concat([this.held, chunk]);
      const cut = Math.max(0, both.length - END_RECORD_BYTES);
      this.emitBytes(both.subarray(0, cut));
      this.held = both.subarray(cut);
    }
    done();
  }

  override _flush(done: (error?: Error) => void): void {
    const end = Buffer.from(this.held);
    if (end.length !== END_RECORD_BYTES || end.readUInt32LE(0) !== 0x06054b50 || end.readUInt16LE(20) !== 0) {
      done(new Error('the ZIP does not end with an end record without comment'));
      return;
    }
    end.writeUInt16LE(SEAL_TEXT.length + SEAL_DIGITS, 20);
    this.emitBytes(Buffer.concat([end, Buffer.from(SEAL_TEXT, 'ascii')]));
    this.emitBytes(Buffer.from(this.hash.copy().digest('hex'), 'ascii'));
    this.digest = this.hash.digest('hex');
    done();
  }

  private emitBytes(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.hash.update(bytes);
    this.bytes += bytes.length;
    this.push(bytes);
  }
}
