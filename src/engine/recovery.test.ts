import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseDriver, DatabasePlan, SlotPosition } from './databases/driver';
import { type FolderPlan, slotsOf } from './files/slots';
import { type DatabasePlace, type JournalEntry, JournalFile } from './journal';
import { thisProcess } from './owner';
import { confirm, recover } from './recovery';
import type { RunRecord } from './history/record';
import { RunHistory } from './history/run-history';

const RUN = '20261120T095107Z-qwerty';
const place: DatabasePlace = { dialect: 'sqlite', host: '', port: '', database: '', schema: '', storage: '/db.sqlite' };
const database: DatabasePlan = { dialect: 'sqlite', strategy: 'file', id: 'abc', names: {} };

/** A database whose two slots are told by one word. */
class FakeDriver {
  readonly calls: string[] = [];
  dropped = false;
  constructor(public at: SlotPosition) {}
  position = async () => this.at;
  switchOver = async () => void ((this.at = 'after switchover'), this.calls.push('switchOver'));
  switchBack = async () => void ((this.at = 'before switchover'), this.calls.push('switchBack'));
  discard = async () => {
    if (this.at === 'unclear') throw new Error('half way');
    this.calls.push('discard');
  };
}

let home: string;
let journal: JournalFile;
let history: RunHistory;
let folder: FolderPlan;
beforeEach(async () => {
  home = mkdtempSync(path.join(os.tmpdir(), 'safekeep-recovery-'));
  journal = new JournalFile(path.join(home, 'journal.json'), () => place);
  history = new RunHistory(path.join(home, 'runs'));
  await history.prepare();
  await history.save(record());
  folder = { folder: path.join(home, 'uploads'), mode: 'rename', id: 'abc' };
  mkdirSync(folder.folder);
});
afterEach(async () => {
  await journal.remove();
  rmSync(home, { recursive: true });
});

function record(): RunRecord {
  return {
    id: RUN,
    kind: 'restore',
    status: 'running',
    step: 'switchover',
    percent: 80,
    progress: { done: 0, total: 0, unit: 'steps' },
    startedAt: '2026-11-20T09:51:07.000Z',
    finishedAt: null,
    backupName: 'a',
    uploadId: null,
    note: '',
    trigger: 'manual',
    contents: ['database', 'files'],
    warnings: 0,
    error: null,
    startedBy: null,
    userId: null,
    node: { host: 'x', pid: 1 },
    slots: null,
    undoUntil: null,
    dismissed: false,
  };
}

const entry = (change: Partial<JournalEntry>): JournalEntry => ({
  runId: RUN,
  state: 'switching over',
  direction: 'restore',
  database,
  folders: [],
  undoHours: 5,
  starts: 0,
  ...change,
});

const told: string[] = [];
const parts = (driver: FakeDriver) => ({
  journal,
  history,
  driver: driver as unknown as DatabaseDriver,
  log: (_level: string, { text }: { text: string }) => void told.push(text),
});

/** As a process wrote it that has ended. */
function left(change: Partial<JournalEntry>): void {
  const owner = { ...thisProcess(), pid: 1, started: '0' };
  writeFileSync(path.join(home, 'journal.json'), JSON.stringify({ format: 1, ...entry(change), place, owner }));
}

async function recovered(change: Partial<JournalEntry>, at: SlotPosition, back?: boolean) {
  left(change);
  const driver = new FakeDriver(at);
  const result = await recover(parts(driver), { before: 'start', back });
  const { status = '' } = (await history.load(RUN)) ?? {};
  return {
    state: result?.state,
    calls: driver.calls.join(' '),
    live: driver.at,
    status,
    journal: await journal.read(),
  };
}

