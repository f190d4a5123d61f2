/** The files of a backup, and its warnings about files that it lacks. */
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fill } from './messages';
import { ArchiveWriter } from './archive/writer';
import { addFiles, estimateFiles, type FileRecords } from './backup-files';
import type { FileRecord } from './databases/driver';
import { RecordedFiles } from './files/recorded';
import { fileRootsOf } from './files/storages';
import type { Site } from './site';

let home: string;
let uploads: string;
let site: Site;
let warned: string[];
let added: Record<string, string>;
let recordedMarks: Record<string, boolean | undefined>;
/** Called before each file is added. */
let meanwhile: (entry: string) => void;

beforeEach(() => {
  home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'safekeep-backup-')));
  uploads = path.join(home, 'uploads');
  fs.mkdirSync(uploads);
  site = siteWith([]);
  [warned, added, recordedMarks, meanwhile] = [[], {}, {}, () => undefined];
});
afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

function siteWith(apps: string[]): Site {
  const storages = [{ id: '1', name: 'local', documentRoot: '', folder: uploads }];
  const fileRoots = fileRootsOf(
    storages,
    apps.map((name) => ({ name, fileFolders: null })),
  );
  const reservedFolders = [{ folder: path.join(uploads, 'plugins'), use: 'own' }];
  return { storages, fileRoots, reservedFolders, ownFolder: path.join(uploads, 'safekeep') } as unknown as Site;
}

const put = (name: string) => {
  fs.mkdirSync(path.dirname(path.join(uploads, name)), { recursive: true });
  fs.writeFileSync(path.join(uploads, name), name);
};

const run = {
  signal: new AbortController().signal,
  log: (level: string, { text: sentence, params }: { text: string; params?: Record<string, string | number> }) =>
    void (level === 'warn' && warned.push(fill(sentence, params))),
  progress: () => undefined,
};

const writer = {
  add: async (name: string, source: Readable, { recorded }: { recorded?: boolean }) => {
    const content = await text(source);
    added[name] = content;
    recordedMarks[name.slice('files/local/'.length)] = recorded;
    meanwhile(name);
    return { name, bytes: content.length, sha256: '' };
  },
} as unknown as ArchiveWriter;

/** Records of files by path. */
async function recordsOf(...files: string[]): Promise<RecordedFiles> {
  async function* read(): AsyncGenerator<FileRecord> {
    for (const [index, file] of files.entries()) {
      const { dir, base } = path.posix.parse(file);
      yield { collection: 'attachments', key: String(index + 1), filename: base, path: dir, storageId: '1' };
    }
  }
  return await RecordedFiles.of(read(), site);
}

const addWith = async (records: FileRecords | null) => await addFiles(site, records, 0, writer, run);
const addAll = async (...files: string[]) => await addWith({ recorded: await recordsOf(...files) });
const names = () =>
  Object.keys(added)
    .map((name) => name.slice('files/local/'.length))
    .sort();

