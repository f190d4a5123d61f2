/** Archives on their way in and out. */
import { type Readable } from 'node:stream';
import parseRange from 'range-parser';
import { z } from 'zod';
import { openLocalArchive } from '../../engine/archive/source';
import { SafekeepError } from '../../engine/errors';
import type { UploadAppendAnswer, UploadFinishAnswer, UploadStartAnswer } from '../../shared/api';
import { type Action, action, inputOf, parse } from './respond';

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
    const active = safekeep.active?.record;
    if (active?.uploadId === uploadId) {
      throw new SafekeepError('BUSY', { kind: active.kind, startedAt: active.startedAt });
    }
    await safekeep.uploads.remove(uploadId);
    return { uploadId };
  }),

  /** Streams an archive for a one-time ticket; understands one byte range. */
  download: action(async ({ safekeep, ctx }) => {
    const { ticket } = parse(downloadSchema, ctx.action.params);
    const name = safekeep.tickets.redeem(ticket, Date.now());
    if (name === null) throw new SafekeepError('TICKET_INVALID');
    if (!(await safekeep.destination.get(name))) throw new SafekeepError('NOT_FOUND', { what: 'backup', name });
    const source = await openLocalArchive(safekeep.destination.archivePath(name));
    const range = ctx.req.headers.range ? parseRange(source.size, ctx.req.headers.range) : undefined;
    ctx.withoutDataWrapping = true;
    ctx.attachment(`${name}.safekeep.zip`);
    ctx.type = 'application/zip';
    ctx.set('Accept-Ranges', 'bytes');
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
