import archiver from 'archiver';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleOf } from '../../../tests/support/extent';
import { SafekeepError } from '../errors';
import { decode, portableZstdDecoder } from './codec';
import { backupName, decodeEntryPath, encodeEntryPath, isBackupName, isSafeRelativePath } from './format';
import { ArchiveReader } from './reader';
import { openLocalArchive } from './source';
import { ArchiveWriter, type ManifestWithoutEntries } from './writer';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'safekeep-archive-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const signal = new AbortController().signal;
const manifest: ManifestWithoutEntries = {
  format: 1,
  name: 'main_20260102T030405Z_abcdef',
  createdAt: '2026-01-02T03:04:05.000Z',
  app: { name: 'main', version: '2.2.15', plugins: [] },
  contents: ['database', 'files'],
  note: 'before the import, «fin» 备份',
  trigger: 'manual',
  database: null,
  files: null,
  keyFingerprints: {},
  warnings: 0,
};
const dump = Buffer.from(`PGDMP${'INSERT INTO t VALUES (1);\n'.repeat(4000)}`);
const photo = randomBytes(9000);

async function write(file: string, change: Partial<ManifestWithoutEntries> = {}): Promise<void> {
  const writer = new ArchiveWriter(file);
  await writer.add('database/dump.pgdump', Readable.from([dump]), { compression: 'fast' });
  await writer.add(`files/local/${encodeEntryPath('a\\b%\n😀.jpg')}`, Readable.from([photo]), {
    compression: 'store',
    mtimeMs: 1_700_000_000_123,
    mode: 0o644,
  });
  await writer.finish({ ...manifest, ...change });
}

