/** The backups of one app: the archives in its folder, their sidecars, and the rows that list them. */
import type { Application } from '@nocobase/server';
import { ArchiveReader } from '../../engine/archive/reader';
import { openLocalArchive } from '../../engine/archive/source';
import type { ArchiveFacts } from '../../engine/compatibility';
import type { LocalDestination, Sidecar, StoredBackup } from '../../engine/destinations/local';
import { notFound, SafekeepError } from '../../engine/errors';
import type { RunRecord } from '../../engine/history/record';
import type { RunHistory } from '../../engine/history/run-history';
import { type RetentionDecision, retain } from '../../engine/retention';
import type { Manifest } from '../../shared/manifest';
import { type RowIndex, rowOfSidecar } from './row-index';

export class Catalog {
  constructor(
    private readonly app: Application,
    private readonly destination: LocalDestination,
    private readonly history: RunHistory,
    private readonly index: RowIndex,
  ) {}

  /** @throws NOT_FOUND, and the errors of ArchiveReader.open */
  async open(name: string): Promise<ArchiveReader> {
    const source = await openLocalArchive(this.destination.archivePath(name)).catch((error: unknown) => {
      if (!(error instanceof SafekeepError) || error.code !== 'NOT_FOUND') throw error;
      throw notFound('backup', name);
    });
    return await ArchiveReader.open(source);
  }

  /**
   * Compares an opened archive with the list, without reading its data.
   * @param source the opened archive: a backup of the list, or an upload
   */
  async identify(
    reader: ArchiveReader,
    { name, uploadId }: { name?: string; uploadId?: string },
  ): Promise<ArchiveFacts> {
    if (name === undefined || uploadId !== undefined) return { source: 'uploaded', verified: null };
    const stored = await this.destination.get(name);
    if (stored?.sidecar) {
      const { manifest, verified = null } = stored.sidecar;
      // Both were parsed by the same schema, which also orders their fields.
      const isSame = JSON.stringify(manifest) === JSON.stringify(reader.manifest);
      return { source: isSame ? 'listed' : 'replaced', verified };
    }
    const row = await this.index.backup(name);
    const hasOtherSize = row !== null && row.bytes !== null && Number(row.bytes) !== stored?.bytes;
    const isOther = stored?.sidecarState === 'mismatch' || hasOtherSize || reader.manifest.name !== name;
    return { source: isOther ? 'replaced' : 'listed', verified: row?.verified ?? null };
  }

  /** Rebuilds the rows from the folder and the records of runs. */
  async reconcile(records: readonly RunRecord[]): Promise<void> {
    await this.index.rebuild(await this.destination.list(), records);
  }

  /** As `reconcile`; archives without a matching sidecar get one. @returns the number of backups */
  async rescan(): Promise<number> {
    for (const stored of await this.destination.list()) {
      if (stored.sidecarState === 'missing' || stored.sidecarState === 'mismatch') await this.makeSidecar(stored);
      if (stored.sidecarState === 'unreadable') this.warn(stored.name, 'its sidecar file cannot be read');
    }
    const found = await this.destination.list();
    await this.index.rebuild(found, await this.history.all());
    return found.length;
  }

  /** Changes facts of a backup, in the sidecar and in the list. @throws NOT_FOUND, SIDECAR_UNREADABLE */
  async change(name: string, change: Partial<Sidecar>): Promise<void> {
    const sidecar = await this.destination.changeSidecar(name, (own) => ({ ...own, ...change }));
    if (!sidecar) throw notFound('backup', name);
    await this.index.saveBackup(rowOfSidecar(name, sidecar));
  }

  async remove(name: string): Promise<void> {
    await this.destination.remove(name);
    await this.index.removeBackup(name);
  }

  /** Adds a complete file to the folder as an archive and lists it. @throws NAME_TAKEN */
  async adopt(file: string, manifest: Manifest): Promise<void> {
    await this.destination.adopt(file, manifest.name);
    const stored = await this.destination.get(manifest.name);
    if (stored) await this.makeSidecar(stored);
    await this.reconcile(await this.history.all());
  }

  /** Deletes the backups that retention does not keep. The sidecars decide: rows can be outdated. */
  async applyRetention(maxBackups: number): Promise<RetentionDecision[]> {
    const successful = (await this.destination.list()).flatMap(({ name, sidecar }) => {
      if (!sidecar || sidecar.verified?.result === 'failed') return [];
      const { isProtected, startedAt, manifest } = sidecar;
      return [{ name, isProtected, startedAt, contents: manifest.contents }];
    });
    const removed = retain(successful, maxBackups).filter(({ keep }) => !keep);
    for (const { name } of removed) await this.remove(name);
    return removed;
  }

  private async makeSidecar({ name, bytes, annotations }: StoredBackup): Promise<void> {
    try {
      const reader = await this.open(name);
      try {
        const { manifest } = reader;
        const sha256 = await reader.sha256();
        // The row can still exist without its sidecar.
        const known = annotations ?? (await this.index.backup(name));
        const { note = manifest.note, isProtected = false } = known ?? {};
        const { createdAt } = manifest;
        const times = { startedAt: createdAt, finishedAt: createdAt };
        const own = { note, isProtected: Boolean(isProtected), runId: null, startedBy: null, ...times };
        await this.destination.writeSidecar(name, { bytes, sha256, manifest, ...own });
      } finally {
        await reader.close();
      }
    } catch (error) {
      this.warn(name, String(error));
    }
  }

  private warn(name: string, reason: string): void {
    this.app.log.warn(`Safekeep: ${name} is not listed: ${reason}`);
  }
}
