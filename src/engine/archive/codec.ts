/** Compression of the database dump: zstd where the runtime has it, otherwise the ZIP container's own fast deflate. */
import { Decompress } from 'fzstd';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { SafekeepError } from '../errors';
import { ZSTD_EXTENSION } from './format';

/** Added to node:zlib by Node 22.15; Node 20 and its type declarations lack it. */
interface ZstdZlib {
  createZstdCompress?(options: { params: Record<number, number | boolean> }): Transform;
  createZstdDecompress?(): Transform;
  constants: { ZSTD_c_compressionLevel?: number; ZSTD_c_checksumFlag?: number };
}
const zstd = zlib as unknown as ZstdZlib;

export type Codec = 'zstd' | 'deflate';

export function bestCodec(): Codec {
  return zstd.createZstdCompress ? 'zstd' : 'deflate';
}

export function zstdCompressor(): Transform {
  const { createZstdCompress, constants } = zstd;
  if (!createZstdCompress || constants.ZSTD_c_compressionLevel === undefined) {
    throw new SafekeepError('INTERNAL', { detail: { text: 'this version of Node.js has no zstd' } });
  }
  return createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag ?? 201]: 1 },
  });
}

/** Decodes the bytes of an entry by its extension. Errors of the input and of the codec destroy the returned stream. */
export function decode(entryName: string, raw: Readable): Readable {
  if (!entryName.endsWith(ZSTD_EXTENSION)) return raw;
  const decoder = zstd.createZstdDecompress?.() ?? portableZstdDecoder();
  // An error here surfaces as the error of the decoder.
  pipeline(raw, decoder).catch(() => undefined);
  return Readable.from(decodedChunks(decoder), { objectMode: false, highWaterMark: 1 << 20 });
}

async function* decodedChunks(decoder: Transform): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of decoder) yield chunk as Buffer;
  } catch (cause) {
    throw cause instanceof SafekeepError ? cause : unreadable(cause);
  }
}

function unreadable(cause: unknown): SafekeepError {
  return new SafekeepError('ARCHIVE_DAMAGED', { detail: { text: 'the compressed dump cannot be read' } }, { cause });
}

/** zstd for a Node.js without it: a backup made on Node 22 can be restored on Node 20. */
export function portableZstdDecoder(): Transform {
  const decoder = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        decompress.push(chunk);
        done();
      } catch (cause) {
        done(unreadable(cause));
      }
    },
  });
  const decompress = new Decompress((chunk) => void decoder.push(Buffer.from(chunk)));
  return decoder;
}
