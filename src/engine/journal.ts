/** The journal of a restore: the facts that a later process needs to complete it or roll it back. */
import { readFile, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Message } from '../shared/runs';
import { syncFolder, writeFileAtomically } from './atomic-file';
import type { DatabaseConnection, DatabasePlan } from './databases/driver';
import { SafekeepError } from './errors';
import { folderPlanSchema } from './files/slots';
import { HEARTBEAT_MS, type Life, lifeOf, ownerSchema, thisProcess } from './owner';

const JOURNAL_FORMAT = 2;

/**
 * staging: inactive slots are being filled, live data is untouched. switching over: the switchover has begun. switched over:
 * it is complete, the app is being reloaded. rolling back: the switchover is being reversed.
 */
export type JournalState = 'staging' | 'switching over' | 'switched over' | 'rolling back';

/** restore fills slots and switches over to them; undo switches over to data kept earlier; verify fills slots and discards them. */
export type Direction = 'restore' | 'undo' | 'verify';

/** The database that the slots belong to, without credentials. */
const placeSchema = z.object({
  dialect: z.enum(['postgres', 'mysql', 'mariadb', 'sqlite']),
  host: z.string(),
  port: z.string(),
  database: z.string(),
  schema: z.string(),
  storage: z.string(),
});
export type DatabasePlace = z.infer<typeof placeSchema>;

const DEFAULT_PORTS = { postgres: 5432, mysql: 3306, mariadb: 3306 };

export function placeOf(connection: DatabaseConnection): DatabasePlace {
  const { dialect } = connection;
  if (dialect === 'sqlite') {
    return { dialect, host: '', port: '', database: '', schema: '', storage: connection.storage ?? '' };
  }
  return {
    dialect,
    host: connection.host || 'localhost',
    port: String(connection.port || DEFAULT_PORTS[dialect]),
    database: connection.database ?? '',
    schema: connection.schema ?? '',
    storage: '',
  };
}

export const databasePlanSchema: z.ZodType<DatabasePlan> = z.object({
  dialect: z.enum(['postgres', 'mysql', 'mariadb', 'sqlite']),
  strategy: z.enum(['database', 'schema', 'objects', 'tables', 'names', 'file']),
  id: z.string().regex(/^[a-z0-9]+$/),
  names: z.record(z.string(), z.string()),
});
const settled = z.enum(['before switchover', 'after switchover']);
const journalSchema = z.object({
  format: z.literal(JOURNAL_FORMAT),
  runId: z.string(),
  state: z.enum(['staging', 'switching over', 'switched over', 'rolling back']),
  direction: z.enum(['restore', 'undo', 'verify']),
  database: z.object({ plan: databasePlanSchema, to: settled }).nullable(),
  folders: z.array(z.object({ plan: folderPlanSchema, to: settled })),
  /** How long the data that is replaced will be kept, hours. */
  undoHours: z.number().min(0),
  /** Document roots that storages of the restored data get, by storage name; see `files/plan.ts`. */
  storageRoots: z.record(z.string(), z.string()),
  /** How often the app was started on the new data without a successful start. */
  starts: z.number().int().min(0),
  place: placeSchema,
  owner: ownerSchema,
});
export type Journal = z.infer<typeof journalSchema>;
/** The part that a pipeline writes; format, place and owner are added. */
export type JournalEntry = Omit<Journal, 'format' | 'place' | 'owner'>;

/** The journal file. There is at most one restore at a time. While the file exists, its owner touches it as a heartbeat. */
export class JournalFile {
  private heartbeat: NodeJS.Timeout | undefined;

  constructor(
    readonly file: string,
    private readonly place: () => DatabasePlace,
  ) {}

  /** @throws JOURNAL_UNREADABLE: then nothing must be changed */
  async read(): Promise<Journal | null> {
    const text = await readFile(this.file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw this.unreadable(error.message, error);
    });
    if (text === null) return null;
    try {
      const json: unknown = JSON.parse(text);
      const { format } = z.object({ format: z.number() }).parse(json);
      if (format !== JOURNAL_FORMAT) {
        const params = { format, supported: JOURNAL_FORMAT };
        throw this.unreadable({ text: 'its format is {{format}}, this version supports {{supported}}', params });
      }
      return journalSchema.parse(json);
    } catch (cause) {
      if (cause instanceof SafekeepError) throw cause;
      const issue = cause instanceof z.ZodError ? cause.issues[0] : undefined;
      const detail = issue ? `${issue.path.join('.')}: ${issue.message}` : (cause as Error).message;
      throw this.unreadable(detail, cause);
    }
  }

  /**
   * As `read`, for a caller that will act on it.
   * @throws JOURNAL_UNREADABLE, JOURNAL_IN_USE, JOURNAL_ELSEWHERE
   */
  async take(): Promise<Journal | null> {
    const found = await this.read();
    if (!found) return null;
    const { host, pid } = found.owner;
    if ((await this.life(found)) === 'alive') throw new SafekeepError('JOURNAL_IN_USE', { host, pid });
    const here = this.place();
    const differing = (Object.keys(here) as (keyof DatabasePlace)[]).filter((key) => here[key] !== found.place[key]);
    if (found.database && differing.length > 0) {
      const listed = (place: DatabasePlace) => differing.map((key) => `${key} ${place[key] || '–'}`).join(', ');
      throw new SafekeepError('JOURNAL_ELSEWHERE', { file: this.file, there: listed(found.place), here: listed(here) });
    }
    this.stopHeartbeat();
    return found;
  }

  /** Whether the process that wrote a journal is still working on it. */
  async life(journal: Journal): Promise<Life> {
    const stats = await stat(this.file).catch(() => null);
    return await lifeOf(journal.owner, stats?.mtime ?? new Date(0));
  }

  /** @throws JOURNAL_IN_USE when another process has taken it over meanwhile */
  async write(entry: JournalEntry): Promise<void> {
    if (this.heartbeat) await this.requireMine(entry.runId);
    const journal: Journal = { format: JOURNAL_FORMAT, ...entry, place: this.place(), owner: thisProcess() };
    await writeFileAtomically(this.file, JSON.stringify(journal, null, 2));
    this.heartbeat ??= setInterval(() => {
      const now = new Date();
      // The next write notices a journal that no longer exists.
      utimes(this.file, now, now).catch(() => undefined);
    }, HEARTBEAT_MS).unref();
  }

  async remove(): Promise<void> {
    this.stopHeartbeat();
    await rm(this.file, { force: true });
    await syncFolder(path.dirname(this.file));
  }

  private stopHeartbeat(): void {
    clearInterval(this.heartbeat);
    this.heartbeat = undefined;
  }

  private async requireMine(runId: string): Promise<void> {
    const found = await this.read();
    if (found?.runId === runId && (await this.life(found)) === 'self') return;
    const { host, pid } = found?.owner ?? { host: '?', pid: 0 };
    throw new SafekeepError('JOURNAL_IN_USE', { host, pid });
  }

  private unreadable(detail: string | Message, cause?: unknown): SafekeepError {
    return new SafekeepError('JOURNAL_UNREADABLE', { file: this.file, detail }, { cause });
  }
}
