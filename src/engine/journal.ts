/** The journal of a restore: what a later process needs in order to finish it or take it back. */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { syncFolder, writeFileAtomically } from './atomic-file';
import type { DatabasePlan } from './databases/driver';
import { SafekeepError } from './errors';
import type { FolderPlan } from './files/slots';

const JOURNAL_FORMAT = 1;

/**
 * staging: slots aside are being filled, live data is untouched. switching: the exchange has begun. switched: it is
 * done, the app is being reloaded. taking back: the app did not come up, the exchange is being undone.
 */
export type JournalState = 'staging' | 'switching' | 'switched' | 'taking back';

/** restore fills slots and exchanges them; undo exchanges them back, redo forth again. */
export type Direction = 'restore' | 'undo' | 'redo';

export interface Journal {
  format: typeof JOURNAL_FORMAT;
  runId: string;
  state: JournalState;
  direction: Direction;
  database: DatabasePlan | null;
  folders: FolderPlan[];
}

const planSchema: z.ZodType<DatabasePlan> = z.object({
  dialect: z.enum(['postgres', 'mysql', 'mariadb', 'sqlite']),
  strategy: z.enum(['database', 'schema', 'tables', 'file']),
  id: z.string().regex(/^[a-z0-9]+$/),
  names: z.record(z.string(), z.string()),
});
const folderSchema: z.ZodType<FolderPlan> = z.object({
  folder: z.string().refine((folder) => path.isAbsolute(folder)),
  mode: z.enum(['rename', 'children']),
  id: z.string().regex(/^[a-z0-9]+$/),
});
export const slotsSchema = z.object({ database: planSchema.nullable(), folders: z.array(folderSchema) });
const journalSchema: z.ZodType<Journal> = slotsSchema.extend({
  format: z.literal(JOURNAL_FORMAT),
  runId: z.string(),
  state: z.enum(['staging', 'switching', 'switched', 'taking back']),
  direction: z.enum(['restore', 'undo', 'redo']),
});

/** One journal file. There is at most one restore at a time. */
export class JournalFile {
  constructor(private readonly file: string) {}

  /** @throws JOURNAL_UNREADABLE: nothing may be guessed then */
  async read(): Promise<Journal | null> {
    const text = await readFile(this.file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw new SafekeepError('JOURNAL_UNREADABLE', { file: this.file, detail: error.message }, { cause: error });
    });
    if (text === null) return null;
    try {
      return journalSchema.parse(JSON.parse(text));
    } catch (cause) {
      const detail = cause instanceof z.ZodError ? (cause.issues[0]?.message ?? 'not valid') : 'not JSON';
      throw new SafekeepError('JOURNAL_UNREADABLE', { file: this.file, detail }, { cause });
    }
  }

  async write(journal: Omit<Journal, 'format'>): Promise<void> {
    await writeFileAtomically(this.file, JSON.stringify({ format: JOURNAL_FORMAT, ...journal }, null, 2));
  }

  async remove(): Promise<void> {
    await rm(this.file, { force: true });
    await syncFolder(path.dirname(this.file));
  }
}