describe('a folder of the app’s own', () => {
  it('is backed up completely, and each file is marked if a record names it', async () => {
    for (const name of ['a', 'deep/b', 'c']) put(name);
    const { roots, missing } = await addAll('deep/b', 'c');
    expect(recordedMarks).toEqual({ a: false, 'deep/b': true, c: true });
    expect(missing).toBe(0);
    expect(roots).toEqual([
      {
        ...{ id: 'local', storages: ['local'], documentRoot: '', places: { local: '' } },
        ...{ files: 3, bytes: 8, recorded: { files: 2, bytes: 7 } },
      },
    ]);
    expect(warned).toEqual([]);
  });

  it('is backed up without subfolders that are not for uploads', async () => {
    for (const name of ['a', 'plugins/code', 'safekeep/archive', 'deep/plugins/upload']) put(name);
    await addAll('a');
    expect(names()).toEqual(['a', 'deep/plugins/upload']);
    expect(warned).toEqual([]);
  });

  it('is backed up completely without records, too, and without warnings', async () => {
    put('a');
    const { roots, missing } = await addWith(null);
    expect([recordedMarks, missing, roots[0]?.recorded, warned]).toEqual([{ a: undefined }, 0, undefined, []]);
  });

  it('warns of each record without its file, by file, collection and id', async () => {
    put('a');
    const { missing } = await addAll('gone', 'a', 'deep/gone', 'gone');
    expect(missing).toBe(2);
    expect(warned).toEqual([
      'Missing on disk: gone (attachments 1)',
      'Missing on disk: gone (attachments 4)',
      'Missing on disk: deep/gone (attachments 3)',
    ]);
  });

  it.each([
    ['a record names it', ['1', '2', '3'], 2],
    ['no record names it', [], 0],
  ])('warns of a file that is deleted between listing and reading if %s', async (_when, records, warnings) => {
    for (const name of ['1', '2', '3']) put(name);
    meanwhile = (first) => {
      for (const name of ['1', '2', '3'])
        if (!first.endsWith(name)) fs.rmSync(path.join(uploads, name), { force: true });
    };
    const { missing } = await addAll(...records);
    expect(names()).toHaveLength(1);
    expect([missing, warned.filter((line) => line.startsWith('Missing on disk')).length, warned.length]).toEqual(
      Array(3).fill(warnings),
    );
  });

  it('includes a file that appeared while others were read', async () => {
    put('a');
    meanwhile = () => put('late');
    const { missing } = await addAll('a', 'late');
    expect([names(), missing, warned]).toEqual([['a', 'late'], 0, []]);
  });

  it('logs the reason for each file that cannot be backed up, once', async () => {
    put('real');
    fs.symlinkSync('real', path.join(uploads, 'link'));
    fs.symlinkSync('real', path.join(uploads, 'unnamed link'));
    fs.mkdirSync(path.join(uploads, 'folder'));
    put('file');
    const { missing } = await addAll('link', 'folder', 'real', 'file/below', '../outside');
    expect(missing).toBe(1);
    expect(warned.sort()).toEqual([
      'Missing on disk: file/below (attachments 4)',
      'Not backed up: ../outside (attachments 5, outside of its storage)',
      'Not backed up: folder (attachments 2, not a regular file)',
      'Not backed up: link (attachments 1, symbolic link)',
      'Not backed up: unnamed link (symbolic link)',
    ]);
  });
});

it('without a dump, a file that is no longer named at the end is not missing', async () => {
  put('a');
  const again = () => recordsOf('still', 'a');
  const { missing } = await addWith({ recorded: await recordsOf('still', 'deleted', 'a'), again });
  expect([missing, warned]).toEqual([1, ['Missing on disk: still (attachments 1)']]);
});

describe('a folder that other apps can use as well', () => {
  beforeEach(() => {
    site = siteWith(['other']);
  });

  it('contributes only files named in records', async () => {
    for (const name of ['ours', 'theirs', 'deep/ours', 'deep/theirs']) put(name);
    fs.symlinkSync('theirs', path.join(uploads, 'link'));
    const records = await recordsOf('ours', 'deep/ours', 'link', 'gone');
    expect(await estimateFiles(site, records, run)).toBe(13);
    const { missing, roots } = await addWith({ recorded: records });
    expect(names()).toEqual(['deep/ours', 'ours']);
    expect(missing).toBe(1);
    expect(roots[0]).toMatchObject({ files: 2, recorded: { files: 2, bytes: 13 } });
    expect(warned).toEqual([
      'Not backed up: link (attachments 3, symbolic link)',
      'Missing on disk: gone (attachments 4)',
    ]);
  });

  it('contributes nothing while the owner of its files is unknown', async () => {
    put('theirs');
    await expect(addWith(null)).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(names()).toEqual([]);
  });
});

describe('a backup that is cancelled', () => {
  it('does not read a large file to its end', async () => {
    const bytes = 256 << 20;
    const large = path.join(uploads, 'film');
    fs.writeFileSync(large, '');
    fs.truncateSync(large, bytes);
    const cancel = new AbortController();
    const archive = new ArchiveWriter(path.join(home, 'archive'));
    const cancelled = { ...run, signal: cancel.signal, progress: () => cancel.abort() };
    await expect(addFiles(site, null, bytes, archive, cancelled)).rejects.toMatchObject({ name: 'AbortError' });
    expect(archive.bytesWritten).toBeLessThan(bytes / 2);
    await archive.abort();
  });
});
