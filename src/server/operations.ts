/** What an administrator can have done: each starts a run and returns at once. */
import { backup, verifyArchive } from '../engine/backup';
import { refuseUnlessFit } from '../engine/compatibility';
import type { RunContext } from '../engine/context';
import { fill, SafekeepError } from '../engine/errors';
import { dropAside, recover, undo } from '../engine/exchange';
import { inspect, restore } from '../engine/restore';
import { retain } from '../engine/retention';
import { backupName } from '../engine/archive/format';
import type { RestoreRequest } from '../shared/api';
import type { Content, Trigger } from '../shared/runs';
import type { Inspection } from '../engine/restore';
import type { Manifest } from '../shared/manifest';
import { randomLetters } from './names';
import { rowOfRun, rowOfSidecar } from './row-index';
import type { RunRecord } from './runs/record';
import type { RunRecorder } from './runs/recorder';
import type { Safekeep } from './safekeep';
import { DEFAULT_SETTINGS, readSettings } from './settings';

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
      const wanted = { name, contents, note, trigger: request.trigger, runId: id, startedAt, startedBy, pinned: false };
      const sidecar = await backup(wanted, await safekeep.site(), driver, safekeep.storage, run);
      await safekeep.index.saveBackup(rowOfSidecar(name, sidecar));
      await applyRetention(safekeep, run);
    } finally {
      await driver.close();
    }
  };
  const recorder = await safekeep.begin({ ...newRun, ...who(actor) }, work, async (record) => {
    // An archive that was published is a good backup, whatever went wrong behind it.
    if (!(await safekeep.storage.get(name))) await safekeep.index.saveBackup(rowOfRun(record));
  });
  return { runId: recorder.record.id, backupName: name };
}

/** Reads one archive whole and compares every hash. @throws BUSY, NOT_FOUND */
export async function startVerify(safekeep: Safekeep, name: string, actor: Actor): Promise<{ runId: string }> {
  const stored = await safekeep.storage.get(name);
  if (!stored) throw new SafekeepError('NOT_FOUND', { what: 'backup', name });
  const newRun = { kind: 'verify' as const, trigger: 'manual' as const, backupName: name, ...who(actor) };
  const { record } = await safekeep.begin(newRun, async (run) => {
    await run.step('verify', () => verifyArchive(safekeep.storage.archivePath(name), stored.bytes, run));
  });
  return { runId: record.id };
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
      const wanted = {
        runId: run.record.id,
        slotId: newSlotId(),
        contents,
        filesMode: request.filesMode ?? 'mirror',
        acceptWarnings: request.acceptWarnings ?? [],
      };
      const parts = { reader, site: await safekeep.site(), driver, journal, app: control };
      const slots = await restore(wanted, parts, run);
      await onRestored();
      await keepAside(safekeep, run.record, slots, undoHours);
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
  const earlier = await safekeep.runs.load(runId);
  if (!earlier) throw new SafekeepError('NOT_FOUND', { what: 'run', name: runId });
  const { slots } = earlier;
  if (!slots || !earlier.undoUntil) throw new SafekeepError('NOTHING_TO_UNDO');
  const { backupName: name, note, contents } = earlier;
  const newRun = { kind: 'undo' as const, trigger: 'manual' as const, backupName: name, note, contents };
  const { record } = await safekeep.begin({ ...newRun, ...who(actor) }, async (run) => {
    const driver = safekeep.driver();
    try {
      const { journal, control } = safekeep;
      const { undoHours } = await readSettings(safekeep.app);
      await undo(slots, run.record.id, { driver, journal, app: control }, run);
      await keepAside(safekeep, run.record, slots, undoHours);
    } finally {
      await driver.close();
    }
  });
  return { runId: record.id };
}

