import type { UploadFinishAnswer } from '../../shared/api';
import type { Api } from '../api/api';
import { Failure, toFailure } from '../api/failure';

/** Small enough that a slow line finishes one within the server's five minutes for a request. */
const CHUNK_BYTES = 8 * 1024 * 1024;
const PAUSE_MS = 3000;

export type Uploads = Pick<Api['uploads'], 'start' | 'append' | 'finish'>;

export interface SendEvents {
  onStart(uploadId: string): void;
  onProgress(sentBytes: number): void;
  /** The server is unavailable; sending continues by itself. */
  onPause(): void;
  /** All bytes have arrived; the server opens the archive. */
  onCheck(): void;
}

/**
 * Sends a file in chunks and resolves with what the server found in it. While the server is unavailable it waits and continues
 * from the byte the server has. Rejects with a Failure: the server's, or ABORTED.
 */
export async function sendFile(
  file: Blob & { name: string },
  uploads: Uploads,
  signal: AbortSignal,
  events: SendEvents,
): Promise<UploadFinishAnswer> {
  const patiently = async <T>(ask: () => Promise<T>): Promise<T> => {
    for (;;) {
      if (signal.aborted) throw new Failure('ABORTED', '', '', 0);
      try {
        return await ask();
      } catch (error) {
        if (signal.aborted || !toFailure(error).isUnavailable) throw error;
        events.onPause();
        await rest(PAUSE_MS, signal);
      }
    }
  };

  const { uploadId, maxChunkBytes, received } = await patiently(() =>
    uploads.start({ fileName: file.name, bytes: file.size }),
  );
  events.onStart(uploadId);
  const chunkBytes = Math.min(maxChunkBytes, CHUNK_BYTES);

  let offset = received;
  while (offset < file.size) {
    const from = offset;
    const chunk = file.slice(from, from + chunkBytes);
    offset = await patiently(() =>
      uploads
        .append(uploadId, from, chunk, signal, (bytes) => events.onProgress(from + Math.min(bytes, chunk.size)))
        .then((answer) => answer.received, whereToGoOn),
    );
    events.onProgress(offset);
  }

  events.onCheck();
  return patiently(() => uploads.finish(uploadId));
}

/**
 * A chunk whose answer was lost may have arrived: the server then refuses its repetition and returns the byte it expects.
 * Any other failure is thrown.
 */
function whereToGoOn(error: unknown): number {
  const failure = toFailure(error);
  const expected = failure.params.expected;
  if (failure.code === 'UPLOAD_OUT_OF_ORDER' && typeof expected === 'number') return expected;
  throw failure;
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      window.removeEventListener('online', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    window.addEventListener('online', done);
  });
}
