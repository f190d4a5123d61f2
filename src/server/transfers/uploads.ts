/** Archives that a browser uploads in chunks. Untrusted until opened and checked. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { syncFile, writeFileAtomically } from '../../engine/atomic-file';
import { ArchiveReader } from '../../engine/archive/reader';
import { openLocalArchive } from '../../engine/archive/source';
import { readableBytes } from '../../engine/bytes';
import { notFound, SafekeepError } from '../../engine/errors';
import type { UploadStartAnswer } from '../../shared/api';
import type { Manifest } from '../../shared/manifest';
import { randomLetters } from '../names';

export const MAX_CHUNK_BYTES = 8 << 20;
const KEEP_ABANDONED_MS = 24 * 3600_000;
const SPARE_BYTES = 64 << 20;

const infoSchema = z.object({ fileName: z.string(), bytes: z.number().int().positive(), complete: z.boolean() });
type UploadInfo = z.infer<typeof infoSchema>;
const uploadIdSchema = z.string().regex(/^[a-z]{20}$/);

export class UploadStore {
  /** Uploads that a request is writing to. */
  private readonly writing = new Set<string>();

  constructor(private readonly folder: string) {}

  async prepare(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
  }

  /** @throws NO_SPACE */
  async start(fileName: string, bytes: number): Promise<UploadStartAnswer> {
    if ((await this.freeBytes()) < bytes + SPARE_BYTES) throw await this.noSpace(bytes);
    const uploadId = randomLetters(20);
    await writeFileAtomically(this.infoFile(uploadId), JSON.stringify({ fileName, bytes, complete: false }));
    await writeFile(this.dataFile(uploadId), '', { flag: 'wx', mode: 0o600 });
    return { uploadId, maxChunkBytes: MAX_CHUNK_BYTES, received: 0 };
  }

  /**
   * Appends a chunk that starts where the last one ended. Of an interrupted chunk the received bytes stay.
   * @throws NOT_FOUND, UPLOAD_OUT_OF_ORDER, UPLOAD_TOO_LARGE, NO_SPACE
   */
  async append(uploadId: string, offset: number, chunk: Readable): Promise<number> {
    const info = await this.info(uploadId);
    const isAlone = !this.writing.has(uploadId);
    this.writing.add(uploadId);
    try {
      const expected = await this.received(uploadId);
      if (offset !== expected || !isAlone) throw new SafekeepError('UPLOAD_OUT_OF_ORDER', { offset, expected });
      const sink = createWriteStream(this.dataFile(uploadId), { flags: 'a' });
      await pipeline(this.limited(chunk, info, expected), sink);
    } catch (error) {
      // The rest of a refused request is read and dropped, so that its connection stays usable.
      chunk.on('data', () => undefined);
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      throw await this.noSpace(info.bytes - offset, error);
    } finally {
      if (isAlone) this.writing.delete(uploadId);
    }
    return await this.received(uploadId);
  }

  /** The bytes of a chunk, up to the limits. A refused request stays open, so that its answer arrives. */
  private async *limited(chunk: Readable, info: UploadInfo, received: number): AsyncGenerator<Buffer> {
    let arrived = 0;
    for await (const part of chunk.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      arrived += part.length;
      if (received + arrived > info.bytes) throw new SafekeepError('UPLOAD_TOO_LARGE', { bytes: info.bytes });
      if (arrived > MAX_CHUNK_BYTES)
        throw new SafekeepError('BAD_REQUEST', { detail: { text: 'the chunk is too large' } });
      yield part;
    }
  }

  /**
   * Opens the archive and verifies its checksum. An invalid archive is removed.
   * @throws UPLOAD_INCOMPLETE, UPLOAD_DAMAGED, and the errors of ArchiveReader.open and checkSeal
   */
  async finish(uploadId: string, sha256: string | undefined): Promise<Manifest> {
    const info = await this.info(uploadId);
    const received = await this.received(uploadId);
    if (received !== info.bytes) throw new SafekeepError('UPLOAD_INCOMPLETE', { received, bytes: info.bytes });
    try {
      await syncFile(this.dataFile(uploadId));
      if (sha256 !== undefined && (await this.sha256Of(uploadId)) !== sha256.toLowerCase()) {
        throw new SafekeepError('UPLOAD_DAMAGED');
      }
      const reader = await ArchiveReader.open(await openLocalArchive(this.dataFile(uploadId)));
      try {
        await reader.entries();
        await reader.checkSeal(new AbortController().signal, () => undefined);
        const complete: UploadInfo = { ...info, complete: true };
        await writeFileAtomically(this.infoFile(uploadId), JSON.stringify(complete));
        return reader.manifest;
      } finally {
        await reader.close();
      }
    } catch (error) {
      await this.remove(uploadId);
      throw error;
    }
  }

  /** Path of a finished upload. @throws NOT_FOUND, UPLOAD_INCOMPLETE */
  async archivePath(uploadId: string): Promise<string> {
    const info = await this.info(uploadId);
    if (!info.complete) {
      throw new SafekeepError('UPLOAD_INCOMPLETE', { received: await this.received(uploadId), bytes: info.bytes });
    }
    return this.dataFile(uploadId);
  }

  /** @throws NOT_FOUND, UPLOAD_INCOMPLETE, and the errors of ArchiveReader.open */
  async open(uploadId: string): Promise<ArchiveReader> {
    return await ArchiveReader.open(await openLocalArchive(await this.archivePath(uploadId)));
  }

  /** Name of the uploaded file, as the client sent it. @throws NOT_FOUND */
  async fileName(uploadId: string): Promise<string> {
    return (await this.info(uploadId)).fileName;
  }

  async remove(uploadId: string): Promise<void> {
    await rm(this.dataFile(uploadId), { force: true });
    await rm(this.infoFile(uploadId), { force: true });
  }

  /** Removes uploads whose files were not touched for a day; returns the names of the files. */
  async removeAbandoned(now: number): Promise<string[]> {
    const files = await readdir(this.folder);
    const touched = new Map<string, number>();
    for (const file of files) {
      const stats = await stat(path.join(this.folder, file)).catch(() => null);
      touched.set(uploadOf(file), Math.max(touched.get(uploadOf(file)) ?? 0, stats?.mtimeMs ?? 0));
    }
    const abandoned = files.filter((file) => now - (touched.get(uploadOf(file)) ?? 0) >= KEEP_ABANDONED_MS);
    for (const file of abandoned) await rm(path.join(this.folder, file), { force: true });
    return abandoned;
  }

  /** Bytes received so far. @throws NOT_FOUND */
  async received(uploadId: string): Promise<number> {
    return (await stat(this.dataFile(uploadId)).catch(() => this.unknown(uploadId))).size;
  }

  private async info(uploadId: string): Promise<UploadInfo> {
    const text = await readFile(this.infoFile(uploadId), 'utf8').catch(() => this.unknown(uploadId));
    return infoSchema.parse(JSON.parse(text));
  }

  private async sha256Of(uploadId: string): Promise<string> {
    const hash = createHash('sha256');
    await pipeline(createReadStream(this.dataFile(uploadId), { highWaterMark: 1 << 20 }), hash);
    return hash.digest('hex');
  }

  private async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.folder);
    return bavail * bsize;
  }

  private async noSpace(neededBytes: number, cause?: unknown): Promise<SafekeepError> {
    const [needed, free] = [readableBytes(neededBytes), readableBytes(await this.freeBytes())];
    return new SafekeepError('NO_SPACE', { folder: this.folder, needed, free }, { cause });
  }

  private unknown(uploadId: string): never {
    throw notFound('upload', uploadId);
  }

  private dataFile(uploadId: string): string {
    return this.fileOf(uploadId, '.part');
  }

  private infoFile(uploadId: string): string {
    return this.fileOf(uploadId, '.json');
  }

  private fileOf(uploadId: string, extension: string): string {
    if (!uploadIdSchema.safeParse(uploadId).success) this.unknown(uploadId);
    return path.join(this.folder, uploadId + extension);
  }
}

/** The upload id in a file name. */
function uploadOf(file: string): string {
  return file.replace(/\..*$/, '');
}
