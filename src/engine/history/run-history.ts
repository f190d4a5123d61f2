/** Records and logs of runs as files: they survive a restore, which replaces every table. */
import { appendFile, mkdir, open, readdir, readFile, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomically } from '../atomic-file';
import type { LogLine } from '../../shared/runs';
import { type Life, lifeOf } from '../owner';
import { type RunRecord, runRecordSchema } from './record';

const ID = runRecordSchema.shape.id;
/** Limit of one answer. */
const LOG_PAGE_BYTES = 256 * 1024;

export class RunHistory {
  constructor(readonly folder: string) {}

  async prepare(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
  }

  async save(record: RunRecord): Promise<void> {
    await writeFileAtomically(this.file(record.id, 'json'), JSON.stringify(record));
  }

  /** null when there is no record, or an unreadable one. */
  async load(id: string): Promise<RunRecord | null> {
    if (!ID.safeParse(id).success) return null;
    try {
      return runRecordSchema.parse(JSON.parse(await readFile(this.file(id, 'json'), 'utf8')));
    } catch {
      // A record of another version, or a foreign file: ignored.
      return null;
    }
  }

  /** Every run, oldest first. */
  async all(): Promise<RunRecord[]> {
    const ids = (await readdir(this.folder))
      .filter((file) => file.endsWith('.json'))
      .map((file) => file.slice(0, -'.json'.length))
      .sort();
    const records = await Promise.all(ids.map((id) => this.load(id)));
    return records.filter((record) => record !== null);
  }

  /** The heartbeat of the process that works on a run. */
  async touch(id: string): Promise<void> {
    const now = new Date();
    await utimes(this.file(id, 'json'), now, now);
  }

  /** Whether the process that works on a run is still alive. */
  async life(record: Pick<RunRecord, 'id' | 'owner'>): Promise<Life> {
    const stats = await stat(this.file(record.id, 'json')).catch(() => null);
    return await lifeOf(record.owner, stats?.mtime ?? new Date(0));
  }

  async appendLog(id: string, lines: readonly LogLine[]): Promise<void> {
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    await appendFile(this.file(id, 'jsonl'), text, { mode: 0o600 });
  }

  /** Whole lines of the log from a byte offset on; the next call continues at `nextOffset`. */
  async readLog(id: string, offset: number): Promise<{ lines: LogLine[]; nextOffset: number }> {
    if (!ID.safeParse(id).success) return { lines: [], nextOffset: 0 };
    const handle = await open(this.file(id, 'jsonl'), 'r').catch(() => null);
    if (!handle) return { lines: [], nextOffset: offset };
    try {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(LOG_PAGE_BYTES), 0, LOG_PAGE_BYTES, offset);
      const whole = buffer.subarray(0, buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1);
      const lines = whole.toString('utf8').split('\n').filter(Boolean);
      return { lines: lines.map((line) => JSON.parse(line) as LogLine), nextOffset: offset + whole.length };
    } finally {
      await handle.close();
    }
  }

  private file(id: string, extension: 'json' | 'jsonl'): string {
    return path.join(this.folder, `${ID.parse(id)}.${extension}`);
  }
}