describe('what a kill left is taken back or kept:', () => {
  const old = { state: 'old', live: 'before switchover', status: 'interrupted', journal: null };
  const kept = { state: 'new', live: 'after switchover', status: 'running' };
  it.each<[Partial<JournalEntry>, SlotPosition, object]>([
    [{ state: 'staging' }, 'before switchover', { ...old, calls: 'discard' }],
    [{ state: 'staging', direction: 'verify' }, 'before switchover', { ...old, calls: 'discard' }],
    [{ state: 'switching over' }, 'before switchover', { ...old, calls: 'discard' }],
    [{ state: 'switching over' }, 'unclear', { ...old, calls: 'switchBack discard' }],
    [{ state: 'switching over' }, 'after switchover', { ...kept, calls: '' }],
    [{ state: 'switched over' }, 'after switchover', { ...kept, calls: '' }],
    [{ state: 'switched over', starts: 1 }, 'after switchover', { ...old, calls: 'switchBack discard' }],
    [{ state: 'rolling back' }, 'after switchover', { ...old, calls: 'switchBack discard' }],
    [{ state: 'rolling back' }, 'unclear', { ...old, calls: 'switchBack discard' }],
    // An undo goes the other way, and what is aside was kept on purpose.
    [
      { state: 'switching over', direction: 'undo' },
      'after switchover',
      { state: 'old', calls: '', live: 'after switchover' },
    ],
    [
      { state: 'switching over', direction: 'undo' },
      'unclear',
      { state: 'old', calls: 'switchOver', live: 'after switchover' },
    ],
    [
      { state: 'switching over', direction: 'undo' },
      'before switchover',
      { state: 'new', calls: '', live: 'before switchover' },
    ],
    [
      { state: 'switched over', direction: 'undo', starts: 1 },
      'before switchover',
      { state: 'old', live: 'after switchover' },
    ],
    [
      { state: 'switching over', direction: 'redo' },
      'before switchover',
      { state: 'old', calls: '', live: 'before switchover' },
    ],
    [
      { state: 'switching over', direction: 'redo' },
      'after switchover',
      { state: 'new', calls: '', live: 'after switchover' },
    ],
  ])('%o, found %s', async (change, at, expected) => {
    expect(await recovered(change, at)).toMatchObject(expected);
  });

  it('a complete exchange too, when that is asked for', async () => {
    expect(await recovered({ state: 'switched over' }, 'after switchover', true)).toMatchObject(old);
  });
});

it('folders follow the database, whichever way it stands', async () => {
  const { staged, previous } = slotsOf(folder);
  mkdirSync(staged);
  writeFileSync(path.join(staged, 'new.txt'), 'new');
  writeFileSync(path.join(folder.folder, 'old.txt'), 'old');
  expect(await recovered({ folders: [folder] }, 'after switchover')).toMatchObject({ state: 'new' });
  expect(readFileSync(path.join(folder.folder, 'new.txt'), 'utf8')).toBe('new');
  expect(readFileSync(path.join(previous, 'old.txt'), 'utf8')).toBe('old');
  await journal.remove();
  expect(await recovered({ folders: [folder] }, 'before switchover')).toMatchObject({ state: 'old' });
  expect(readFileSync(path.join(folder.folder, 'old.txt'), 'utf8')).toBe('old');
  expect([staged, previous].filter(existsSync)).toEqual([]);
});

it('what is kept is confirmed when the app is up, and only then can be undone', async () => {
  const { journal: pending } = await recovered({ state: 'switched over' }, 'after switchover');
  expect(pending).toMatchObject({ state: 'switched over', starts: 1, owner: thisProcess() });
  await confirm(parts(new FakeDriver('after switchover')));
  const run = await history.load(RUN);
  expect(run).toMatchObject({ status: 'succeeded with warnings', error: null, slots: { database, folders: [] } });
  const hours = (Date.parse(run?.undoUntil ?? '') - Date.parse(run?.finishedAt ?? '')) / 3600_000;
  expect(Math.round(hours)).toBe(5);
  expect(await journal.read()).toBeNull();
  const { lines } = await history.readLog(RUN, 0);
  expect(lines.map(({ message }) => message.text)).toEqual([
    'The server stopped after the switch; the restored state was kept',
  ]);
});

it('what had been said and kept before the kill stands', async () => {
  await history.save({
    ...record(),
    status: 'succeeded',
    slots: { database, folders: [] },
    undoUntil: '2026-11-23T00:00:00Z',
  });
  expect(await recovered({ state: 'switched over' }, 'after switchover')).toMatchObject({
    state: undefined,
    status: 'succeeded',
  });
  expect(await history.load(RUN)).toMatchObject({ slots: { database }, undoUntil: '2026-11-23T00:00:00Z' });
  expect(await journal.read()).toBeNull();
});

