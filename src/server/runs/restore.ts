import type { ArchiveReader } from '../../engine/archive/reader';
import { requireCompatible } from '../../engine/compatibility';
import { SafekeepError } from '../../engine/errors';
import type { Slots } from '../../engine/moves';
import { inspect, type Inspection, restore } from '../../engine/restore';
import type { RestoreRequest } from '../../shared/api';
import type { Manifest } from '../../shared/manifest';
import { newSlotId } from '../names';
import { ownershipOf } from '../host/ownership';
import { applyStorageRoots } from '../host/storage-roots';
import type { Safekeep } from '../safekeep';
import { readSettings } from '../settings';
import { type Actor, startedBy } from './actor';
import { discardPrevious, housekeepLater, keep } from './previous';
import { sweep } from './recovery';

type Source = Pick<RestoreRequest, 'name' | 'uploadId'>;

/** @throws the errors of ArchiveReader.open, NOT_FOUND, UPLOAD_INCOMPLETE */
export async function openSource(safekeep: Safekeep, { name, uploadId }: Source): Promise<ArchiveReader> {
  return uploadId === undefined ? await safekeep.catalog.open(name ?? '') : await safekeep.uploads.open(uploadId);
}

/**
 * Compares a backup with this app; changes nothing.
 * @throws the errors of `openSource`, NOT_IN_BACKUP
 */
export async function inspectBackup(
  safekeep: Safekeep,
  request: Source & Pick<RestoreRequest, 'contents'>,
): Promise<{ manifest: Manifest; inspection: Inspection }> {
  const reader = await openSource(safekeep, request);
  const driver = safekeep.driver();
  try {
    const { manifest } = reader;
    const wanted = { slotId: newSlotId(), contents: request.contents ?? manifest.contents };
    const parts = { site: await safekeep.site(), driver, previous: await safekeep.previous.read() };
    const archive = await safekeep.catalog.identify(reader, request);
    return { manifest, inspection: await inspect(manifest, wanted, { ...parts, archive }) };
  } finally {
    await driver.close();
    await reader.close();
  }
}

/** Refuses an incompatible backup at once; otherwise starts a run. @throws BUSY, INCOMPATIBLE, WARNINGS_NOT_ACCEPTED, PREVIOUS_AT_RISK, … */
export async function startRestore(
  safekeep: Safekeep,
  request: RestoreRequest,
  actor: Actor,
  onRestored: () => Promise<void>,
): Promise<{ runId: string }> {
  const { acceptWarnings = [], discard = [], filesMode = 'mirror', uploadId = null } = request;
  const { manifest, inspection } = await inspectBackup(safekeep, request);
  requireCompatible(inspection.checks, inspection.discards, { acceptWarnings, discard });
  const contents = request.contents ?? manifest.contents;
  const about = {
    kind: 'restore' as const,
    backupName: manifest.name,
    backupAt: manifest.createdAt,
    uploadId,
    uploadName: uploadId && (await safekeep.uploads.fileName(uploadId)),
    note: manifest.note,
    contents,
  };
  const { record } = await safekeep.runs.begin({ ...about, ...startedBy(actor) }, async (run) => {
    const driver = safekeep.driver();
    const reader = await run.step('open', () => openSource(safekeep, request));
    try {
      if (reader.manifest.entries.sha256 !== manifest.entries.sha256) throw new SafekeepError('ARCHIVE_CHANGED');
      const { undoHours } = await readSettings(safekeep.app);
      const { journal, control } = safekeep;
      await sweep(safekeep);
      const wanted = {
        runId: run.record.id,
        slotId: newSlotId(),
        contents,
        filesMode,
        undoHours,
        accepted: { acceptWarnings, discard },
      };
      const whenStarted = async (slots: Slots, storageRoots: Record<string, string>) => {
        await onRestored();
        await applyStorageRoots(safekeep.app, storageRoots);
        await keep(safekeep, run.record, slots, undoHours);
        await run.conclude();
      };
      const previous = await safekeep.previous.read();
      const archive = await safekeep.catalog.identify(reader, request);
      const ownership = ownershipOf(safekeep.app, driver);
      const site = await safekeep.site();
      const parts = { reader, site, driver, journal, app: control, ownership, whenStarted, previous, archive };
      await restore(wanted, { ...parts, discard: (ids) => discardPrevious(safekeep, ids, run) }, run);
      if (uploadId) await safekeep.uploads.remove(uploadId);
    } finally {
      await reader.close();
      await driver.close();
    }
  });
  housekeepLater(safekeep);
  return { runId: record.id };
}
