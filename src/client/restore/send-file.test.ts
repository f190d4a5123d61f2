// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { UploadFinishAnswer } from '../../shared/api';
import { Failure } from '../api/failure';
import { aManifest } from '../testing/fixtures';
import { sendFile, type SendEvents, type Uploads } from './send-file';

const NETWORK = new Failure('NETWORK', '', '', 0);
const finished: UploadFinishAnswer = { uploadId: 'u', manifest: aManifest() };

/** A server that keeps what arrives; `troubles` are thrown by the next appends, one each. */
function server(maxChunkBytes: number) {
  const appended: { offset: number; bytes: number }[] = [];
  const troubles: (Failure | null)[] = [];
  let received = 0;
  const uploads: Uploads = {
    start: async () => ({ uploadId: 'u', maxChunkBytes, received: 0 }),
    append: async (_id, offset, chunk) => {
      appended.push({ offset, bytes: chunk.size });
      const trouble = troubles.shift();
      if (trouble) throw trouble;
      if (offset !== received) throw new Failure('UPLOAD_OUT_OF_ORDER', '', '', 409, { offset, expected: received });
      received += chunk.size;
      return { received };
    },
    finish: async () => finished,
  };
  return { uploads, appended, troubles, arrive: (bytes: number) => (received += bytes) };
}

const file = (bytes: number) => Object.assign(new Blob([new Uint8Array(bytes)]), { name: 'a.safekeep.zip' });

function events(): SendEvents & { log: string[] } {
  const log: string[] = [];
  return {
    log,
    onStart: () => log.push('start'),
    onProgress: (bytes) => log.push(`sent ${bytes}`),
    onPause: () => log.push('pause'),
    onCheck: () => log.push('check'),
  };
}

describe('sending a file', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    return () => vi.useRealTimers();
  });

  it('goes in chunks that follow each other, then lets the server check', async () => {
    const { uploads, appended } = server(40);
    const heard = events();
    expect(await sendFile(file(100), uploads, new AbortController().signal, heard)).toBe(finished);
    expect(appended).toEqual([
      { offset: 0, bytes: 40 },
      { offset: 40, bytes: 40 },
      { offset: 80, bytes: 20 },
    ]);
    expect(heard.log).toEqual(['start', 'sent 40', 'sent 80', 'sent 100', 'check']);
  });

  it('pauses while the network is down and continues with the same chunk', async () => {
    const { uploads, appended, troubles } = server(40);
    troubles.push(null, NETWORK, NETWORK);
    const heard = events();
    const sending = sendFile(file(100), uploads, new AbortController().signal, heard);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await sending).toBe(finished);
    expect(appended.map(({ offset }) => offset)).toEqual([0, 40, 40, 40, 80]);
    expect(heard.log.filter((line) => line === 'pause')).toHaveLength(2);
  });

  it('continues from the byte the server has when only the answer was lost', async () => {
    const { uploads, appended, troubles, arrive } = server(40);
    troubles.push(null, NETWORK);
    const sending = sendFile(file(100), uploads, new AbortController().signal, events());
    await vi.advanceTimersByTimeAsync(100);
    arrive(25); // Part of the chunk came through before the line broke.
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await sending).toBe(finished);
    expect(appended.map(({ offset }) => offset)).toEqual([0, 40, 40, 65]);
  });

  it('continues at once when the browser is online again', async () => {
    const { uploads, troubles } = server(100);
    troubles.push(NETWORK);
    const sending = sendFile(file(100), uploads, new AbortController().signal, events());
    await vi.advanceTimersByTimeAsync(1);
    window.dispatchEvent(new Event('online'));
    await vi.advanceTimersByTimeAsync(1);
    expect(await sending).toBe(finished);
  });

  it('ends with any other refusal', async () => {
    const { uploads, troubles } = server(40);
    troubles.push(new Failure('NO_SPACE', 'full', '', 507));
    await expect(sendFile(file(100), uploads, new AbortController().signal, events())).rejects.toMatchObject({
      code: 'NO_SPACE',
    });
  });

  it('can be stopped while it is paused', async () => {
    const { uploads, troubles } = server(40);
    troubles.push(NETWORK);
    const stop = new AbortController();
    const sending = sendFile(file(100), uploads, stop.signal, events());
    sending.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(1);
    stop.abort();
    await expect(sending).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
