/** What an administrator can have done: each starts a run and returns at once. */
import { backup } from '../../engine/backup';
import { refuseUnlessFit } from '../../engine/compatibility';
import { SafekeepError } from '../../engine/errors';
import { requireAlone } from '../../engine/files/plan';
import type { FolderPlan } from '../../engine/files/slots';
import { type Slots, undo } from '../../engine/switchover';
import { inspect, restore } from '../../engine/restore';
import { retain } from '../../engine/retention';
import { type Verdict, verdictOn, verify } from '../../engine/verify';
import { backupName } from '../../engine/archive/format';
import { ArchiveReader } from '../../engine/archive/reader';
import type { RestoreRequest } from '../../shared/api';
import type { Content, Trigger } from '../../shared/runs';
import type { Inspection } from '../../engine/restore';
import type { Manifest } from '../../shared/manifest';
import { randomLetters } from '../names';
import { keep, sweep } from './recovery';
import { rowOfRun, rowOfSidecar } from '../catalog/row-index';
import { ownershipOf } from '../host/ownership';
import type { RunRecorder } from './recorder';
import type { Safekeep } from '../safekeep';
import { readSettings } from '../settings';

/** Who asks. */
export interface Actor {
  userId: string | number | null;
  name: string | null;
}

/** @throws BUSY */
export async function startBackup(
  safekeep: Safekeep,
  request: { contents?: readonly Content[]; note?: string; trigger: Trigger },
  actor: Actor,
): Promise<{ runId: string; backupName: string }> {
  const contents = [...(request.contents ?? (await readSettings(safekeep.app)).defaultContents)];
  const name = backupName(safekeep.app.name, new Date(), randomLetters(6));
  const note = request.note ?? '';
  const newRun = { kind: 'backup' as const, trigger: request.trigger, backupName: name, note, contents };
  const work = async (run: RunRecorder) => {
    const { id, startedAt, startedBy } = run.record;
    const driver = safekeep.driver();
    try {
      await safekeep.index.saveBackup(rowOfRun(run.record));
      const wanted = {
        name,
        contents,
        note,
        trigger: request.trigger,
        runId: id,
        startedAt,
        startedBy,
        isProtected: false,
      };
      const sidecar = await backup(wanted, await safekeep.site(), driver, safekeep.destination, run);
      await safekeep.index.saveBackup(rowOfSidecar(name, sidecar));
      await applyRetention(safekeep, run);
    } finally {
      await driver.close();
    }
  };
  const recorder = await safekeep.begin({ ...newRun, ...who(actor) }, work, async (record) => {
    // An archive that was published is a good backup, whatever went wrong behind it.
    if (!(await safekeep.destination.get(name))) await safekeep.index.saveBackup(rowOfRun(record));
  });
  return { runId: recorder.record.id, backupName: name };
}

/** Proves one archive and remembers the result beside it. @throws BUSY, NOT_FOUND */
export async function startVerify(
  safekeep: Safekeep,
  { name, trigger }: { name: string; trigger: Trigger },
  actor: Actor,
): Promise<{ runId: string }> {
  const stored = await safekeep.destination.get(name);
  if (!stored) throw new SafekeepError('NOT_FOUND', { what: 'backup', name });
  const note = stored.sidecar?.note ?? '';
  const newRun = { kind: 'verify' as const, trigger, backupName: name, note, ...who(actor) };
  const { record } = await safekeep.begin(newRun, async (run) => {
    await sweep(safekeep);
    const { failure, ...found } = await verifyStored(safekeep, name, run);
    const verified = { at: new Date().toISOString(), runId: run.record.id, ...found };
    const sidecar = await safekeep.destination.changeSidecar(name, (own) => ({ ...own, verified }));
    if (sidecar) await safekeep.index.saveBackup(rowOfSidecar(name, sidecar));
    if (failure) throw failure;
  });
  return { runId: record.id };
}

async function verifyStored(safekeep: Safekeep, name: string, run: RunRecorder): Promise<Verdict> {
  const site = await safekeep.site();
  const opened = await run.step('open', () => safekeep.openArchive({ name })).catch(verdictOn);
  if (!(opened instanceof ArchiveReader)) return opened;
  const driver = safekeep.driver();
  try {
    const parts = { reader: opened, site, driver, journal: safekeep.journal };
    return await verify({ runId: run.record.id, slotId: newSlotId() }, parts, run);
  } finally {
    await opened.close();
    await driver.close();
  }
}

/**
 * Looks at a backup and at this app; changes nothing.
 * @throws what opening an archive throws, NOT_IN_BACKUP
 */
