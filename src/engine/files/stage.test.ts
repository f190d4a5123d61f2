import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunContext } from '../context';
import { SafekeepError } from '../errors';
import { stageFiles, type StagedFile } from './stage';

let home: string;
let staged: string;
let live: string;
let abort: AbortController;
beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), 'safekeep-stage-'));
  [staged, live] = [path.join(home, 'staged'), path.join(home, 'live')];
  mkdirSync(staged);
  mkdirSync(live);
  abort = new AbortController();
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const run = (): RunContext => ({ signal: abort.signal, log: () => undefined, progress: () => undefined });

function fileOf(name: string, more: { mode?: number; mtimeMs?: number } = {}): StagedFile {
  return { path: name, entry: { name: `files/local/${name}`, bytes: 4, sha256: '', ...more } };
}

describe('staging files', () => {
  const contentOf = async (entry: { name: string }) => Readable.from([Buffer.from(`content of ${entry.name}`)]);

  it('writes them with their contents, times and permissions', async () => {
    const names = [
      'a',
      'deep/er/b',
      `${'é'.repeat(127)}x`,
      '\u202E🛟',
      ...Array.from({ length: 30 }, (_, n) => `many/${n}`),
    ];
    let bytes = 0;
    const files = names.map((name) => fileOf(name, { mode: 0o640, mtimeMs: 1_700_000_000_123 }));
    await stageFiles(staged, files, contentOf, run(), (more) => (bytes += more));
    for (const name of names) {
      expect(readFileSync(path.join(staged, name), 'utf8')).toBe(`content of files/local/${name}`);
      const { mode, mtimeMs } = statSync(path.join(staged, name));
      expect([mode & 0o777, Math.round(mtimeMs)]).toEqual([0o640, 1_700_000_000_123]);
    }
    expect(bytes).toBe(names.reduce((sum, name) => sum + Buffer.byteLength(`content of files/local/${name}`), 0));
  });

  it('never sets the setuid or setgid bit of a file', async () => {
    await stageFiles(staged, [fileOf('a', { mode: 0o4755 })], contentOf, run(), () => undefined);
    expect(statSync(path.join(staged, 'a')).mode & 0o7777).toBe(0o755);
  });

  it.each(['../evil', 'a/../../evil', '/../evil'])('refuses to leave the folder: %s', async (name) => {
    const staging = stageFiles(staged, [fileOf(name)], contentOf, run(), () => undefined);
    await expect(staging).rejects.toMatchObject({ code: 'UNSAFE_ENTRY' });
    expect(readdirSync(home).sort()).toEqual(['live', 'staged']);
  });

  it('refuses two files with one name', async () => {
    const staging = stageFiles(staged, [fileOf('a'), fileOf('a')], contentOf, run(), () => undefined);
    await expect(staging).rejects.toMatchObject({ message: expect.stringContaining('EEXIST') });
  });

  it('stops all others when one fails, and throws its error only when they have stopped', async () => {
    const opened: PassThrough[] = [];
    const damaged = new SafekeepError('ARCHIVE_DAMAGED', { detail: 'the third one' });
    const openEntry = async () => {
      const stream = new PassThrough();
      opened.push(stream);
      stream.write('some');
      // The others would never end.
      if (opened.length === 3) setImmediate(() => stream.destroy(damaged));
      return stream;
    };
    const files = Array.from({ length: 50 }, (_, n) => fileOf(`f${n}`));
    await expect(stageFiles(staged, files, openEntry, run(), () => undefined)).rejects.toBe(damaged);
    expect(opened.every((stream) => stream.destroyed)).toBe(true);
    const count = opened.length;
    expect(count).toBeLessThan(files.length);
    rmSync(staged, { recursive: true });
    await new Promise((resolve) => setImmediate(resolve));
    expect(opened).toHaveLength(count);
  });

  it('stops when the run is cancelled', async () => {
    const openEntry = async () => {
      abort.abort();
      return new PassThrough();
    };
    const staging = stageFiles(staged, [fileOf('a'), fileOf('b')], openEntry, run(), () => undefined);
    await expect(staging).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