/** Before the app serves: ends what a killed restore left half way. */
export async function recoverAtStart(safekeep: Safekeep): Promise<void> {
  if (!(await safekeep.journal.read())) return;
  const { app } = safekeep;
  const driver = safekeep.driver();
  await safekeep.control.disconnect();
  try {
    const context = { signal: new AbortController().signal, log: hostLog(safekeep), progress: () => undefined };
    const recovered = await recover({ driver, journal: safekeep.journal }, context);
    const record = recovered && (await safekeep.runs.load(recovered.runId));
    if (!record || !recovered) return;
    record.status = recovered.state === 'new' ? 'succeeded with warnings' : 'interrupted';
    record.error = recovered.state === 'new' ? null : { code: 'INTERRUPTED', params: {} };
    record.finishedAt = new Date().toISOString();
    await safekeep.runs.save(record);
    if (recovered.state === 'new') await keepAside(safekeep, record, recovered.slots, DEFAULT_SETTINGS.undoHours);
    const message = {
      text:
        recovered.state === 'new'
          ? 'The server stopped after the switch; the restored state was kept'
          : 'The server stopped before the switch was complete; the state before was kept',
    };
    await safekeep.runs.appendLog(record.id, [{ at: record.finishedAt, level: 'warn', step: record.step, message }]);
  } finally {
    await driver.close();
    await app.db.reconnect();
  }
}

/** Drops states aside whose time is over, and abandoned uploads. */
export async function dropExpired(safekeep: Safekeep, now: Date): Promise<void> {
  if (safekeep.active) return;
  for (const record of await safekeep.runs.all()) {
    if (record.undoUntil && Date.parse(record.undoUntil) <= now.getTime()) await letGo(safekeep, record);
  }
  await safekeep.uploads.removeAbandoned(now.getTime());
}

/** Keeps what a restore replaced; of earlier restores nothing is kept any more, as their states no longer follow each other. */
async function keepAside(
  safekeep: Safekeep,
  record: RunRecord,
  slots: NonNullable<RunRecord['slots']>,
  undoHours: number,
): Promise<void> {
  for (const earlier of await safekeep.runs.all()) {
    if (earlier.id === record.id || !earlier.undoUntil) continue;
    if (earlier.slots?.database?.id === slots.database?.id && earlier.slots?.folders[0]?.id === slots.folders[0]?.id) {
      earlier.undoUntil = null;
      await safekeep.runs.save(earlier);
      await safekeep.index.saveRun(earlier);
    } else {
      await letGo(safekeep, earlier);
    }
  }
  record.slots = slots;
  record.undoUntil = new Date(Date.now() + undoHours * 3600_000).toISOString();
  await safekeep.runs.save(record);
  if (undoHours === 0) await letGo(safekeep, record);
}

async function letGo(safekeep: Safekeep, record: RunRecord): Promise<void> {
  const driver = safekeep.driver();
  try {
    if (record.slots) await dropAside(record.slots, driver, { log: hostLog(safekeep) });
    record.undoUntil = null;
    record.slots = null;
    await safekeep.runs.save(record);
    await safekeep.index.saveRun(record);
  } finally {
    await driver.close();
  }
}

async function applyRetention(safekeep: Safekeep, run: RunRecorder): Promise<void> {
  const { maxBackups } = await readSettings(safekeep.app);
  const good = (await safekeep.index.goodBackups()).map(({ name, pinned, startedAt }) => {
    return { name, pinned: Boolean(pinned), startedAt: new Date(startedAt).toISOString() };
  });
  for (const { name, keep } of retain(good, maxBackups)) {
    if (keep) continue;
    await safekeep.storage.remove(name);
    await safekeep.index.removeBackup(name);
    run.log('info', { text: 'Old backup deleted: {{name}}', params: { name } });
  }
}

/** For work that belongs to no run: its lines go to the host's own log. */
function hostLog(safekeep: Safekeep): RunContext['log'] {
  return (_level, { text, params }) => void safekeep.app.log.warn(`Safekeep: ${fill(text, params)}`);
}

function newSlotId(): string {
  return randomLetters(8);
}

function who(actor: Actor): { userId: string | number | null; startedBy: string | null } {
  return { userId: actor.userId, startedBy: actor.name };
}
