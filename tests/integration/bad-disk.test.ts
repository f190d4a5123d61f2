import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CHECK_NAMES } from '../../src/shared/names';
import type { InspectAnswer } from '../../src/shared/api';
import { altered } from '../support/altered-archive';
import { expectFailed, expectRefusal, runToEnd, type Scene, startScene, tryUpload } from '../support/bad-day';
import { removeFolder, temporaryFolder } from '../support/child';
import { BEHAVIOURS, fakeTools } from '../support/fake-tools';
import { append, endOfRun, makeBackup } from '../support/safekeep';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk';

const MEBIBYTE = 1 << 20;

// Only root may mount; CI is root, and nothing may skip there.
const mayMount = process.getuid?.() === 0;

let scene: Scene;
let storage: string;
let disk: SmallDisk;

beforeEach(() => {
  storage = temporaryFolder('small');
});
afterEach(async () => {
  disk.clear();
  await scene?.host.stop();
  disk.unmount();
  removeFolder(storage);
});

/** Mounts a small disk in the storage folder before the app starts. */
function mount(folder: string, bytes: number): void {
  disk = mountSmallDisk(path.join(storage, folder), bytes);
}

describe.runIf(mayMount)('with no space where the backups lie', () => {
  it('a backup is refused by its estimate before anything is written', async () => {
    mount('safekeep/main/backups', 10 * MEBIBYTE);
    scene = await startScene({ storage });
    await scene.remember();
    const run = await runToEnd(scene.root, 'safekeepBackups:create', {});
    expect(run.step).toBe('prepare');
    const { message } = expectFailed(run, 'NO_SPACE');
    expect(message).toContain(scene.backups);
    expect(message).toMatch(/[\d.]+ MB needed, 10\.5 MB free/);
    await scene.expectUntouched();
    expect(readdirSync(scene.backups)).toEqual([]);
  });

  it('a backup that grows beyond its estimate fails, leaves nothing, and the next one succeeds', async () => {
    mount('safekeep/main/backups', 40 * MEBIBYTE);
    scene = await startScene({ storage, database: 'postgres' });
    await scene.remember();
    const tools = fakeTools('postgres', { dump: BEHAVIOURS.printsNoise });
    const run = await runToEnd(scene.root, 'safekeepBackups:create', {}).finally(() => tools.remove());
    expect(run.step).toBe('database');
    expect(expectFailed(run, 'NO_SPACE').message).toContain(scene.backups);
    await scene.expectUntouched();
    expect(readdirSync(scene.backups)).toEqual([]);
    const { name } = await makeBackup(scene.root);
    expect(readdirSync(scene.backups)).toHaveLength(2);
    expect(await runToEnd(scene.root, 'safekeepBackups:verify', { name })).toMatchObject({ status: 'succeeded' });
  });
});

describe.runIf(mayMount)('without space next to the database file', () => {
  beforeEach(async () => {
    mount('db', 32 * MEBIBYTE);
    scene = await startScene({ storage });
  });

  it('a backup fails, leaves nothing, and the app keeps running', async () => {
    await scene.remember();
    disk.fill(MEBIBYTE / 4);
    const run = await runToEnd(scene.root, 'safekeepBackups:create', {});
    expect(expectFailed(run, 'NO_SPACE').message).toContain(path.join(storage, 'db'));
    await scene.expectUntouched();
    expect(readdirSync(scene.backups)).toEqual([]);
  });

  it('a restore fails before the switchover and leaves nothing', async () => {
    const { name } = await makeBackup(scene.root);
    await scene.remember();
    disk.fill(MEBIBYTE / 4);
    const reply = await scene.root.call('safekeepBackups:restore', { body: { name } });
    if (reply.status === 409) {
      expect(expectRefusal(reply, 409, 'INCOMPATIBLE').message).toContain(CHECK_NAMES.freeSpace);
    } else {
      const run = await endOfRun(scene.root, reply.body.data.runId);
      expect(expectFailed(run, 'NO_SPACE').message).toContain(path.join(storage, 'db'));
    }
    await scene.expectUntouched();
    disk.clear();
    expect(await runToEnd(scene.root, 'safekeepBackups:restore', { name })).toMatchObject({ status: 'succeeded' });
  });
});

