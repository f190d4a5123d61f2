/**
 * The table of contents of a dump in pg_dump's custom format, read from the file itself: unlike `pg_restore --list`, it includes
 * the SQL of each entry. Versions 1.14 to 1.16 of the format, written by pg_dump 12 to 18 (pg_backup_archiver.c, ReadHead and
 * ReadToc).
 */
import type { Readable } from 'node:stream';

export interface StoredEntry {
  dumpId: number;
  /** The entry has data. */
  hasData: boolean;
  tag: string;
  /** 'TABLE', 'TABLE DATA', … */
  type: string;
  /** '' where there is none. */
  definition: string;
  drop: string;
  copy: string;
  schema: string;
}

const MAGIC = 'PGDMP';
const MAX_TOC_BYTES = 256 * 1024 * 1024;
/** Fields of the dump's time: seconds to the daylight saving flag. */
const TIME_FIELDS = 7;

class NeedsMore extends Error {}

class Cursor {
  at = 0;
  intSize = 4;
  offsetSize = 8;

  constructor(private readonly bytes: Buffer) {}

  skip(count: number): Buffer {
    if (this.at + count > this.bytes.length) throw new NeedsMore();
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  byte(): number {
    return this.skip(1).readUInt8(0);
  }

  int(): number {
    const sign = this.byte();
    const value = this.skip(this.intSize).readUIntLE(0, this.intSize);
    return sign === 0 ? value : -value;
  }

  /** Bytes as latin1. */
  text(): string | null {
    const length = this.int();
    return length < 0 ? null : this.skip(length).toString('latin1');
  }
}

/** @returns null for a file that is not such a dump or has an unknown version; reads no more of the stream than needed */
export async function readArchiveToc(source: Readable): Promise<StoredEntry[] | null> {
  let bytes = Buffer.alloc(0);
  let pending: Buffer[] = [];
  let size = 0;
  for await (const chunk of source) {
    pending.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size < 2 * bytes.length) continue;
    bytes = Buffer.concat([bytes, ...pending]);
    pending = [];
    const entries = entriesIn(bytes);
    if (entries !== 'more') return entries;
    if (size > MAX_TOC_BYTES) return null;
  }
  const entries = entriesIn(Buffer.concat([bytes, ...pending]));
  return entries === 'more' ? null : entries;
}

function entriesIn(bytes: Buffer): StoredEntry[] | null | 'more' {
  try {
    return parse(new Cursor(bytes));
  } catch (error) {
    if (error instanceof NeedsMore) return 'more';
    throw error;
  }
}

function parse(cursor: Cursor): StoredEntry[] | null {
  if (cursor.skip(MAGIC.length).toString('latin1') !== MAGIC) return null;
  const [major, minor] = [cursor.byte(), cursor.byte()];
  cursor.byte(); // Revision.
  if (major !== 1 || minor < 14 || minor > 16) return null;
  cursor.intSize = cursor.byte();
  cursor.offsetSize = cursor.byte();
  if (cursor.intSize > 6 || cursor.intSize === 0) return null;
  cursor.byte(); // Format.
  if (minor >= 15)
    cursor.byte(); // Compression; a level before.
  else cursor.int();
  for (let i = 0; i < TIME_FIELDS; i += 1) cursor.int();
  for (let i = 0; i < 3; i += 1) cursor.text(); // Database, versions of server and tool.
  const count = cursor.int();
  const entries: StoredEntry[] = [];
  for (let i = 0; i < count; i += 1) entries.push(parseEntry(cursor, minor));
  return entries;
}

function parseEntry(cursor: Cursor, minor: number): StoredEntry {
  const text = () => cursor.text() ?? '';
  const dumpId = cursor.int();
  const hasData = cursor.int() !== 0;
  cursor.text(); // OIDs of catalog and object.
  cursor.text();
  const [tag, type] = [text(), text()];
  cursor.int(); // Section.
  const [definition, drop, copy, schema] = [text(), text(), text(), text()];
  cursor.text(); // Tablespace, access method.
  cursor.text();
  if (minor >= 16) cursor.int(); // Kind of relation.
  cursor.text(); // Owner.
  cursor.text(); // With OIDs: always false.
  while (cursor.text() !== null); // Dependencies.
  cursor.skip(1 + cursor.offsetSize); // Position of its data.
  return { dumpId, hasData, tag, type, definition, drop, copy, schema };
}
