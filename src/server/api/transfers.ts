/** Upload and download of archives. */
import { type Readable } from 'node:stream';
import parseRange from 'range-parser';
import { z } from 'zod';
import { openLocalArchive } from '../../engine/archive/source';
import { notFound, SafekeepError } from '../../engine/errors';
import type { Safekeep } from '../safekeep';
import type { KeepUploadAnswer, UploadAppendAnswer, UploadFinishAnswer, UploadStartAnswer } from '../../shared/api';
import { busyWith } from '../runs/runs';
import { type Action, action, inputOf, parse, readAction } from './respond';

const startSchema = z.object({ fileName: z.string().max(255), bytes: z.number().int().positive() });
const appendSchema = z.object({ uploadId: z.string(), offset: z.coerce.number().int().min(0) });
const finishSchema = z.object({ uploadId: z.string(), sha256: z.string().length(64).optional() });
const abortSchema = z.object({ uploadId: z.string() });
const downloadSchema = z.object({ ticket: z.string() });

export const transferActions: Record<string, Action> = {
  uploadStart: action(async ({ safekeep, ctx }): Promise<UploadStartAnswer> => {
    const { fileName, bytes } = parse(startSchema, inputOf(ctx));
    return await safekeep.uploads.start(fileName, bytes);
  }),

  uploadAppend: action(async ({ safekeep, ctx }): Promise<UploadAppendAnswer> => {
    const { uploadId, offset } = parse(appendSchema, ctx.action.params);
    return { received: await safekeep.uploads.append(uploadId, offset, ctx.req) };
  }),

  uploadFinish: action(async ({ safekeep, ctx }): Promise<UploadFinishAnswer> => {
    const { uploadId, sha256 } = parse(finishSchema, inputOf(ctx));
    return { uploadId, manifest: await safekeep.uploads.finish(uploadId, sha256) };
  }),

  uploadAbort: action(async ({ safekeep, ctx }) => {
    const { uploadId } = parse(abortSchema, inputOf(ctx));
    refuseWhileUsed(safekeep, uploadId);
    await safekeep.uploads.remove(uploadId);
    return { uploadId };
  }),

  /** Moves an uploaded archive into the list. */
  keepUpload: action(async ({ safekeep, ctx }): Promise<KeepUploadAnswer> => {
    const { uploadId } = parse(abortSchema, inputOf(ctx));
    refuseWhileUsed(safekeep, uploadId);
    const reader = await safekeep.uploads.open(uploadId);
    const { manifest } = reader;
    await reader.close();
    await safekeep.catalog.adopt(await safekeep.uploads.archivePath(uploadId), manifest);
    await safekeep.uploads.remove(uploadId);
    return { name: manifest.name };
  }),

  /** Streams an archive for a ticket; supports one byte range. */
  download: readAction(async ({ safekeep, ctx }) => {
    const { ticket } = parse(downloadSchema, ctx.action.params);
    const name = await safekeep.tickets.check(ticket, Date.now());
    if (name === null) throw new SafekeepError('TICKET_INVALID');
    const stored = await safekeep.destination.get(name);
    if (!stored) throw notFound('backup', name);
    const source = await openLocalArchive(safekeep.destination.archivePath(name));
    // A resumed download must continue with the same bytes.
    const etag = `"${stored.sidecar?.sha256 ?? stored.bytes}"`;
    const ifRange = ctx.get('If-Range');
    const wanted = ifRange === '' || ifRange === etag ? ctx.get('Range') : '';
    const range = wanted ? parseRange(source.size, wanted) : undefined;
    ctx.withoutDataWrapping = true;
    ctx.attachment(`${name}.safekeep.zip`);
    ctx.type = 'application/zip';
    ctx.set('Accept-Ranges', 'bytes');
    ctx.set('ETag', etag);
    ctx.set('Cache-Control', 'no-store');
    ctx.set('X-Content-Type-Options', 'nosniff');
    if (range === -1) {
      await source.close();
      ctx.status = 416;
      ctx.set('Content-Range', `bytes */${source.size}`);
      return '';
    }
    const one = Array.isArray(range) && range.type === 'bytes' && range.length === 1 ? range[0] : undefined;
    const { start, end } = one ?? { start: 0, end: source.size - 1 };
    if (one) {
      ctx.status = 206;
      ctx.set('Content-Range', `bytes ${start}-${end}/${source.size}`);
    }
    ctx.length = end - start + 1;
    const stream: Readable = source.read(start, end + 1);
    stream.once('close', () => void source.close());
    return stream;
  }),
};

/** @throws BUSY while a run reads the upload */
function refuseWhileUsed({ runs }: Safekeep, uploadId: string): void {
  const active = runs.active?.record;
  if (active?.uploadId === uploadId) throw busyWith(active);
}
