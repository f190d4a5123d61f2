/** Archives that are not what they should be, made from a good one. */
import archiver from 'archiver';
import { createHash } from 'node:crypto';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { DATABASE_PREFIX, SEAL_DIGITS } from '../../src/engine/archive/format';
import { ArchiveReader } from '../../src/engine/archive/reader';
import { openLocalArchive } from '../../src/engine/archive/source';
import { ArchiveWriter } from '../../src/engine/archive/writer';
import type { ArchiveEntry, Manifest } from '../../src/shared/manifest';
import { removeFolder, temporaryFolder } from './child';

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = temporaryFolder('altered');
  try {
    return await work(folder);
  } finally {
    removeFolder(folder);
  }
}

export interface Alteration {
  /** Changes the manifest's copy in place. */
  manifest?: (manifest: Manifest) => void;
  /** What a part of the dump becomes. */
  dump?: (bytes: Buffer, part: string) => Buffer;
  /** The line of a file in the list of entries. */
  entry?: (entry: ArchiveEntry) => ArchiveEntry;
  /** Entries put in behind the archive's own. */
  moreEntries?: Record<string, string>;
}

/** The archive written anew, whole and sealed, with another manifest, another dump or with more entries. */
export async function altered(
  archive: Buffer,
  {
    manifest: change,
    dump: rewrite = (bytes) => bytes,
    entry: changeEntry = (one) => one,
    moreEntries = {},
  }: Alteration,
): Promise<Buffer> {
  return await inFolder(async (folder) => {
    const [from, to] = [path.join(folder, 'from.zip'), path.join(folder, 'to.zip')];
    writeFileSync(from, archive);
    const reader = await ArchiveReader.open(await openLocalArchive(from));
    const writer = new ArchiveWriter(to, 'deflate');
    try {
      const entries = await reader.entries();
      for (const entry of entries) {
        const part = entry.name.slice(DATABASE_PREFIX.length).replace(/\.zst$/, '');
        if (entry.name.startsWith(DATABASE_PREFIX)) {
          const dump = rewrite(await buffer(await reader.openDatabasePart(part, entries)), part);
          await writer.add(DATABASE_PREFIX + part, Readable.from([dump]), { compression: 'fast' });
        } else {
          const { mtimeMs, mode, recorded } = changeEntry(entry);
          const options = { compression: 'store' as const, mtimeMs, mode, recorded };
          await writer.add(entry.name, await reader.openEntry(entry), options);
        }
      }
      for (const [name, content] of Object.entries(moreEntries)) {
        await writer.add(name, Readable.from([Buffer.from(content)]), { compression: 'store' });
      }
      const manifest = structuredClone(reader.manifest);
      change?.(manifest);
      await writer.finish(manifest);
    } finally {
      await reader.close();
    }
    return readFileSync(to);
  });
}

/** The list of an archive's entries. */
export async function entriesOf(archive: Buffer): Promise<ArchiveEntry[]> {
  return await inFolder(async (folder) => {
    const file = path.join(folder, 'archive.zip');
    writeFileSync(file, archive);
    const reader = await ArchiveReader.open(await openLocalArchive(file));
    return await reader.entries().finally(() => reader.close());
  });
}

/** Gives changed bytes a valid seal. */
export function resealed(archive: Buffer): Buffer {
  const body = archive.subarray(0, -SEAL_DIGITS);
  return Buffer.concat([body, Buffer.from(createHash('sha256').update(body).digest('hex'))]);
}

/** Replaces a name, or any text of the same length, wherever it stands uncompressed. */
export function replaced(archive: Buffer, text: string, by: string): Buffer {
  if (text.length !== by.length) throw new Error('only texts of the same length can be replaced');
  const found = archive.toString('latin1');
  if (!found.includes(text)) throw new Error(`${text} is not in the archive`);
  return resealed(Buffer.from(found.split(text).join(by), 'latin1'));
}

const CENTRAL_HEADER = 0x02014b50;
const CENTRAL_HEADER_BYTES = 46;
const EXTERNAL_ATTRIBUTES_AT = 38;

/** Makes the entry of this name a symbolic link, according to the ZIP's directory. */
export function asSymbolicLink(archive: Buffer, name: string): Buffer {
  const changed = Buffer.from(archive);
  const header = changed.lastIndexOf(name, undefined, 'latin1') - CENTRAL_HEADER_BYTES;
  if (changed.readUInt32LE(header) !== CENTRAL_HEADER) throw new Error(`${name} is not in the directory`);
  changed.writeUInt32LE((0o120777 << 16) >>> 0, header + EXTERNAL_ATTRIBUTES_AT);
  return resealed(changed);
}

/** The same bytes with one bit changed. */
export function flipped(archive: Buffer, at: number): Buffer {
  const changed = Buffer.from(archive);
  changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
  return changed;
}

/** A ZIP archive of somebody else. */
export async function foreignZip(entries: Record<string, string>): Promise<Buffer> {
  return await inFolder(async (folder) => {
    const file = path.join(folder, 'foreign.zip');
    const zip = archiver('zip');
    const sink = createWriteStream(file);
    zip.pipe(sink);
    for (const [name, content] of Object.entries(entries)) zip.append(content, { name });
    await zip.finalize();
    await finished(sink);
    return readFileSync(file);
  });
}