export async function inspectBackup(
  safekeep: Safekeep,
  request: Pick<RestoreRequest, 'name' | 'uploadId' | 'contents'>,
): Promise<{ manifest: Manifest; inspection: Inspection }> {
  const reader = await safekeep.openArchive(request);
  const driver = safekeep.driver();
  try {
    const { manifest } = reader;
    const wanted = { slotId: newSlotId(), contents: request.contents ?? manifest.contents };
    return { manifest, inspection: await inspect(manifest, wanted, { site: await safekeep.site(), driver }) };
  } finally {
    await driver.close();
    await reader.close();
  }
}

/** Refuses at once what does not fit; the rest is a run. @throws BUSY, INCOMPATIBLE, WARNINGS_NOT_ACCEPTED, … */
export async function startRestore(
  safekeep: Safekeep,
  request: RestoreRequest,
  actor: Actor,
  onRestored: () => Promise<void>,
): Promise<{ runId: string }> {
  const { manifest, inspection } = await inspectBackup(safekeep, request);
  refuseUnlessFit(inspection.checks, request.acceptWarnings ?? []);
  const contents = request.contents ?? manifest.contents;
  const newRun = {
    kind: 'restore' as const,
    trigger: 'manual' as const,
    backupName: manifest.name,
    uploadId: request.uploadId ?? null,
    note: manifest.note,
    contents,
  };
  const { record } = await safekeep.begin({ ...newRun, ...who(actor) }, async (run) => {
    const driver = safekeep.driver();
    const reader = await run.step('open', () => safekeep.openArchive(request));
    try {
      const { undoHours } = await readSettings(safekeep.app);
      const { journal, control } = safekeep;
      await sweep(safekeep);
      const wanted = {
        runId: run.record.id,
        slotId: newSlotId(),
        contents,
        filesMode: request.filesMode ?? 'mirror',
        undoHours,
        acceptWarnings: request.acceptWarnings ?? [],
      };
      const whenUp = async (slots: Slots) => {
        await onRestored();
        await keep(safekeep, run.record, slots, undoHours);
        await run.conclude();
      };
      const ownership = (plans: readonly FolderPlan[]) => ownershipOf(safekeep.app, plans, driver);
      const site = await safekeep.site();
      await restore(wanted, { reader, site, driver, journal, app: control, ownership, whenUp }, run);
      if (request.uploadId) await safekeep.uploads.remove(request.uploadId);
    } finally {
      await reader.close();
      await driver.close();
    }
  });
  return { runId: record.id };
}

/** Switches back to the state before a restore (or before an undo). @throws BUSY, NOTHING_TO_UNDO, NOT_FOUND */
export async function startUndo(safekeep: Safekeep, runId: string, actor: Actor): Promise<{ runId: string }> {
  const earlier = await safekeep.history.load(runId);
  if (!earlier) throw new SafekeepError('NOT_FOUND', { what: 'run', name: runId });
  const { slots } = earlier;
  if (!slots || !earlier.undoUntil) throw new SafekeepError('NOTHING_TO_UNDO');
  const { backupName: name, note, contents } = earlier;
  const direction = earlier.kind === 'restore' || earlier.direction === 'redo' ? ('undo' as const) : ('redo' as const);
  const newRun = { kind: 'undo' as const, direction, trigger: 'manual' as const, backupName: name, note, contents };
  const { record } = await safekeep.begin({ ...newRun, ...who(actor) }, async (run) => {
    const driver = safekeep.driver();
    try {
      const { journal, control } = safekeep;
      const { undoHours } = await readSettings(safekeep.app);
      await sweep(safekeep);
      requireAlone(slots.folders, (await safekeep.site()).otherApps);
      const whenUp = async () => {
        await keep(safekeep, run.record, slots, undoHours);
        await run.conclude();
      };
      const ownership = (plans: readonly FolderPlan[]) => ownershipOf(safekeep.app, plans, driver);
      await undo(slots, { runId: run.record.id, undoHours }, { driver, journal, app: control, ownership, whenUp }, run);
    } finally {
      await driver.close();
    }
  });
  return { runId: record.id };
}

async function applyRetention(safekeep: Safekeep, run: RunRecorder): Promise<void> {
  const { maxBackups } = await readSettings(safekeep.app);
  const good = (await safekeep.index.goodBackups()).map(({ name, isProtected, startedAt }) => {
    return { name, isProtected: Boolean(isProtected), startedAt: new Date(startedAt).toISOString() };
  });
  for (const { name, keep } of retain(good, maxBackups)) {
    if (keep) continue;
    await safekeep.destination.remove(name);
    await safekeep.index.removeBackup(name);
    run.log('info', { text: 'Old backup deleted: {{name}}', params: { name } });
  }
}

function newSlotId(): string {
  return randomLetters(8);
}

function who(actor: Actor): { userId: string | number | null; startedBy: string | null } {
  return { userId: actor.userId, startedBy: actor.name };
}
