import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { PreviousFile } from '../../src/engine/previous';
import { housekeep } from '../../src/server/runs/previous';
import { Safekeep } from '../../src/server/safekeep';
import type { BackupView, InspectAnswer, PreviousAnswer } from '../../src/shared/api';
import type { RunView } from '../../src/shared/runs';
import { expectRefusal, expectSameState, runToEnd, type Scene, startScene } from '../support/bad-day';
import { removeFolder, temporaryFolder } from '../support/child';
import { endOfRun, makeBackup, makeRestore } from '../support/safekeep';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk';

const MEBIBYTE = 1 << 20;

let scene: Scene;
afterEach(async () => await scene?.host.stop());

const previousOf = (): Promise<PreviousAnswer> => scene.root.get('safekeepRuns:previous');
const idsOf = ({ previous }: PreviousAnswer) => previous.map(({ id }) => id);

/** Brings back what a run replaced. */
async function undo(id: string): Promise<RunView> {
  const run = await runToEnd(scene.root, `safekeepRuns:undo?filterByTk=${id}`, {});
  expect(run.status, JSON.stringify(run.error)).toBe('succeeded');
  return run;
}

/** A wrong backup, then the right one, then a mistake in the live data; all three are different. */
async function twoBackups(): Promise<{ wrong: BackupView; right: BackupView }> {
  const { root, uploads } = scene;
  const wrong = await makeBackup(root, { note: 'the wrong one' });
  await root.get('things:create', { body: { title: 'between' } });
  writeFileSync(path.join(uploads, 'between.txt'), 'between');
  const right = await makeBackup(root, { note: 'the right one' });
  await root.get('things:create', { body: { title: 'the accident' } });
  writeFileSync(path.join(uploads, 'deep/one.txt'), 'the accident');
  return { wrong, right };
}

describe.each(['sqlite', 'postgres', 'mariadb'] as const)('two restores in a row on %s', (database) => {
  it('keep the original data; from there and back every state can be reached directly', async () => {
    scene = await startScene({ database });
    const { root, look } = scene;
    const { wrong, right } = await twoBackups();
    const original = await look();
    const first = await makeRestore(root, { name: wrong.name });
    const afterFirst = await look();
    const second = await makeRestore(root, { name: right.name });
    const afterSecond = await look();

    const kept = await previousOf();
    expect(idsOf(kept)).toEqual([second.id, first.id]);
    expect(kept.live).toMatchObject({ backupName: right.name, backupAt: right.startedAt, runId: second.id });
    expect(kept.previous[0]).toMatchObject({ replacedBy: 'restore', origin: { backupName: wrong.name } });
    expect(kept.previous[1]).toMatchObject({ replacedBy: 'restore', origin: null, contents: ['database', 'files'] });
    const rows: BackupView[] = await root.get('safekeepBackups:list?sort=startedAt');
    expect(rows.map(({ live }) => live?.runId ?? null)).toEqual([null, second.id]);

    const back = await undo(first.id);
    expect(back).toMatchObject({ undoOf: first.id, direction: 'undo', contents: ['database', 'files'] });
    expectSameState(original, await look());
    expect((await previousOf()).live).toBeNull();

    await undo(second.id);
    expectSameState(afterFirst, await look());
    const again = await undo(back.id);
    expect(again.direction).toBe('redo');
    expectSameState(afterSecond, await look());
    expect(idsOf(await previousOf())).toHaveLength(2);

    await scene.forgetPrevious();
    await root.get('things:list');
    expect(idsOf(await previousOf())).toEqual([]);
    await scene.remember();
    const listed: RunView[] = await root.get('safekeepRuns:list?pageSize=50');
    expect(listed.find(({ id }) => id === first.id)?.undo).toMatchObject({ state: 'live again' });
    expect(listed.find(({ id }) => id === again.id)?.undo).toMatchObject({ state: 'expired' });
    expect(listed.find(({ kind }) => kind === 'backup')?.undo).toBeNull();
  });
});

