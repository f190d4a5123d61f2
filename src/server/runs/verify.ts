import { ArchiveReader } from '../../engine/archive/reader';
import { notFound } from '../../engine/errors';
import { type VerifyResult, resultOfFailure, verify } from '../../engine/verify';
import { newSlotId } from '../names';
import type { Safekeep } from '../safekeep';
import { type Actor, startedBy } from './actor';
import { sweep } from './recovery';
import type { RunRecorder } from './recorder';

/** Verifies one backup and records the result in its sidecar. @throws BUSY, NOT_FOUND */
export async function startVerify(safekeep: Safekeep, name: string, actor: Actor): Promise<{ runId: string }> {
  const stored = await safekeep.destination.get(name);
  if (!stored) throw notFound('backup', name);
  const { note = '', startedAt = null, manifest } = stored.sidecar ?? {};
  const contents = manifest?.contents ?? [];
  const about = { kind: 'verify' as const, backupName: name, backupAt: startedAt, note, contents };
  const { record } = await safekeep.runs.begin({ ...about, ...startedBy(actor) }, async (run) => {
    await sweep(safekeep);
    const { failure, ...found } = await verifyStored(safekeep, name, run);
    const verified = { at: new Date().toISOString(), runId: run.record.id, ...found };
    await safekeep.catalog.change(name, { verified });
    if (failure) throw failure;
  });
  return { runId: record.id };
}

async function verifyStored(safekeep: Safekeep, name: string, run: RunRecorder): Promise<VerifyResult> {
  const site = await safekeep.site();
  const opened = await run.step('open', () => safekeep.catalog.open(name)).catch(resultOfFailure);
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
