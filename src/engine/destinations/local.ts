import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, open, readdir, readFile, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Manifest } from '../../shared/manifest';
import type { Verification } from '../../shared/runs';
import {
  NO_HARD_LINKS,
  removeTemporaries,
  renameDurably,
  syncFile,
  syncFolder,
  writeFileAtomically,
} from '../atomic-file';
import { notFound, SafekeepError } from '../errors';
import { messageSchema } from '../messages';
import { HEARTBEAT_TIMEOUT_MS } from '../owner';
import { ownedSuffix } from '../temporary-name';

/** The naming rules come from the caller; this file only knows the location of a backup. */
export interface ArchiveNaming {
  extension: string;
  partialExtension: string;
  sidecarExtension: string;
  isName(name: string): boolean;
  parseManifest(manifest: unknown): Manifest;
}

/** The file next to an archive: a cache for lists and checks, never trusted over the archive. */
export interface Sidecar {
  bytes: number;
  /** Hex, of the whole archive. */
  sha256: string;
  manifest: Manifest;
  /** Set by the administrator; can differ from the note in the manifest. */
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

/**
 * ok: it describes the archive. missing: there is no sidecar. mismatch: it describes an archive of another size. unreadable:
 * it exists and cannot be read now; it is never replaced then.
 */
export type SidecarState = 'ok' | 'missing' | 'mismatch' | 'unreadable';

export interface StoredBackup {
  name: string;
  bytes: number;
  /** null unless the state is 'ok'. */
  sidecar: Sidecar | null;
  sidecarState: SidecarState;
  /** Set by the administrator; kept even when the sidecar no longer describes the archive. */
  annotations: Pick<Sidecar, 'note' | 'isProtected'> | null;
}

/** A folder on this server that holds archives. */
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

  /** The file that an archive is written to until it is complete. */
  partialPath(name: string): string {
    return this.archivePath(name) + this.naming.partialExtension;
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.folder);
    return bavail * bsize;
  }

  /** Turns a complete, synced partial archive into an archive. */
  async publish(name: string): Promise<void> {
    await renameDurably(this.partialPath(name), this.archivePath(name));
  }

  /** Adds a complete file as the archive of this name; the file itself stays. @throws NAME_TAKEN, NO_SPACE */
  async adopt(file: string, name: string): Promise<void> {
    const archive = this.archivePath(name);
    const taken = (cause: NodeJS.ErrnoException) =>
      cause.code === 'EEXIST' ? new SafekeepError('NAME_TAKEN', { name }, { cause }) : cause;
    await link(file, archive).catch(async (error: NodeJS.ErrnoException) => {
      if (!NO_HARD_LINKS.has(error.code ?? '')) throw taken(error);
      try {
        await copyFile(file, this.partialPath(name), constants.COPYFILE_EXCL);
        await syncFile(this.partialPath(name));
        // Reserves the name: a rename would replace an existing file.
        await (await open(archive, 'wx')).close();
        await this.publish(name);
      } catch (cause) {
        await this.removePartial(name);
        throw taken(cause as NodeJS.ErrnoException);
      }
    });
    await chmod(archive, 0o600);
    await syncFolder(this.folder);
  }

  async writeSidecar(name: string, sidecar: Sidecar): Promise<void> {
    await writeFileAtomically(this.sidecarPath(name), JSON.stringify(sidecar, null, 2));
  }

  /**
   * Changes a sidecar, one change after the other. The archive is not read: a truncated one keeps its facts.
   * @returns the new sidecar; null when there was none
   * @throws SIDECAR_UNREADABLE
   */
  async changeSidecar(name: string, change: (sidecar: Sidecar) => Sidecar): Promise<Sidecar | null> {
    const work = async () => {
      const found = await this.readSidecar(name);
      if (found === 'unreadable') throw new SafekeepError('SIDECAR_UNREADABLE', { file: this.sidecarPath(name) });
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
    const found = { name, bytes: stats.size };
    const sidecar = await this.readSidecar(name);
    if (sidecar === 'unreadable') return { ...found, sidecar: null, sidecarState: 'unreadable', annotations: null };
    if (!sidecar) return { ...found, sidecar: null, sidecarState: 'missing', annotations: null };
    const annotations = { note: sidecar.note, isProtected: sidecar.isProtected };
    // An archive that failed verification can have changed its size; it stays in the list.
    const fits = sidecar.bytes === stats.size || sidecar.verified?.result === 'failed';
    return fits
      ? { ...found, sidecar, sidecarState: 'ok', annotations }
      : { ...found, sidecar: null, sidecarState: 'mismatch', annotations };
  }

  /** Removes sidecar and archive, where they exist. */
  async remove(name: string): Promise<void> {
    await rm(this.sidecarPath(name), { force: true });
    await rm(this.archivePath(name), { force: true });
    await syncFolder(this.folder);
  }

  async removePartial(name: string): Promise<void> {
    await rm(this.partialPath(name), { force: true });
  }

  /**
   * Removes the leftovers of killed processes: temporary files and partial archives. A partial archive stays while `lifeOf`
   * reports its run as alive, or, for an unknown run, while it is still being written to.
   * @returns the names of the partial archives
   */
  async removeLeftovers(lifeOf: (name: string) => 'alive' | 'dead' | 'unknown'): Promise<string[]> {
    await removeTemporaries(this.folder);
    const ending = this.naming.extension + this.naming.partialExtension;
    const removed: string[] = [];
    for (const file of await readdir(this.folder)) {
      if (!file.endsWith(ending)) continue;
      const life = lifeOf(file.slice(0, -ending.length));
      const stats = await stat(path.join(this.folder, file)).catch(() => null);
      const isIdle = stats !== null && Date.now() - stats.mtimeMs > HEARTBEAT_TIMEOUT_MS;
      if (life === 'alive' || (life === 'unknown' && !isIdle)) continue;
      await rm(path.join(this.folder, file), { force: true });
      removed.push(file);
    }
    return removed;
  }

  /** Checks that the folder can be written to. @throws FOLDER_NOT_WRITABLE */
  async probe(): Promise<void> {
    const file = path.join(this.folder, `.probe-${ownedSuffix()}.tmp`);
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
    if (!this.naming.isName(name)) throw notFound('backup', name);
    return name;
  }

  /** null when there is none or it is invalid; it is then recreated from the archive. */
  private async readSidecar(name: string): Promise<Sidecar | null | 'unreadable'> {
    const text = await readFile(this.sidecarPath(name), 'utf8').catch((error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? null : 'unreadable',
    );
    if (text === null || text === 'unreadable') return text;
    try {
      const { manifest, ...rest } = sidecarSchema.parse(JSON.parse(text));
      return { ...rest, manifest: this.naming.parseManifest(manifest) };
    } catch {
      return null;
    }
  }
}

const verifiedSchema: z.ZodType<Verification> = z.object({
  at: z.string(),
  runId: z.string(),
  result: z.enum(['restorable', 'bytes only', 'failed']),
  detail: messageSchema,
});
/** Before the release of 0.1.0 the name was `pinned`. */
const renamed = (json: unknown): unknown =>
  typeof json === 'object' && json !== null && 'pinned' in json ? { isProtected: json.pinned, ...json } : json;
const sidecarSchema = z.preprocess(
  renamed,
  z.object({
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
  }),
);
