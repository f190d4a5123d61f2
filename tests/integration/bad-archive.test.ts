import { mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { altered, asSymbolicLink, flipped, foreignZip, replaced, resealed } from '../support/altered-archive';
import {
  codeOf,
  expectFailed,
  expectRefusal,
  inParallel,
  runToEnd,
  type Scene,
  startScene,
  tryUpload,
} from '../support/bad-day';
import { download, makeBackup } from '../support/safekeep';

let scene: Scene;
let name: string;
let file: string;
let archive: Buffer;

beforeAll(async () => {
  scene = await startScene();
  ({ name } = await makeBackup(scene.root));
  file = path.join(scene.backups, `${name}.safekeep.zip`);
  archive = readFileSync(file);
  await scene.remember();
});
afterEach(async () => {
  writeFileSync(file, archive);
  await scene.expectUntouched();
});
afterAll(async () => await scene?.host.stop());

/** Which refusals a set of damaged files met, each once. */
async function refusalsOf(files: Buffer[]): Promise<string[]> {
  const replies = await inParallel(files, (bytes) => tryUpload(scene.root, bytes));
  return [...new Set(replies.map((reply) => `${reply.status} ${codeOf(reply)}`))].sort();
}

/** Lengths or positions spread over the archive. */
function spread(count: number): number[] {
  return Array.from({ length: count }, (_, n) => 1 + Math.floor((n * (archive.length - 2)) / count));
}

describe('an uploaded file', () => {
  it('that is no ZIP archive is refused', async () => {
    for (const bytes of [Buffer.from('hello'), Buffer.alloc(100_000), Buffer.from('PGDMP and more')]) {
      expectRefusal(await tryUpload(scene.root, bytes), 422, 'NOT_A_ZIP');
    }
  });

  it('that is a ZIP archive but no backup is refused', async () => {
    for (const [entry, content] of [
      ['hello.txt', 'hello'],
      ['manifest.json', '{}'],
      ['manifest.json', '[1]'],
    ] as const) {
      expectRefusal(await tryUpload(scene.root, await foreignZip({ [entry]: content })), 422, 'NOT_A_BACKUP');
    }
    const noJson = await foreignZip({ 'manifest.json': 'not JSON' });
    expectRefusal(await tryUpload(scene.root, noJson), 422, 'ARCHIVE_DAMAGED');
  });

  it('of a newer format is refused, and the error names both numbers', async () => {
    const newer = await altered(archive, { manifest: (manifest) => void (manifest.format = 7) });
    expect(expectRefusal(await tryUpload(scene.root, newer), 422, 'FORMAT_TOO_NEW').message).toMatch(/7.*1/);
  });

  it('that was cut is refused, whichever byte it ends with', async () => {
    const lengths = [1, 3, 4, 5, ...spread(20), ...Array.from({ length: 20 }, (_, n) => archive.length - 1 - 10 * n)];
    const refusals = await refusalsOf(lengths.map((length) => archive.subarray(0, length)));
    expect(refusals).toEqual(['422 ARCHIVE_TRUNCATED', '422 NOT_A_ZIP']);
  });

  it('in which one bit was flipped is refused, whichever it is', async () => {
    const positions = [0, 1, 2, 3, ...spread(24), ...Array.from({ length: 24 }, (_, n) => archive.length - 1 - 8 * n)];
    const refusals = await refusalsOf(positions.map((at) => flipped(archive, at)));
    expect(refusals).toContain('422 ARCHIVE_DAMAGED');
    for (const refusal of refusals) expect(refusal).toMatch(/^422 (ARCHIVE_|NOT_A_|UNSAFE_ENTRY)/);
  });

  it.each([
    ['leaves its folder', 'files/xx/evil', 'files/../evil'],
    ['leaves its folder once decoded', 'files/local/%5C%5C/evil', 'files/local/%2E%2E/evil'],
    ['is absolute', 'Xetc/evil', '/etc/evil'],
    ['goes up from the top', 'xx/xx/evil', '../../evil'],
    ['holds a NUL', 'files/local/a%5Cb', 'files/local/a%00b'],
  ])('with an entry whose name %s is refused as unsafe', async (_why, harmless, hostile) => {
    const bytes = replaced(await altered(archive, { moreEntries: { [harmless]: 'boo' } }), harmless, hostile);
    const { message } = expectRefusal(await tryUpload(scene.root, bytes), 422, 'UNSAFE_ENTRY');
    expect(message).toContain(hostile);
  });

  it('with a symbolic link in it is refused as unsafe', async () => {
    const entry = 'files/local/link';
    const bytes = await altered(archive, { moreEntries: { [entry]: '/etc/passwd' } });
    expectRefusal(await tryUpload(scene.root, asSymbolicLink(bytes, entry)), 422, 'UNSAFE_ENTRY');
  });
});

describe('a backup of the list whose archive was damaged on disk', () => {
  it('is refused before a restore begins when it was cut, whichever byte it ends with', async () => {
    const lengths = [10, ...spread(20).slice(1), ...Array.from({ length: 200 }, (_, n) => archive.length - 1 - n)];
    for (const length of lengths) {
      writeFileSync(file, archive.subarray(0, length));
      const action = length % 2 ? 'inspect' : 'restore';
      const reply = await scene.root.call(`safekeepBackups:${action}`, { body: { name } });
      expectRefusal(reply, 422, 'ARCHIVE_TRUNCATED');
    }
    for (const noZip of ['', 'PK', 'gone']) {
      writeFileSync(file, noZip);
      expectRefusal(await scene.root.call('safekeepBackups:restore', { body: { name } }), 422, 'NOT_A_ZIP');
    }
  });

  it('is found by a verification, whichever bit was flipped', async () => {
    for (const at of [...spread(6), archive.length - 30, archive.length - 1]) {
      writeFileSync(file, flipped(archive, at));
      const { error } = await runToEnd(scene.root, 'safekeepBackups:verify', { name });
      expect(error?.code, `byte ${at}`).toMatch(/^(ARCHIVE_DAMAGED|ARCHIVE_TRUNCATED|NOT_A_ZIP)$/);
    }
    writeFileSync(file, archive);
    expect(await runToEnd(scene.root, 'safekeepBackups:verify', { name })).toMatchObject({ status: 'succeeded' });
  });

  it('fails its restore before anything is staged when a bit was flipped', async () => {
    for (const at of [archive.indexOf('database/') + 200, Math.floor(archive.length / 3), archive.length - 1]) {
      writeFileSync(file, flipped(archive, at));
      const run = await runToEnd(scene.root, 'safekeepBackups:restore', { name });
      expectFailed(run, 'ARCHIVE_DAMAGED');
      expect(run.step).toBe('checksum');
    }
  });

  it('is refused when its file is gone', async () => {
    unlinkSync(file);
    for (const action of ['inspect', 'restore', 'verify', 'ticket']) {
      const { message } = expectRefusal(
        await scene.root.call(`safekeepBackups:${action}`, { body: { name } }),
        404,
        'NOT_FOUND',
      );
      expect(message).toContain(name);
      expect(message).not.toContain(scene.host.storage);
    }
  });
});

describe('a forged archive with a valid seal', () => {
  /** Uploads, which goes well, and restores. */
  async function restoreOf(bytes: Buffer) {
    const { uploadId, status, body } = await tryUpload(scene.root, bytes);
    expect(status, JSON.stringify(body)).toBe(200);
    const run = await runToEnd(scene.root, 'safekeepBackups:restore', { uploadId });
    await scene.root.get('safekeepBackups:uploadAbort', { body: { uploadId } });
    return run;
  }

  it('fails its restore while files are staged when a file differs from the list', async () => {
    const at = archive.indexOf('two two two');
    expect(at).toBeGreaterThan(0);
    const run = await restoreOf(resealed(flipped(archive, at)));
    expect(expectFailed(run, 'ARCHIVE_DAMAGED').message).toContain('two.bin');
    expect(run.step).toBe('stageFiles');
  });

  it('fails its restore while the database is staged when the dump differs from the list', async () => {
    const at = Math.floor((archive.indexOf('database/') + archive.indexOf('two two two')) / 2);
    const run = await restoreOf(resealed(flipped(archive, at)));
    expectFailed(run, 'ARCHIVE_DAMAGED');
    expect(run.step).toBe('stageDatabase');
  });

  it('fails its restore before the switch when the rows are not those the manifest counts', async () => {
    const bytes = await altered(archive, {
      manifest: ({ database }) => {
        const things = database?.tables.find((table) => table.name === 'things');
        if (things) things.rows = 3;
      },
    });
    const run = await restoreOf(bytes);
    expect(expectFailed(run, 'STAGED_DATA_DIFFERS').message).toContain('things');
    expect(run.step).toBe('checkStaged');
  });
});

describe('names of files that are hard to keep', () => {
  it('come back as they were, from the list and from an upload', async () => {
    const longest = `${'é'.repeat(127)}x`;
    const names = [
      longest,
      `${'n'.repeat(251)}.txt`,
      'نسخة.txt',
      '\u202Egpj.exe',
      '备份 🛟👩‍👩‍👧.png',
      'back\\slash',
      'new\nline',
    ];
    const folder = path.join(scene.uploads, 'hard', longest);
    mkdirSync(folder, { recursive: true });
    for (const one of names) writeFileSync(path.join(folder, one), `content of ${one}`);
    await scene.remember();
    const made = await makeBackup(scene.root, { contents: ['files'] });
    for (const isUploaded of [false, true]) {
      const { name: listed } = made;
      const copy = isUploaded ? await tryUpload(scene.root, await download(scene.root, listed)) : null;
      rmSync(path.join(scene.uploads, 'hard'), { recursive: true });
      writeFileSync(path.join(scene.uploads, 'newer'), '');
      const source = copy ? { uploadId: copy.uploadId } : { name: listed };
      expect(await runToEnd(scene.root, 'safekeepBackups:restore', source)).toMatchObject({ status: 'succeeded' });
      await scene.forgetPrevious();
      expect(readdirSync(folder).sort()).toEqual([...names].sort());
    }
  });
});
