import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Sidecar } from '../../src/engine/destinations/local';
import { Safekeep } from '../../src/server/safekeep';
import type { BackupView, InspectAnswer, KeepUploadAnswer } from '../../src/shared/api';
import { expectRefusal, expectSameState, runToEnd, type Scene, startScene } from '../support/bad-day';
import { download, makeBackup, makeRestore, sha256, upload } from '../support/safekeep';

let scene: Scene;
beforeEach(async () => {
  scene = await startScene();
});
afterEach(async () => await scene.host.stop());

const archiveOf = (name: string) => path.join(scene.backups, `${name}.safekeep.zip`);
const sidecarOf = (name: string) => `${archiveOf(name)}.json`;
const listed = (): Promise<BackupView[]> => scene.root.get('safekeepBackups:list?sort=startedAt');
const rowOf = async (name: string) => (await listed()).find((row) => row.name === name);
const rescan = () => scene.root.get('safekeepBackups:rescan', { method: 'POST' });
const protect = (name: string, isProtected = true) =>
  scene.root.get(`safekeepBackups:update?filterByTk=${name}`, { body: { isProtected } });

describe('retention', () => {
  it('never lets backups of files displace the last one of the database', async () => {
    const { root } = scene;
    await root.get('safekeepSettings:update', { body: { maxBackups: 2 } });
    const database = await makeBackup(root, { contents: ['database'] });
    const files: string[] = [];
    for (let n = 0; n < 3; n++) files.push((await makeBackup(root, { contents: ['files'] })).name);
    expect((await listed()).map(({ name }) => name)).toEqual([database.name, ...files.slice(1)]);
  });

  it('is decided by the sidecars, not by outdated rows', async () => {
    const { root, host } = scene;
    await root.get('safekeepSettings:update', { body: { maxBackups: 1 } });
    const precious = await makeBackup(root);
    await protect(precious.name);
    // As a database that was restored by other means has it.
    await host.app.db.getModel('safekeepBackups').update({ isProtected: false }, { where: {} });
    const newer = await makeBackup(root);
    expect(
      readdirSync(scene.backups)
        .filter((file) => file.endsWith('.zip'))
        .sort(),
    ).toEqual([precious, newer].map(({ name }) => `${name}.safekeep.zip`).sort());
  });
});

describe('protection', () => {
  it('survives a sidecar that is unreadable for a moment', async () => {
    const { root, host } = scene;
    await root.get('safekeepSettings:update', { body: { maxBackups: 1 } });
    const { name } = await makeBackup(root, { note: 'before the audit' });
    await protect(name);
    const hidden = `${sidecarOf(name)}.hidden`;
    renameSync(sidecarOf(name), hidden);
    // What an I/O error looks like: it is there and cannot be read.
    mkdirSync(sidecarOf(name));
    await rescan();
    await Safekeep.of(host.app).reconcile();
    expect(await rowOf(name)).toMatchObject({ isProtected: true, note: 'before the audit' });
    await makeBackup(root);
    expect(existsSync(archiveOf(name))).toBe(true);
    const destroy = await root.call(`safekeepBackups:destroy?filterByTk=${name}`, { method: 'POST' });
    expectRefusal(destroy, 500, 'SIDECAR_UNREADABLE');
    rmSync(sidecarOf(name), { recursive: true });
    renameSync(hidden, sidecarOf(name));
    await rescan();
    expect(await rowOf(name)).toMatchObject({ isProtected: true, note: 'before the audit' });
  });

  it('survives the loss of a sidecar, and the replacement of an archive with its sidecar', async () => {
    const { root } = scene;
    const { name } = await makeBackup(root, { note: 'kept' });
    await protect(name);
    rmSync(sidecarOf(name));
    await rescan();
    const sidecar = (): Sidecar => JSON.parse(readFileSync(sidecarOf(name), 'utf8')) as Sidecar;
    expect(sidecar()).toMatchObject({ isProtected: true, note: 'kept' });
    writeFileSync(path.join(scene.uploads, 'more.bin'), Buffer.alloc(5000, 'more'));
    const other = await makeBackup(root);
    copyFileSync(archiveOf(other.name), archiveOf(name));
    await rescan();
    expect(sidecar()).toMatchObject({ isProtected: true, note: 'kept', sha256: other.sha256 });
  });

  it('can only be removed with the permission to delete', async () => {
    const { root, host } = scene;
    const { name } = await makeBackup(root);
    await protect(name);
    const maker = await host.userWith(['pm.safekeep', 'pm.safekeep.create']);
    const update = (body: object) => maker.call(`safekeepBackups:update?filterByTk=${name}`, { body });
    expect((await update({ note: 'a better note' })).status).toBe(200);
    expectRefusal(await update({ isProtected: false, note: 'gone' }), 403, 'FORBIDDEN');
    expect(await rowOf(name)).toMatchObject({ isProtected: true, note: 'a better note' });
    const keeper = await host.userWith(['pm.safekeep', 'pm.safekeep.create', 'pm.safekeep.delete']);
    await keeper.get(`safekeepBackups:update?filterByTk=${name}`, { body: { isProtected: false } });
    expect(await rowOf(name)).toMatchObject({ isProtected: false });
  });
});

