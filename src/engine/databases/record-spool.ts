/** Keeps file records until they are read: a few in memory, many in a temporary file. */
import { createReadStream } from 'node:fs';
import { appendFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { makeTemporaryFolder } from '../temporary-folder';
import type { FileRecord } from './driver';

/** Memory limit, in UTF-16 units. */
const MEMORY_UNITS = 1 << 18;

export class RecordSpool {
  private lines: string[] = [];
  private units = 0;
  private folder: string | null = null;

  constructor(private readonly memoryUnits = MEMORY_UNITS) {}

  add(record: FileRecord): void {
    const line = JSON.stringify(record);
    this.lines.push(line);
    this.units += line.length;
  }

  /** Moves large contents of memory to the file; to be awaited between batches of `add`. */
  async relieve(): Promise<void> {
    if (this.units < this.memoryUnits) return;
    this.folder ??= await makeTemporaryFolder();
    await appendFile(this.file(this.folder), this.lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
    this.lines = [];
    this.units = 0;
  }

  /** All records in the order in which they were added; can be read more than once. */
  async *read(): AsyncGenerator<FileRecord> {
    if (this.folder !== null) {
      const lines = createInterface({ input: createReadStream(this.file(this.folder)), crlfDelay: Infinity });
      for await (const line of lines) yield JSON.parse(line) as FileRecord;
    }
    for (const line of this.lines) yield JSON.parse(line) as FileRecord;
  }

  /** Idempotent. */
  async remove(): Promise<void> {
    if (this.folder !== null) await rm(this.folder, { recursive: true, force: true });
    this.folder = null;
    this.lines = [];
    this.units = 0;
  }

  private file(folder: string): string {
    return path.join(folder, 'records.jsonl');
  }
}
