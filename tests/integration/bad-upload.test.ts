import { readdirSync, unlinkSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { housekeep } from '../../src/server/runs/previous';
import { Safekeep } from '../../src/server/safekeep';
import { expectRefusal, type Scene, startScene } from '../support/bad-day';
import { append, download, makeBackup, sendChunks, sha256 } from '../support/safekeep';

let scene: Scene;
let archive: Buffer;

beforeAll(async () => {
  scene = await startScene();
  archive = await download(scene.root, (await makeBackup(scene.root)).name);
  await scene.remember();
});
afterEach(async () => {
  try {
    await scene.expectUntouched();
  } finally {
    for (const file of readdirSync(uploadsFolder())) unlinkSync(path.join(uploadsFolder(), file));
  }
});
afterAll(async () => await scene?.host.stop());

const uploadsFolder = () => path.join(scene.host.storage, 'safekeep/main/uploads');

async function begin(bytes = archive.length): Promise<string> {
  const body = { fileName: 'from elsewhere.safekeep.zip', bytes };
  return (await scene.root.get('safekeepBackups:uploadStart', { body })).uploadId;
}

async function finish(uploadId: string, more: object = {}) {
  return await scene.root.call('safekeepBackups:uploadFinish', { body: { uploadId, ...more } });
}

async function abort(uploadId: string) {
  await scene.root.get('safekeepBackups:uploadAbort', { body: { uploadId } });
}

describe('a chunk', () => {
  it('that skips bytes is refused, and the error names the byte to continue from', async () => {
    const uploadId = await begin();
    const early = expectRefusal(
      await append(scene.root, uploadId, 10, archive.subarray(10, 20)),
      409,
      'UPLOAD_OUT_OF_ORDER',
    );
    expect(early.message).toMatch(/byte 10\b.*byte 0\b/);
    expect((await append(scene.root, uploadId, 0, archive.subarray(0, 10))).body.data).toEqual({ received: 10 });
    expectRefusal(await append(scene.root, uploadId, 11, archive.subarray(11, 20)), 409, 'UPLOAD_OUT_OF_ORDER');
    await abort(uploadId);
  });

  it('that was already sent is refused, and the upload continues normally', async () => {
    const uploadId = await begin();
    const half = Math.floor(archive.length / 2);
    await append(scene.root, uploadId, 0, archive.subarray(0, half));
    const again = expectRefusal(
      await append(scene.root, uploadId, 0, archive.subarray(0, half)),
      409,
      'UPLOAD_OUT_OF_ORDER',
    );
    expect(again.hint).toContain(String(half));
    await append(scene.root, uploadId, half, archive.subarray(half));
    expect((await finish(uploadId, { sha256: sha256(archive) })).status).toBe(200);
    await abort(uploadId);
  });

  it('that is sent twice at the same time is stored once', async () => {
    const uploadId = await begin();
    const both = await Promise.all([
      append(scene.root, uploadId, 0, archive),
      append(scene.root, uploadId, 0, archive),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect((await finish(uploadId, { sha256: sha256(archive) })).status).toBe(200);
    await abort(uploadId);
  });

  it('that exceeds the announced size is refused, and the connection stays open', async () => {
    const uploadId = await begin(1000);
    expectRefusal(await append(scene.root, uploadId, 0, archive), 413, 'UPLOAD_TOO_LARGE');
    await abort(uploadId);
  });

  it('that exceeds the maximum size of a chunk is refused', async () => {
    const uploadId = await begin(64 << 20);
    expectRefusal(await append(scene.root, uploadId, 0, Buffer.alloc(9 << 20)), 400, 'BAD_REQUEST');
    await abort(uploadId);
  });

  it('for an upload that does not exist is refused', async () => {
    expectRefusal(await append(scene.root, 'abcdefghijklmnopqrst', 0, archive), 404, 'NOT_FOUND');
  });

  it('with an invalid offset is refused', async () => {
    const uploadId = await begin();
    for (const offset of [-1, 1.5, NaN]) {
      expectRefusal(await append(scene.root, uploadId, offset, archive), 400, 'BAD_REQUEST');
    }
    await abort(uploadId);
  });
});

describe('an upload', () => {
  it.each([
    ['no size', { fileName: 'a.zip' }],
    ['an empty file', { fileName: 'a.zip', bytes: 0 }],
    ['a negative size', { fileName: 'a.zip', bytes: -1 }],
    ['half a byte', { fileName: 'a.zip', bytes: 1.5 }],
    ['a text for a size', { fileName: 'a.zip', bytes: 'many' }],
    ['no name', { bytes: 10 }],
    ['an endless name', { fileName: 'a'.repeat(5000), bytes: 10 }],
  ])('of %s is refused', async (_what, body) => {
    expectRefusal(await scene.root.call('safekeepBackups:uploadStart', { body }), 400, 'BAD_REQUEST');
  });

  it('larger than the disk is refused before a byte is sent', async () => {
    const body = { fileName: 'a.zip', bytes: 1e15 };
    const { message } = expectRefusal(await scene.root.call('safekeepBackups:uploadStart', { body }), 507, 'NO_SPACE');
    expect(message).toContain('1000.0 TB needed');
  });

  it('cannot be finished, inspected or restored before its last byte has arrived', async () => {
    const uploadId = await begin();
    await append(scene.root, uploadId, 0, archive.subarray(0, -1));
    const { hint } = expectRefusal(await finish(uploadId), 409, 'UPLOAD_INCOMPLETE');
    expect(hint).toContain(String(archive.length - 1));
    for (const action of ['inspect', 'restore']) {
      const reply = await scene.root.call(`safekeepBackups:${action}`, { body: { uploadId } });
      expectRefusal(reply, 409, 'UPLOAD_INCOMPLETE');
    }
    expect((await append(scene.root, uploadId, archive.length - 1, archive.subarray(-1))).status).toBe(200);
    expectRefusal(await scene.root.call('safekeepBackups:inspect', { body: { uploadId } }), 409, 'UPLOAD_INCOMPLETE');
    expect((await finish(uploadId)).status).toBe(200);
    await abort(uploadId);
  });

  it('with a wrong checksum is refused and deleted', async () => {
    const uploadId = await sendChunks(scene.root, archive, 100_000);
    expectRefusal(await finish(uploadId, { sha256: sha256(Buffer.from('else')) }), 422, 'UPLOAD_DAMAGED');
    expectRefusal(await finish(uploadId), 404, 'NOT_FOUND');
  });

  it('that was aborted is deleted, and aborting it again does no harm', async () => {
    const uploadId = await sendChunks(scene.root, archive);
    await abort(uploadId);
    expect(readdirSync(uploadsFolder())).toEqual([]);
    await abort(uploadId);
    expectRefusal(await scene.root.call('safekeepBackups:inspect', { body: { uploadId } }), 404, 'NOT_FOUND');
  });
});

describe('an abandoned upload', () => {
  const HOUR_MS = 3600_000;

  /** As if the files of this kind had last been touched so long ago. */
  function age(uploadId: string, extension: string, hours: number): void {
    const file = path.join(uploadsFolder(), uploadId + extension);
    const at = new Date(Date.now() - hours * HOUR_MS);
    utimesSync(file, at, at);
  }

  it('is cleaned up after a day without a chunk', async () => {
    const uploadId = await begin();
    await append(scene.root, uploadId, 0, archive.subarray(0, 100));
    age(uploadId, '.part', 25);
    age(uploadId, '.json', 25);
    await housekeep(Safekeep.of(scene.host.app), new Date());
    expect(readdirSync(uploadsFolder())).toEqual([]);
    expectRefusal(await append(scene.root, uploadId, 100, archive.subarray(100)), 404, 'NOT_FOUND');
  });

  it('is not one that began long ago and is still in progress', async () => {
    const uploadId = await begin();
    age(uploadId, '.part', 30);
    age(uploadId, '.json', 30);
    await append(scene.root, uploadId, 0, archive.subarray(0, 100));
    await housekeep(Safekeep.of(scene.host.app), new Date());
    expect((await append(scene.root, uploadId, 100, archive.subarray(100))).status).toBe(200);
    expect((await finish(uploadId)).status).toBe(200);
    await abort(uploadId);
  });
});