describe('previous data', () => {
  it('of parts that were restored one by one comes back as a whole', async () => {
    scene = await startScene();
    const { root, look } = scene;
    const { wrong } = await twoBackups();
    const original = await look();
    const ofDatabase = await makeRestore(root, { name: wrong.name, contents: ['database'] });
    const between = await look();
    const ofFiles = await makeRestore(root, { name: wrong.name, contents: ['files'] });
    const { previous } = await previousOf();
    expect(previous.map(({ contents }) => contents)).toEqual([['files'], ['database', 'files']]);
    await undo(ofDatabase.id);
    expectSameState(original, await look());
    await undo(ofFiles.id);
    expectSameState(between, await look());
  });

  it('is discarded permanently on request', async () => {
    scene = await startScene();
    const { root, host } = scene;
    const { wrong, right } = await twoBackups();
    const first = await makeRestore(root, { name: wrong.name });
    const second = await makeRestore(root, { name: right.name });
    const [newest] = (await previousOf()).previous;
    expect(newest?.bytes).toBeGreaterThan(100_000);
    const run = await runToEnd(root, `safekeepRuns:discard?filterByTk=${second.id}`, {});
    expect(run).toMatchObject({ kind: 'prune', status: 'succeeded', undoOf: second.id });
    expect(idsOf(await previousOf())).toEqual([first.id]);
    expectRefusal(await root.call('safekeepRuns:undo', { body: { filterByTk: second.id } }), 409, 'NOTHING_TO_UNDO');
    expectRefusal(await root.call('safekeepRuns:discard', { body: { filterByTk: second.id } }), 409, 'NOTHING_TO_UNDO');
    const { undo: ended }: RunView = await root.get(`safekeepRuns:get?filterByTk=${second.id}`);
    expect(ended).toMatchObject({ state: 'discarded' });
    const copies = readdirSync(path.join(host.storage, 'db')).filter((file) => file.includes('.safekeep-'));
    expect(copies).toHaveLength(1);
    await undo(first.id);
  });

  it('whose undo window has closed cannot be brought back, even before it is discarded', async () => {
    scene = await startScene();
    const { root, host } = scene;
    const { wrong } = await twoBackups();
    const { id } = await makeRestore(root, { name: wrong.name });
    const file = new PreviousFile(path.join(host.storage, 'safekeep/main/previous.json'));
    const until = '2026-01-01T00:00:00.000Z';
    await file.change((data) => ({ ...data, states: data.states.map((state) => ({ ...state, until })) }));
    await scene.remember();
    expectRefusal(await root.call('safekeepRuns:undo', { body: { filterByTk: id } }), 409, 'NOTHING_TO_UNDO');
    const { undo: ended }: RunView = await root.get(`safekeepRuns:get?filterByTk=${id}`);
    expect(ended).toEqual({ state: 'expired', at: until });
    await housekeep(Safekeep.of(host.app), new Date());
    expect(idsOf(await previousOf())).toEqual([]);
    await scene.expectUntouchedData();
  });

  it('never expires under an undo: housekeeping waits for its turn', async () => {
    scene = await startScene();
    const { root, host, look } = scene;
    const { wrong } = await twoBackups();
    const original = await look();
    const { id } = await makeRestore(root, { name: wrong.name });
    const safekeep = Safekeep.of(host.app);
    const { runId } = await root.get('safekeepRuns:undo', { body: { filterByTk: id } });
    // Its window closes while it works.
    const aYearOn = new Date(Date.now() + 365 * 24 * 3600_000);
    while (safekeep.runs.active) {
      await housekeep(safekeep, aYearOn);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await endOfRun(root, runId)).toMatchObject({ status: 'succeeded' });
    expectSameState(original, await look());
  });

  it('with an unreadable record blocks runs that would change it, and nothing else', async () => {
    scene = await startScene();
    const { root, host } = scene;
    const { wrong } = await twoBackups();
    await makeRestore(root, { name: wrong.name });
    const file = path.join(host.storage, 'safekeep/main/previous.json');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.slice(0, -10));
    expectRefusal(await root.call('safekeepRuns:previous'), 500, 'PREVIOUS_UNREADABLE');
    expectRefusal(
      await root.call('safekeepBackups:restore', { body: { name: wrong.name } }),
      500,
      'PREVIOUS_UNREADABLE',
    );
    await expect(housekeep(Safekeep.of(host.app), new Date())).rejects.toMatchObject({ code: 'PREVIOUS_UNREADABLE' });
    writeFileSync(file, text);
    expect(idsOf(await previousOf())).toHaveLength(1);
  });
});