/** Opens, verifies the seal and reads every entry. */
async function readAll(file: string): Promise<Record<string, Buffer>> {
  const reader = await ArchiveReader.open(await openLocalArchive(file));
  try {
    await reader.checkSeal(signal, () => undefined);
    const found: Record<string, Buffer> = {};
    const entries = await reader.entries();
    for (const entry of entries) {
      const stream = entry.name.startsWith('database/')
        ? await reader.openDatabasePart('dump.pgdump', entries)
        : await reader.openEntry(entry);
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      found[decodeEntryPath(entry.name.replace(/\.zst$/, ''))] = Buffer.concat(chunks);
    }
    return found;
  } finally {
    await reader.close();
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'no error';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** Bytes all over an archive, most of them where its structure lies. */
function placesIn({ length }: Buffer): number[] {
  const all = Array.from(Array(length).keys());
  return [
    ...sampleOf(all.slice(0, 200), 60),
    ...sampleOf(all.slice(200, -2000), 60),
    ...sampleOf(all.slice(-2000), 300),
  ];
}

describe('an archive of format 1', () => {
  it('gives back what was put in, with the names of the files', async () => {
    const file = path.join(folder, 'whole.safekeep.zip');
    await write(file);
    const found = await readAll(file);
    expect(found['database/dump.pgdump']?.equals(dump)).toBe(true);
    expect(found['files/local/a\\b%\n😀.jpg']?.equals(photo)).toBe(true);
  });

  it('is an ordinary ZIP for unzip, with the seal in its comment', async () => {
    const file = path.join(folder, 'plain.safekeep.zip');
    await write(file);
    expect(execFileSync('unzip', ['-t', file]).toString()).toContain('No errors detected');
    const bytes = readFileSync(file);
    const seal = createHash('sha256').update(bytes.subarray(0, -64)).digest('hex');
    expect(execFileSync('unzip', ['-z', file]).toString()).toContain(`safekeep seal sha256 ${seal}`);
  });

  it('reports the size and hash of the file as it is on disk', async () => {
    const file = path.join(folder, 'hash.safekeep.zip');
    const writer = new ArchiveWriter(file);
    await writer.add('database/dump.pgdump', Readable.from([dump]), { compression: 'fast' });
    const { bytes, sha256 } = await writer.finish(manifest);
    const onDisk = readFileSync(file);
    expect(bytes).toBe(onDisk.length);
    expect(sha256).toBe(createHash('sha256').update(onDisk).digest('hex'));
  });

  it('is refused when cut at any byte', async () => {
    const file = path.join(folder, 'cut.safekeep.zip');
    await write(file);
    const bytes = readFileSync(file);
    const codes = new Set<string>();
    for (const length of placesIn(bytes)) {
      writeFileSync(file, bytes.subarray(0, length));
      codes.add(await codeOf(readAll(file)));
    }
    expect([...codes].sort()).toEqual(['ARCHIVE_TRUNCATED', 'NOT_A_ZIP']);
  });

  it('is refused when a single bit is flipped, whichever', async () => {
    const file = path.join(folder, 'flip.safekeep.zip');
    await write(file);
    const bytes = readFileSync(file);
    const survived: number[] = [];
    for (const at of placesIn(bytes)) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      writeFileSync(file, changed);
      const code = await codeOf(readAll(file));
      if (!/^(ARCHIVE_|NOT_A_|UNSAFE_ENTRY|FORMAT_TOO_NEW)/.test(code)) survived.push(at);
    }
    expect(survived).toEqual([]);
  });

  it('is refused by number when its format is newer', async () => {
    const file = path.join(folder, 'newer.safekeep.zip');
    await write(file, { format: 2 });
    expect(await codeOf(readAll(file))).toBe('FORMAT_TOO_NEW');
  });

  it('is not produced when its source fails halfway', async () => {
    const file = path.join(folder, 'failing.safekeep.zip');
    const writer = new ArchiveWriter(file);
    const source = Readable.from(
      (async function* () {
        yield dump;
        throw new Error('the tool failed');
      })(),
    );
    await expect(writer.add('database/dump.pgdump', source, { compression: 'fast' })).rejects.toThrow(
      'the tool failed',
    );
    await writer.abort();
    expect(await codeOf(readAll(file))).not.toBe('no error');
  });

  it('fails with the error of the disk when it cannot be written', async () => {
    const writer = new ArchiveWriter('/dev/full/x');
    await expect(writer.add('database/d', Readable.from([dump]), { compression: 'fast' })).rejects.toThrow('ENOTDIR');
    await writer.abort();
  });
});

describe('a file that is no backup', () => {
  async function foreign(build: (zip: archiver.Archiver) => void): Promise<string> {
    const file = path.join(folder, `${randomBytes(4).toString('hex')}.zip`);
    const zip = archiver('zip');
    const sink = createWriteStream(file);
    zip.pipe(sink);
    build(zip);
    await zip.finalize();
    await finished(sink);
    return file;
  }

  it('is distinguished: not a ZIP, and a ZIP without a manifest', async () => {
    const text = path.join(folder, 'note.txt');
    writeFileSync(text, 'hello');
    expect(await codeOf(readAll(text))).toBe('NOT_A_ZIP');
    expect(await codeOf(readAll(await foreign((zip) => zip.append('hello', { name: 'hello.txt' }))))).toBe(
      'NOT_A_BACKUP',
    );
  });

  it.each([
    ['files/xx/evil', 'files/../evil'],
    ['XABSOLUTE', '/ABSOLUTE'],
    ['files/local/%2E%2E', 'files/local/%2E%2E'],
    ['files/a//b', 'files/a//b'],
  ])('is refused for an entry that leaves its folder: %s -> %s', async (written, wanted) => {
    const same = written.replace('//', '/x');
    const file = await foreign((zip) => zip.append('boo', { name: same }));
    const bytes = readFileSync(file).toString('latin1');
    writeFileSync(file, Buffer.from(bytes.split(same).join(wanted), 'latin1'));
    expect(await codeOf(readAll(file))).toBe('UNSAFE_ENTRY');
  });

  it('is refused for a symbolic link', async () => {
    const file = await foreign((zip) => zip.symlink('files/local/link', '/etc/passwd'));
    expect(await codeOf(readAll(file))).toBe('UNSAFE_ENTRY');
  });
});

describe('names', () => {
  it('are made from app, time and letters, and only such are accepted', () => {
    const name = backupName('my app/../x', new Date('2026-11-20T09:51:07.123Z'), 'qwerty');
    expect(name).toBe('my-app----x_20261120T095107Z_qwerty');
    expect(isBackupName(name)).toBe(true);
    for (const bad of ['', '../x', 'main', `${name}/..`, `${name}.zip`]) expect(isBackupName(bad)).toBe(false);
  });

  it('of files survive encoding', () => {
    for (const name of ['a%2Fb', 'tab\there', 'back\\slash', '日本語', '\u202eRTL', 'x'.repeat(255)]) {
      expect(decodeEntryPath(encodeEntryPath(name))).toBe(name);
    }
    expect(isSafeRelativePath('a/../b')).toBe(false);
    expect(isSafeRelativePath('/a')).toBe(false);
    expect(isSafeRelativePath('a//b')).toBe(false);
    expect(isSafeRelativePath('a\0')).toBe(false);
    expect(isSafeRelativePath('..a/b..')).toBe(true);
  });
});

describe('a compressed dump', () => {
  it('that cannot be decompressed is a damaged archive for every decoder', async () => {
    const garbage = () => Readable.from([Buffer.from('certainly not zstd')]);
    await expect(decode('database/dump.pgdump.zst', garbage()).toArray()).rejects.toMatchObject({
      code: 'ARCHIVE_DAMAGED',
    });
    const plain = await decode('database/dump.pgdump', garbage()).toArray();
    expect(Buffer.concat(plain as Buffer[]).toString()).toBe('certainly not zstd');
  });

  it('fails with the reason of its source', async () => {
    const source = new Readable({ read: () => undefined });
    const decoding = decode('database/dump.pgdump.zst', source).toArray();
    source.destroy(new SafekeepError('CANCELLED'));
    await expect(decoding).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('the portable zstd decoder', () => {
  it('reads what the reference zstd has compressed', async () => {
    // printf 'safekeep%.0s' $(seq 40) | zstd -c | base64
    const frame = Buffer.from('KLUv/QRYfQAAQHNhZmVrZWVwAQA1UwsX+giqyg==', 'base64');
    const plain = await Readable.from([frame]).pipe(portableZstdDecoder()).toArray();
    expect(Buffer.concat(plain as Buffer[]).toString()).toBe('safekeep'.repeat(40));
  });

  it('refuses what is no zstd', async () => {
    const decoding = Readable.from([Buffer.from('certainly not zstd')])
      .pipe(portableZstdDecoder())
      .toArray();
    await expect(decoding).rejects.toMatchObject({ code: 'ARCHIVE_DAMAGED' });
  });
});
