import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseDriver, DatabasePlan, SlotPosition } from './databases/driver';
import { type FolderPlan, slotsOf } from './files/slots';
import { type DatabasePlace, type JournalEntry, JournalFile } from './journal';
import type { Settled } from './moves';
import { thisProcess } from './owner';
import { confirm, recover } from './recovery';
import { newRecord, type RunRecord } from './history/record';
import { RunHistory } from './history/run-history';

const RUN = '20261120T095107Z-qwerty';
const place: DatabasePlace = { dialect: 'sqlite', host: '', port: '', database: '', schema: '', storage: '/db.sqlite' };
const database: DatabasePlan = { dialect: 'sqlite', strategy: 'file', id: 'abc', names: {} };

/** A database whose position is one word. */
class FakeDriver {
  readonly calls: string[] = [];
  dropped = false;
  constructor(public at: SlotPosition) {}
  position = async () => this.at;
  switchOver = async () => void ((this.at = 'after switchover'), this.calls.push('switchOver'));
  switchBack = async () => void ((this.at = 'before switchover'), this.calls.push('switchBack'));
  discard = async () => {
    if (this.at === 'unclear') throw new Error('halfway');
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
  const known = { id: RUN, kind: 'restore', trigger: 'manual', status: 'running', step: 'switchover' } as const;
  return newRecord({ ...known, backupName: 'a', contents: ['database', 'files'] });
}

const entry = (change: Partial<JournalEntry>): JournalEntry => ({
  runId: RUN,
  state: 'switching over',
  direction: 'restore',
  database: { plan: database, to: 'after switchover' },
  folders: [],
  undoHours: 5,
  storageRoots: {},
  starts: 0,
  ...change,
});

const logged: string[] = [];
const parts = (driver: FakeDriver) => ({
  journal,
  history,
  driver: driver as unknown as DatabaseDriver,
  log: (_level: string, { text }: { text: string }) => void logged.push(text),
});

/** As a process wrote it that has ended. */
function left(change: Partial<JournalEntry>): void {
  const owner = { ...thisProcess(), pid: 1, started: '0' };
  writeFileSync(path.join(home, 'journal.json'), JSON.stringify({ format: 2, ...entry(change), place, owner }));
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

const undo = (to: Settled): Partial<JournalEntry> => ({ direction: 'undo', database: { plan: database, to } });

describe('what a kill left is rolled back or kept:', () => {
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
    // Previous data is brought back, and what it replaces is kept.
    [undo('before switchover'), 'after switchover', { state: 'old', calls: '', live: 'after switchover' }],
    [undo('before switchover'), 'unclear', { state: 'old', calls: 'switchOver', live: 'after switchover' }],
    [undo('before switchover'), 'before switchover', { state: 'new', calls: '', live: 'before switchover' }],
    [
      { ...undo('before switchover'), state: 'switched over', starts: 1 },
      'before switchover',
      { state: 'old', calls: 'switchOver', live: 'after switchover' },
    ],
    [undo('after switchover'), 'before switchover', { state: 'old', calls: '', live: 'before switchover' }],
    [undo('after switchover'), 'unclear', { state: 'old', calls: 'switchBack', live: 'before switchover' }],
    [undo('after switchover'), 'after switchover', { state: 'new', calls: '', live: 'after switchover' }],
  ])('%o, found %s', async (change, at, expected) => {
    expect(await recovered(change, at)).toMatchObject(expected);
  });

  it('a complete switchover too, on request', async () => {
    expect(await recovered({ state: 'switched over' }, 'after switchover', true)).toMatchObject(old);
  });
});

it('folders follow the database, whichever way it stands', async () => {
  const { staged, previous } = slotsOf(folder);
  mkdirSync(staged);
  writeFileSync(path.join(staged, 'new.txt'), 'new');
  writeFileSync(path.join(folder.folder, 'old.txt'), 'old');
  expect(await recovered({ folders: [{ plan: folder, to: 'after switchover' }] }, 'after switchover')).toMatchObject({
    state: 'new',
  });
  expect(readFileSync(path.join(folder.folder, 'new.txt'), 'utf8')).toBe('new');
  expect(readFileSync(path.join(previous, 'old.txt'), 'utf8')).toBe('old');
  await journal.remove();
  expect(await recovered({ folders: [{ plan: folder, to: 'after switchover' }] }, 'before switchover')).toMatchObject({
    state: 'old',
  });
  expect(readFileSync(path.join(folder.folder, 'old.txt'), 'utf8')).toBe('old');
  expect([staged, previous].filter(existsSync)).toEqual([]);
});

it('data that was switched over is confirmed when the app runs, once, and kept from then on', async () => {
  const { journal: pending } = await recovered({ state: 'switched over' }, 'after switchover');
  expect(pending).toMatchObject({ state: 'switched over', starts: 1, owner: thisProcess() });
  const kept: unknown[] = [];
  const confirming = () =>
    confirm(parts(new FakeDriver('after switchover')), async (found, run) => {
      kept.push([found.runId, found.undoHours, run?.id]);
    });
  await confirming();
  await confirming();
  expect(kept).toEqual([[RUN, 5, RUN]]);
  expect(await history.load(RUN)).toMatchObject({ status: 'succeeded with warnings', error: null });
  expect(await journal.read()).toBeNull();
  const { lines } = await history.readLog(RUN, 0);
  expect(lines.map(({ message }) => message.text)).toEqual([
    'The server stopped after the switchover; the restored data was kept',
  ]);
});

it('a run that had ended before the kill keeps its result', async () => {
  await history.save({ ...record(), status: 'succeeded' });
  const found = await recovered({ state: 'switched over' }, 'after switchover');
  expect(found).toMatchObject({ state: undefined, status: 'succeeded', journal: null });
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

it('a journal stays while a slot cannot be discarded', async () => {
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
    const written = { format: 2, ...entry({}), place, owner: { ...thisProcess(), pid: 1, started: '0' }, ...change };
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

  it('of another machine while its heartbeat continues', async () => {
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

it('a journal without a heartbeat is taken over, and its former owner no longer writes it', async () => {
  await journal.write(entry({}));
  const file = path.join(home, 'journal.json');
  const other = {
    ...entry({}),
    format: 2,
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