describe.runIf(mayMount)('with no space where the uploaded files lie, on a disk of their own', () => {
  let name: string;
  beforeEach(async () => {
    mount('uploads', 12 * MEBIBYTE);
    scene = await startScene({ storage });
    writeFileSync(path.join(scene.uploads, 'large.bin'), Buffer.alloc(3 * MEBIBYTE, 'large'));
    ({ name } = await makeBackup(scene.root));
  });

  it('a restore is refused by the size in the manifest', async () => {
    disk.fill(2 * MEBIBYTE);
    await scene.remember();
    const { checks }: InspectAnswer = await scene.root.get('safekeepBackups:inspect', { body: { name } });
    expect(checks.find(({ code }) => code === 'freeSpace')).toMatchObject({ status: 'blocking' });
    const reply = await scene.root.call('safekeepBackups:restore', { body: { name } });
    expect(expectRefusal(reply, 409, 'INCOMPATIBLE').message).toMatch(/Free disk space.*3\.2 MB needed.*2\.1 MB free/);
    await scene.expectUntouched();
  });

  it('a restore that needs more than the manifest states fails and leaves nothing', async () => {
    const bytes = await altered(readFileSync(path.join(scene.backups, `${name}.safekeep.zip`)), {
      manifest: ({ files }) => files?.roots.forEach((root) => (root.bytes = 1)),
    });
    const { uploadId } = await tryUpload(scene.root, bytes);
    disk.fill(2 * MEBIBYTE);
    await scene.remember();
    const run = await runToEnd(scene.root, 'safekeepBackups:restore', { uploadId });
    expect(run.step).toBe('stageFiles');
    expect(expectFailed(run, 'NO_SPACE').message).toContain(scene.uploads);
    await scene.root.get('safekeepBackups:uploadAbort', { body: { uploadId } });
    await scene.expectUntouched();
  });

  it('a restore moves the files one by one, as the folder itself cannot be renamed', async () => {
    await scene.remember();
    rmSync(path.join(scene.uploads, 'large.bin'));
    writeFileSync(path.join(scene.uploads, 'newer.txt'), 'newer');
    renameSync(path.join(scene.uploads, 'deep'), path.join(scene.uploads, 'deeper'));
    const run = await runToEnd(scene.root, 'safekeepBackups:restore', { name });
    expect(run).toMatchObject({ status: 'succeeded', error: null });
    await scene.forgetPrevious();
    await scene.expectUntouched();
  });
});

describe.runIf(mayMount)('with no space where uploads arrive', () => {
  beforeEach(async () => {
    mount('safekeep/main/uploads', 68 * MEBIBYTE);
    scene = await startScene({ storage });
    await scene.remember();
  });

  it('an upload that does not fit is refused before a byte is sent', async () => {
    const body = { fileName: 'a.zip', bytes: 30 * MEBIBYTE };
    const { message } = expectRefusal(await scene.root.call('safekeepBackups:uploadStart', { body }), 507, 'NO_SPACE');
    expect(message).toMatch(/31\.5 MB needed, 71\.\d MB free/);
    await scene.expectUntouched();
  });

  it('an upload to a full disk fails with the reason, and continues once there is space', async () => {
    const bytes = Buffer.alloc(2 * MEBIBYTE, 'chunk');
    const body = { fileName: 'a.zip', bytes: bytes.length };
    const { uploadId } = await scene.root.get('safekeepBackups:uploadStart', { body });
    const data = path.join(storage, `safekeep/main/uploads/${uploadId}.part`);
    mkdirSync(path.dirname(data), { recursive: true });
    disk.fill(MEBIBYTE / 2);
    const { message } = expectRefusal(await append(scene.root, uploadId, 0, bytes), 507, 'NO_SPACE');
    expect(message).toContain('2.1 MB needed');
    disk.clear();
    const { size } = statSync(data);
    expect((await append(scene.root, uploadId, size, bytes.subarray(size))).body.data).toEqual({
      received: bytes.length,
    });
    await scene.root.get('safekeepBackups:uploadAbort', { body: { uploadId } });
    await scene.expectUntouched();
  });
});
