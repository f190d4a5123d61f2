import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DatabasePlace, type Journal, type JournalEntry, JournalFile } from './journal';
import { thisProcess } from './owner';

let folder: string;
let file: string;
let journal: JournalFile;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'safekeep-journal-'));
  file = path.join(folder, 'journal.json');
  journal = new JournalFile(file, () => place);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const place: DatabasePlace = { dialect: 'sqlite', host: '', port: '', database: '', schema: '', storage: '/db.sqlite' };
const entry = {
  runId: '20261120T095107Z-qwerty',
  state: 'switching over',
  direction: 'restore',
  database: {
    plan: { dialect: 'sqlite', strategy: 'file', id: 'abc', names: { staged: 'a', previous: 'b' } },
    to: 'after switchover',
  },
  folders: [{ plan: { folder: '/srv/uploads 备份', mode: 'rename', id: 'abc' }, to: 'before switchover' }],
  undoHours: 72,
  storageRoots: { local: 'storage/uploads' },
  starts: 0,
} satisfies JournalEntry;
const withFolder = (plan: object) => JSON.stringify({ ...written, folders: [{ plan, to: 'after switchover' }] });
const written: Journal = { format: 2, ...entry, place, owner: thisProcess() };

it('is read as it was written, replaced as a whole, and leaves nothing when it is removed', async () => {
  expect(await journal.read()).toBeNull();
  await journal.write({ ...entry, state: 'staging', database: null });
  await journal.write(entry);
  expect(await journal.read()).toEqual(written);
  expect(readdirSync(folder)).toEqual(['journal.json']);
  await journal.remove();
  await journal.remove();
  expect(await journal.read()).toBeNull();
  expect(readdirSync(folder)).toEqual([]);
});

describe('an unreadable journal is refused and not changed:', () => {
  it.each<[string, string]>([
    ['empty', ''],
    ['cut', JSON.stringify(written).slice(0, -20)],
    ['no JSON', 'switched over'],
    ['null', 'null'],
    ['of a future format', JSON.stringify({ ...written, format: 3 })],
    ['of an earlier format', JSON.stringify({ ...written, format: 1 })],
    ['without a format', JSON.stringify({ ...written, format: undefined })],
    ['in a state of a future version', JSON.stringify({ ...written, state: 'dancing' })],
    ['of a direction of a future version', JSON.stringify({ ...written, direction: 'sideways' })],
    ['with a relative folder', withFolder({ folder: 'x', mode: 'rename', id: 'a' })],
    ['with an id that leaves its folder', withFolder({ folder: '/x', mode: 'rename', id: '../a' })],
    [
      'for a database of a future version',
      JSON.stringify({
        ...written,
        database: { ...entry.database, plan: { ...entry.database.plan, strategy: 'new' } },
      }),
    ],
    ['with a move to nowhere', JSON.stringify({ ...written, database: { ...entry.database, to: 'unclear' } })],
    ['without folders', JSON.stringify({ ...written, folders: undefined })],
  ])('%s', async (_what, text) => {
    writeFileSync(file, text);
    const reading = journal.read();
    await expect(reading).rejects.toMatchObject({ code: 'JOURNAL_UNREADABLE', params: { file } });
    await expect(reading).rejects.toThrow(/Cannot read the journal .+ \(.+\): .+/);
    expect(readdirSync(folder)).toEqual(['journal.json']);
  });

  it('not a file', async () => {
    mkdirSync(file);
    await expect(journal.read()).rejects.toMatchObject({ code: 'JOURNAL_UNREADABLE' });
  });
});
