import { mkdir, open, readdir, readFile, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Manifest } from '../../shared/manifest';
import type { Verification } from '../../shared/runs';
import { renameDurably, syncFolder, writeFileAtomically } from '../atomic-file';
import { SafekeepError } from '../errors';

/** Names are handed in by the caller, who knows what a backup is called; this file only knows where it lies. */
export interface ArchiveNaming {
  extension: string;
  partialExtension: string;
  sidecarExtension: string;
  isName(name: string): boolean;
  parseManifest(manifest: unknown): Manifest;
}

/** What lies beside an archive: a cache for lists and guards, never trusted over the archive. */
export interface Sidecar {
  bytes: number;
  /** Hex, of the whole archive. */
  sha256: string;
  manifest: Manifest;
  /** The administrator's, may differ from the manifest's. */
  note: string;
  isProtected: boolean;
  runId: string | null;
  /** ISO 8601, UTC. */
  startedAt: string;
  finishedAt: string;
  startedBy: string | null;
  /** The last verification; absent before the first. */
  verified?: Verification;
}

export interface StoredBackup {
  name: string;
  bytes: number;
  /** null when there is none or it does not fit the archive. */
  sidecar: Sidecar | null;
}

/** A folder on this server that keeps archives. */
export class LocalDestination {
  private changing: Promise<unknown> = Promise.resolve();

  constructor(
    readonly folder: string,
    private readonly naming: ArchiveNaming,
  ) {}

  /** @throws FOLDER_NOT_WRITABLE */
  async prepare(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
      throw new SafekeepError('FOLDER_NOT_WRITABLE', { folder: this.folder, detail: cause.message }, { cause });
    });
  }

  archivePath(name: string): string {
    return path.join(this.folder, this.checked(name) + this.naming.extension);
  }

  /** Where an archive is written before it is whole. */
  partialPath(name: string): string {
    return this.archivePath(name) + this.naming.partialExtension;
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.folder);
    return bavail * bsize;
  }

  /** Makes a finished, synced partial archive an archive. */
  async publish(name: string): Promise<void> {
    await renameDurably(this.partialPath(name), this.archivePath(name));
  }

  async writeSidecar(name: string, sidecar: Sidecar): Promise<void> {
    await writeFileAtomically(this.sidecarPath(name), JSON.stringify(sidecar, null, 2));
  }

  /**
   * Changes a sidecar, one change after the other. The archive is not looked at: one that has become too short keeps
   * what was known of it.
   * @returns the new one; null when there was none
   */
  async changeSidecar(name: string, change: (sidecar: Sidecar) => Sidecar): Promise<Sidecar | null> {
    const work = async () => {
      const found = await this.readSidecar(name);
      const changed = found && change(found);
      if (changed) await this.writeSidecar(name, changed);
      return changed;
    };
    const done = this.changing.then(work, work);
    this.changing = done.catch(() => undefined);
    return await done;
  }

  /** Every archive in the folder, newest name last. */
  async list(): Promise<StoredBackup[]> {
    const names = (await readdir(this.folder))
      .filter((file) => file.endsWith(this.naming.extension))
      .map((file) => file.slice(0, -this.naming.extension.length))
      .filter((name) => this.naming.isName(name));
    const found = await Promise.all(names.sort().map(async (name) => await this.get(name)));
    return found.filter((backup) => backup !== null);
  }

  async get(name: string): Promise<StoredBackup | null> {
    const stats = await stat(this.archivePath(name)).catch(() => null);
    if (!stats?.isFile()) return null;
    const sidecar = await this.readSidecar(name);
    // An archive that was found damaged may have another size than it had: it stays in the list, as what it is.
    const fits = sidecar?.bytes === stats.size || sidecar?.verified?.result === 'failed';
    return { name, bytes: stats.size, sidecar: fits ? sidecar : null };
  }

  /** Removes sidecar and archive. Nothing happens when they are gone already. */
  async remove(name: string): Promise<void> {
    await rm(this.sidecarPath(name), { force: true });
    await rm(this.archivePath(name), { force: true });
    await syncFolder(this.folder);
  }

  async removePartial(name: string): Promise<void> {
    await rm(this.partialPath(name), { force: true });
  }

  /** Removes what killed processes left; to be called while nothing writes here. Returns the names of the files. */
  async removeLeftovers(): Promise<string[]> {
    const files = await readdir(this.folder);
    const left = files.filter((file) => file.endsWith(this.naming.partialExtension) || file.endsWith('.tmp'));
    for (const file of left) await rm(path.join(this.folder, file), { force: true });
    return left;
  }

  /** Tells at once whether the folder can be written to. @throws FOLDER_NOT_WRITABLE */
  async probe(): Promise<void> {
    const file = path.join(this.folder, `.probe-${process.pid}.tmp`);
    try {
      const handle = await open(file, 'w', 0o600);
      await handle.close();
      await rm(file, { force: true });
    } catch (cause) {
      const detail = (cause as NodeJS.ErrnoException).code ?? String(cause);
      throw new SafekeepError('FOLDER_NOT_WRITABLE', { folder: this.folder, detail }, { cause });
    }
  }

  private sidecarPath(name: string): string {
    return this.archivePath(name) + this.naming.sidecarExtension;
  }

  private checked(name: string): string {
    if (!this.naming.isName(name)) throw new SafekeepError('NOT_FOUND', { what: 'backup', name });
    return name;
  }

  private async readSidecar(name: string): Promise<Sidecar | null> {
    try {
      const json: unknown = JSON.parse(await readFile(this.sidecarPath(name), 'utf8'));
      const { manifest, ...rest } = sidecarSchema.parse(json);
      return { ...rest, manifest: this.naming.parseManifest(manifest) };
    } catch {
      // A cache that is missing or wrong is made anew from the archive.
      return null;
    }
  }
}

const messageSchema = z.object({
  text: z.string(),
  params: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
});
const verifiedSchema: z.ZodType<Verification> = z.object({
  at: z.string(),
  runId: z.string(),
  result: z.enum(['restorable', 'bytes only', 'failed']),
  detail: messageSchema,
});
const sidecarSchema = z.object({
  bytes: z.number(),
  sha256: z.string(),
  manifest: z.unknown(),
  note: z.string(),
  isProtected: z.boolean(),
  runId: z.string().nullable(),
  startedAt: z.string(),
  finishedAt: z.string(),
  startedBy: z.string().nullable(),
  verified: verifiedSchema.optional(),
});
