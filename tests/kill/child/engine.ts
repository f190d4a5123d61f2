/** A process that executes orders with the engine, until it is killed or its parent has ended. */
import { backup } from '../../../src/engine/backup';
import { removeTemporaries } from '../../../src/engine/atomic-file';
import { backupName } from '../../../src/engine/archive/format';
import { ArchiveReader } from '../../../src/engine/archive/reader';
import { openLocalArchive } from '../../../src/engine/archive/source';
import type { RunContext } from '../../../src/engine/context';
import { discardUnreferenced } from '../../../src/engine/discard';
import { type Slots, slotsOf } from '../../../src/engine/moves';
import { afterSwitchover, isExpired, slotsToReach, without } from '../../../src/engine/previous';
import { confirm, recover } from '../../../src/engine/recovery';
import { restore } from '../../../src/engine/restore';
import type { AppControl } from '../../../src/engine/switchover';
import { removeAbandonedFolders } from '../../../src/engine/temporary-folder';
import { undo } from '../../../src/engine/undo';
import { isFinal, lifeByRecords, newRecord, type RunRecord } from '../../../src/engine/history/record';
import { RunRecorder } from '../../../src/server/runs/recorder';
import { newRunId, randomLetters } from '../../../src/server/names';
import type { RunKind } from '../../../src/shared/runs';
import type { Command } from '../protocol';
import { between, reach } from './boundaries';
import { place, serve } from './serve';
import { shownBy } from './shown';
import { type Engine, engineOf } from './site';

const UNDO_HOURS = 24;
const A_YEAR_MS = 365 * 24 * 3600_000;
const log: RunContext['log'] = () => undefined;

/** There is no app around the data here; what it would do is done by the tests of the app. */
const app: AppControl = {
  enterMaintenance: () => Promise.resolve(),
  leaveMaintenance: () => Promise.resolve(),
  holdMaintenance: () => Promise.resolve(),
  disconnect: () => Promise.resolve(),
  reload: () => Promise.resolve(),
  healthCheck: () => Promise.resolve(),
};

class WatchedRun extends RunRecorder {
  override async step<T>(step: string, work: () => Promise<T>): Promise<T> {
    return await super.step(step, async () => {
      reach(`step ${step} begins`);
      const result = await work();
      reach(`step ${step} ends`);
      return result;
    });
  }
}

function startingNow(kind: RunKind): RunRecord {
  const now = new Date();
  const contents: RunRecord['contents'] = ['database', 'files'];
  return newRecord({ id: newRunId(now), kind, trigger: 'manual', startedAt: now.toISOString(), contents });
}

/** As the server begins and ends a run. */
async function inRun(engine: Engine, kind: RunKind, work: (run: WatchedRun) => Promise<void>): Promise<void> {
  const run = new WatchedRun(startingNow(kind), engine.history, () => undefined);
  await run.start();
  let failure: unknown;
  await work(run).catch((error: unknown) => (failure = error));
  run.publish(await run.conclude(failure));
  if (failure !== undefined) throw failure;
}

async function keeping(engine: Engine, run: WatchedRun, slots: Slots): Promise<void> {
  await between('keep', () => keep(engine, run.record.id, slots));
  await between('conclude', () => run.conclude());
}

async function keep({ previous }: Engine, runId: string, slots: Slots): Promise<void> {
  const about = { runId, slots, at: new Date().toISOString(), by: null, origin: null, undoHours: UNDO_HOURS };
  await previous.change((data) => afterSwitchover(data, about));
}

async function discardExpired({ previous, driver }: Engine, now: Date): Promise<void> {
  await previous.change((data) => without(data, isExpired(now), 'expired', now));
  await discardUnreferenced(previous, driver, { log });
}

async function makeBackup({ destination, site, driver }: Engine, run: WatchedRun): Promise<void> {
  const { id: runId, startedAt } = run.record;
  const name = backupName('main', new Date(), randomLetters(6));
  run.record.backupName = name;
  const about = { note: '', trigger: 'manual', runId, startedAt, startedBy: null, isProtected: false } as const;
  await backup({ name, contents: ['database', 'files'], ...about }, site, driver, destination, run);
}

async function makeRestore(engine: Engine, archive: string, run: WatchedRun): Promise<void> {
  const { destination } = engine;
  const open = async () => await ArchiveReader.open(await openLocalArchive(destination.archivePath(archive)));
  const reader = await run.step('open', open);
  try {
    const request = {
      runId: run.record.id,
      slotId: randomLetters(8),
      contents: ['database', 'files'] as const,
      filesMode: 'mirror' as const,
      undoHours: UNDO_HOURS,
      accepted: { acceptWarnings: [], discard: [] },
    };
    const whenStarted = (slots: Slots) => keeping(engine, run, slots);
    const facts = { previous: await engine.previous.read(), archive: { source: 'listed', verified: null } as const };
    const discard = () => Promise.reject(new Error('nothing has to be discarded'));
    await restore(request, { ...engine, ...facts, reader, app, whenStarted, discard }, run);
  } finally {
    await reader.close();
  }
}

async function makeUndo(engine: Engine, run: WatchedRun): Promise<void> {
  const data = await engine.previous.read();
  const last = data.states.at(-1);
  if (!last) throw new Error('there is nothing to undo');
  const reached = slotsToReach(data, last.id, new Date());
  const whenStarted = (slots: Slots) => keeping(engine, run, slots);
  await undo(reached, { runId: run.record.id, undoHours: UNDO_HOURS }, { ...engine, app, whenStarted }, run);
}

/** As an app that starts: recovery, then, when it runs, its confirmation, leftovers and housekeeping. */
async function start(engine: Engine): Promise<void> {
  const parts = { ...engine, log };
  await recover(parts, { before: 'start' });
  reach('recovered');
  await confirm(parts, (found) => keep(engine, found.runId, slotsOf(found)));
  reach('confirmed');
  for (const record of await engine.history.all()) {
    if (isFinal(record)) continue;
    record.status = 'interrupted';
    record.error = { code: 'INTERRUPTED', params: {} };
    record.finishedAt = new Date().toISOString();
    await engine.history.save(record);
  }
  await engine.destination.removeLeftovers(lifeByRecords(await engine.history.all()));
  for (const folder of [engine.site.ownFolder, engine.history.folder]) await removeTemporaries(folder);
  await removeAbandonedFolders();
  await engine.driver.removeLeftovers?.();
  await recover(parts, { before: 'work' });
  await discardExpired(engine, new Date());
}

async function obey(engine: Engine, command: Command): Promise<void> {
  switch (command.do) {
    case 'start':
      return await start(engine);
    case 'backup':
      return await inRun(engine, 'backup', (run) => makeBackup(engine, run));
    case 'restore':
      return await inRun(engine, 'restore', (run) => makeRestore(engine, command.archive, run));
    case 'undo':
      return await inRun(engine, 'undo', (run) => makeUndo(engine, run));
    case 'install':
      throw new Error('there is no app here');
    case 'forget':
      return await discardExpired(engine, new Date(Date.now() + A_YEAR_MS));
  }
}

serve(
  engineOf(place()).then((engine) => ({
    obey: (command) => obey(engine, command),
    shown: () => shownBy(engine),
  })),
);