it('a run that had ended and only could not clean up keeps its end', async () => {
  await history.save({ ...record(), kind: 'verify', status: 'succeeded' });
  const swept = await recovered({ state: 'staging', direction: 'verify' }, 'before switchover');
  expect(swept).toMatchObject({ state: 'old', calls: 'discard', status: 'succeeded', journal: null });
});

it('a start that asks twice is one attempt', async () => {
  await journal.write(entry({ state: 'switched over' }));
  const driver = new FakeDriver('after switchover');
  for (let n = 0; n < 3; n++) expect(await recover(parts(driver), { before: 'start' })).toMatchObject({ state: 'new' });
  expect(await journal.read()).toMatchObject({ state: 'switched over', starts: 1 });
  expect(driver.calls).toEqual([]);
});

it('a journal stays while what is aside can not be dropped', async () => {
  await journal.write(entry({ state: 'staging' }));
  const driver = new FakeDriver('before switchover');
  driver.discard = () => Promise.reject(new Error('in use'));
  expect(await recover(parts(driver), { before: 'start' })).toMatchObject({ state: 'old' });
  expect(await journal.read()).not.toBeNull();
  expect(await recover(parts(new FakeDriver('before switchover')), { before: 'work' })).toMatchObject({ state: 'old' });
  expect(await journal.read()).toBeNull();
});

it('nothing moves under an app that works with the data', async () => {
  await journal.write(entry({ state: 'rolling back' }));
  const driver = new FakeDriver('after switchover');
  await expect(recover(parts(driver), { before: 'work' })).rejects.toMatchObject({ code: 'ROLLBACK_FAILED' });
  expect(driver.calls).toEqual([]);
});

describe('a journal is left alone', () => {
  const write = (change: object) => {
    const written = { format: 1, ...entry({}), place, owner: { ...thisProcess(), pid: 1, started: '0' }, ...change };
    writeFileSync(path.join(home, 'journal.json'), JSON.stringify(written));
  };
  const recovering = () => recover(parts(new FakeDriver('before switchover')), { before: 'start' });

  it('while its process lives', async () => {
    const { ppid } = process;
    const stat = readFileSync(`/proc/${ppid}/stat`, 'utf8');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    write({ owner: { ...thisProcess(), pid: ppid, started } });
    await expect(recovering()).rejects.toMatchObject({ code: 'JOURNAL_IN_USE', params: { pid: ppid } });
    // A later process with the number of the one that has ended.
    write({ owner: { ...thisProcess(), pid: ppid, started: '1' } });
    expect(await recovering()).toMatchObject({ state: 'old' });
  });

  it('of another machine while it gives signs of life', async () => {
    write({ owner: { host: 'elsewhere', pid: 1, space: 'another boot', started: '1' } });
    await expect(recovering()).rejects.toMatchObject({ code: 'JOURNAL_IN_USE' });
  });

  it('that is for another database', async () => {
    write({ place: { ...place, storage: '/other.sqlite' } });
    const refusal = {
      code: 'JOURNAL_ELSEWHERE',
      params: { there: 'storage /other.sqlite', here: 'storage /db.sqlite' },
    };
    await expect(recovering()).rejects.toMatchObject(refusal);
  });
});

it('a journal of a machine that is silent is taken over, and whoever lost one does not write it any more', async () => {
  await journal.write(entry({}));
  const file = path.join(home, 'journal.json');
  const other = {
    ...entry({}),
    format: 1,
    place,
    owner: { host: 'elsewhere', pid: 1, space: 'another', started: '1' },
  };
  writeFileSync(file, JSON.stringify(other));
  await expect(journal.write(entry({ state: 'switched over' }))).rejects.toMatchObject({ code: 'JOURNAL_IN_USE' });
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(file, longAgo, longAgo);
  expect(await recover(parts(new FakeDriver('before switchover')), { before: 'start' })).toMatchObject({
    state: 'old',
  });
});