describe('the check before a restore', () => {
  const archiveCheck = async (body: object) => {
    const { checks, restorable }: InspectAnswer = await scene.root.get('safekeepBackups:inspect', { body });
    return { ...checks[0], restorable };
  };

  it('begins with the facts about the archive', async () => {
    const { root } = scene;
    const { name } = await makeBackup(root);
    expect(await archiveCheck({ name })).toMatchObject({ code: 'archive', status: 'ok', current: 'never verified' });
    await runToEnd(root, 'safekeepBackups:verify', { name });
    expect(await archiveCheck({ name })).toMatchObject({ code: 'archive', status: 'ok', current: 'verified' });
    const uploadId = await upload(root, await download(root, name));
    expect(await archiveCheck({ uploadId })).toMatchObject({ status: 'ok', current: 'uploaded, checksum verified' });
  });

  it('refuses a backup that failed its verification', async () => {
    const { root } = scene;
    const { name } = await makeBackup(root);
    const bytes = readFileSync(archiveOf(name));
    const damaged = Buffer.from(bytes);
    damaged[2000] = (damaged[2000] ?? 0) ^ 1;
    writeFileSync(archiveOf(name), damaged);
    await scene.remember();
    expect((await runToEnd(root, 'safekeepBackups:verify', { name })).status).toBe('failed');
    expect(await archiveCheck({ name })).toMatchObject({
      status: 'blocking',
      current: 'verification failed',
      restorable: false,
    });
    expectRefusal(await root.call('safekeepBackups:restore', { body: { name } }), 409, 'INCOMPATIBLE');
    await scene.expectUntouched();
    // A good copy, verified again, can be restored.
    writeFileSync(archiveOf(name), bytes);
    await runToEnd(root, 'safekeepBackups:verify', { name });
    expect(await archiveCheck({ name })).toMatchObject({ status: 'ok', restorable: true });
  });

  it.each(['of another size', 'of the same size'])(
    'refuses another archive under the name of a backup, %s',
    async (how) => {
      const { root } = scene;
      const { name } = await makeBackup(root, { note: 'one' });
      if (how === 'of another size') writeFileSync(path.join(scene.uploads, 'more.bin'), Buffer.alloc(9000, 'x'));
      const other = await makeBackup(root, { note: 'two' });
      copyFileSync(archiveOf(other.name), archiveOf(name));
      await scene.remember();
      const check = await archiveCheck({ name });
      expect(check).toMatchObject({ status: 'blocking', restorable: false });
      expect(check.current).toContain('not the archive that the list describes');
      expectRefusal(await root.call('safekeepBackups:restore', { body: { name } }), 409, 'INCOMPATIBLE');
      await scene.expectUntouched();
    },
  );
});

describe('an uploaded archive', () => {
  it('can be kept in the list', async () => {
    const { root } = scene;
    const made = await makeBackup(root, { note: 'from the old server' });
    const before = await scene.look();
    const bytes = await download(root, made.name);
    const uploadId = await upload(root, bytes);
    expectRefusal(await root.call('safekeepBackups:keepUpload', { body: { uploadId } }), 409, 'NAME_TAKEN');
    await root.get(`safekeepBackups:destroy?filterByTk=${made.name}`, { method: 'POST' });
    const { name }: KeepUploadAnswer = await root.get('safekeepBackups:keepUpload', { body: { uploadId } });
    expect(await rowOf(name)).toMatchObject({ name: made.name, note: 'from the old server', sha256: made.sha256 });
    expectRefusal(await root.call('safekeepBackups:inspect', { body: { uploadId } }), 404, 'NOT_FOUND');
    await root.get('things:create', { body: { title: 'later' } });
    await makeRestore(root, { name });
    expectSameState(before, await scene.look());
  });
});

describe('a download', () => {
  const ticketOf = async (name: string): Promise<string> => {
    const { url } = await scene.root.get('safekeepBackups:ticket', { body: { name } });
    return scene.root.url + url;
  };

  it('resumes after an interruption, with the same link, on any node and after a restart', async () => {
    const { root, host } = scene;
    const { name, sha256: whole } = await makeBackup(root);
    const url = await ticketOf(name);
    const first = await fetch(url, { headers: { range: 'bytes=0-999' } });
    expect(first.status).toBe(206);
    const etag = first.headers.get('etag') ?? '';
    const start = Buffer.from(await first.arrayBuffer());
    await host.app.restart();
    const rest = await fetch(url, { headers: { range: 'bytes=1000-', 'if-range': etag } });
    expect(rest.status).toBe(206);
    expect(sha256(Buffer.concat([start, Buffer.from(await rest.arrayBuffer())]))).toBe(whole);
    // Another archive by now: from the beginning.
    const changed = await fetch(url, { headers: { range: 'bytes=1000-', 'if-range': '"another"' } });
    expect([changed.status, sha256(Buffer.from(await changed.arrayBuffer()))]).toEqual([200, whole]);
  });

  it('requires a valid ticket for this backup', async () => {
    const { root, host } = scene;
    const { name } = await makeBackup(root);
    const other = await makeBackup(root);
    const url = await ticketOf(name);
    const [, ticket = ''] = /ticket=([^&]+)/.exec(url) ?? [];
    const [claim = '', signature = ''] = ticket.split('.');
    const forged = Buffer.from(Buffer.from(claim, 'base64url').toString().replace(name, other.name)).toString(
      'base64url',
    );
    const { tickets } = Safekeep.of(host.app);
    const late = (await tickets.issue(name, Date.now() - 24 * 3600_000)).ticket;
    for (const bad of ['', 'x', `${claim}.`, `${claim}.${signature.slice(0, -2)}xx`, `${forged}.${signature}`, late]) {
      const reply = await root.call(`safekeepBackups:download?ticket=${bad}`, { token: '' });
      expectRefusal(reply, 403, 'TICKET_INVALID');
    }
    expect((await fetch(url)).status).toBe(200);
  });
});