// Only root may mount; CI is root, and nothing may skip there.
describe.runIf(process.getuid?.() === 0)('where disk space is short', () => {
  let storage: string;
  let disk: SmallDisk;
  afterEach(async () => {
    await scene?.host.stop();
    disk.unmount();
    removeFolder(storage);
  });

  it('a restore lists the previous data to discard, newest first, and discards it only when confirmed', async () => {
    storage = temporaryFolder('room');
    disk = mountSmallDisk(path.join(storage, 'db'), 64 * MEBIBYTE);
    scene = await startScene({ storage });
    const { root, host, look } = scene;
    const database = path.join(storage, 'db/nocobase.sqlite');
    await host.app.db.sequelize.query('CREATE TABLE filler AS SELECT randomblob(12 * 1024 * 1024) AS bytes');
    const { wrong, right } = await twoBackups();
    const original = await look();
    const first = await makeRestore(root, { name: wrong.name });
    const second = await makeRestore(root, { name: right.name });
    expect(statSync(database).size).toBeGreaterThan(12 * MEBIBYTE);
    disk.fill(9 * MEBIBYTE);

    const inspect = async (): Promise<InspectAnswer> =>
      await root.get('safekeepBackups:inspect', { body: { name: right.name } });
    const answer = await inspect();
    expect(answer.restorable).toBe(true);
    expect(answer.checks.find(({ code }) => code === 'freeSpace')).toMatchObject({ status: 'warning' });
    expect(answer.discards.map(({ id }) => id)).toEqual([second.id]);
    const body = { name: right.name, acceptWarnings: ['freeSpace'] };
    expectRefusal(await root.call('safekeepBackups:restore', { body }), 409, 'PREVIOUS_AT_RISK');
    const wrongOne = { ...body, discard: [first.id] };
    expectRefusal(await root.call('safekeepBackups:restore', { body: wrongOne }), 409, 'PREVIOUS_AT_RISK');
    expect(idsOf(await previousOf())).toEqual([second.id, first.id]);

    const third = await runToEnd(root, 'safekeepBackups:restore', { ...body, discard: [second.id] });
    expect(third.status, JSON.stringify(third.error)).toBe('succeeded with warnings');
    expect(idsOf(await previousOf())).toEqual([third.id, first.id]);
    await undo(first.id);
    expectSameState(original, await look());

    disk.fill(1 * MEBIBYTE);
    for (const { id } of (await previousOf()).previous) {
      await runToEnd(root, `safekeepRuns:discard?filterByTk=${id}`, {});
    }
    disk.fill(1 * MEBIBYTE);
    const hopeless = await inspect();
    expect(hopeless).toMatchObject({ restorable: false, discards: [] });
  });
});

describe('liveness', () => {
  const record = (made: RunView, change: object) => ({ ...made, ...change, status: 'running', finishedAt: null });

  /** A run in progress on another machine, with a partial archive. */
  async function elsewhere(owner: object): Promise<{ runFile: string; partial: string; id: string }> {
    const { root, host } = scene;
    const { runId, name } = await makeBackup(root);
    const folder = path.join(host.storage, 'safekeep/main');
    const made = JSON.parse(readFileSync(path.join(folder, 'runs', `${runId}.json`), 'utf8')) as RunView;
    const id = `${(runId ?? '').slice(0, -6)}others`;
    const backupName = `${name.slice(0, -6)}others`;
    const runFile = path.join(folder, 'runs', `${id}.json`);
    const partial = path.join(folder, 'backups', `${backupName}.safekeep.zip.partial`);
    writeFileSync(runFile, JSON.stringify(record(made, { id, backupName, owner })));
    writeFileSync(partial, 'half');
    return { runFile, partial, id };
  }
  const other = { host: 'another-container', pid: 1, space: 'another boot', started: '1' };

  it('of another node is its heartbeat: its run and its partial archive stay untouched', async () => {
    scene = await startScene();
    const { root, host } = scene;
    const { runFile, partial, id } = await elsewhere(other);
    const longAgo = new Date(Date.now() - 3600_000);
    // A step that takes long writes nothing into the archive.
    utimesSync(partial, longAgo, longAgo);
    await Safekeep.of(host.app).reconcile();
    expect(existsSync(partial)).toBe(true);
    expect(await root.get(`safekeepRuns:get?filterByTk=${id}`)).toMatchObject({ status: 'running' });
    expectRefusal(await root.call('safekeepBackups:create', { body: {} }), 409, 'BUSY');
    rmSync(runFile);
  });

  it('of a container that has ended ends with its heartbeat, regardless of its host name', async () => {
    scene = await startScene();
    const { root, host } = scene;
    const { runFile, partial, id } = await elsewhere(other);
    const aMinuteAgo = new Date(Date.now() - 60_000);
    utimesSync(runFile, aMinuteAgo, aMinuteAgo);
    await Safekeep.of(host.app).reconcile();
    expect(await root.get(`safekeepRuns:get?filterByTk=${id}`)).toMatchObject({ status: 'interrupted' });
    expect(existsSync(partial)).toBe(false);
    await makeBackup(root);
  });

  it('is reported by a run while it is in progress', async () => {
    scene = await startScene();
    const { root, host } = scene;
    const { runId } = await root.get('safekeepBackups:create', { body: {} });
    const file = path.join(host.storage, 'safekeep/main/runs', `${runId}.json`);
    await endOfRun(root, runId);
    const { owner } = JSON.parse(readFileSync(file, 'utf8')) as { owner: { pid: number } };
    expect(owner.pid).toBe(process.pid);
  });
});
