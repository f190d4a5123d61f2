import { z } from 'zod';
import { ERRORS, type ErrorCode, SafekeepError } from '../errors';
import type { Params } from '../../shared/runs';
import { paramsSchema } from '../messages';
import { ownerSchema, thisProcess } from '../owner';

const codeSchema = z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]);

/** A stored error: translated only when it is shown. An unknown code, of another version, becomes INTERNAL. */
export const storedErrorSchema = z
  .object({ code: z.string(), params: paramsSchema })
  .transform(({ code, params }): StoredError => {
    const known = codeSchema.safeParse(code);
    return known.success ? { code: known.data, params } : { code: 'INTERNAL', params: { detail: code } };
  });
export interface StoredError {
  code: ErrorCode;
  params: Params;
}

/** The record of a run, as stored in its file: the source of truth, which a restore does not touch. */
export const runRecordSchema = z.object({
  id: z.string().regex(/^[0-9]{8}T[0-9]{6}Z-[a-z]{6}$/),
  kind: z.enum(['backup', 'restore', 'undo', 'verify', 'prune']),
  status: z.enum(['pending', 'running', 'succeeded', 'succeeded with warnings', 'failed', 'cancelled', 'interrupted']),
  step: z.string(),
  /** The steps begun so far, in order. */
  steps: z.array(z.string()).default([]),
  percent: z.number(),
  progress: z.object({ done: z.number(), total: z.number(), unit: z.enum(['bytes', 'rows', 'files', 'steps']) }),
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
  backupName: z.string().nullable(),
  /** When that backup was made. */
  backupAt: z.string().nullable().default(null),
  uploadId: z.string().nullable(),
  /** Name of the uploaded file. */
  uploadName: z.string().nullable().default(null),
  note: z.string(),
  trigger: z.enum(['manual', 'schedule', 'api', 'cli', 'pre-restore', 'upload']),
  contents: z.array(z.enum(['database', 'files'])),
  warnings: z.number(),
  error: storedErrorSchema.nullable(),
  startedBy: z.string().nullable(),
  userId: z.union([z.string(), z.number()]).nullable(),
  /** The process that works on the run; it touches the file as a heartbeat. */
  owner: ownerSchema.default({ host: '', pid: 0, space: '', started: '' }),
  /** Undos only: the run whose previous data was brought back, and whether that run was a restore (undo) or an undo (redo). */
  undoOf: z.string().nullable().default(null),
  direction: z.enum(['undo', 'redo']).optional(),
  /** True once the user removed the failed backup from the list. */
  dismissed: z.boolean(),
});
export type RunRecord = z.infer<typeof runRecordSchema>;

/** The record of a run that this process is about to start. */
export function newRecord(known: Pick<RunRecord, 'id' | 'kind' | 'trigger'> & Partial<RunRecord>): RunRecord {
  return {
    status: 'pending',
    step: '',
    steps: [],
    percent: 0,
    progress: { done: 0, total: 0, unit: 'steps' },
    startedAt: new Date().toISOString(),
    finishedAt: null,
    backupName: null,
    backupAt: null,
    uploadId: null,
    uploadName: null,
    note: '',
    contents: [],
    warnings: 0,
    error: null,
    startedBy: null,
    userId: null,
    owner: thisProcess(),
    undoOf: null,
    dismissed: false,
    ...known,
  };
}

export function isFinal(record: Pick<RunRecord, 'status'>): boolean {
  return record.status !== 'pending' && record.status !== 'running';
}

/** Whether a run is making the backup of a name. Runs of processes that have ended must be marked as ended before. */
export function lifeByRecords(records: readonly RunRecord[]): (backupName: string) => 'alive' | 'dead' | 'unknown' {
  return (name) => {
    const record = records.find(({ kind, backupName }) => kind === 'backup' && backupName === name);
    if (!record) return 'unknown';
    return isFinal(record) ? 'dead' : 'alive';
  };
}

export function toStoredError(error: SafekeepError): StoredError {
  return { code: error.code, params: { ...error.params } };
}

export function fromStoredError(stored: StoredError): SafekeepError {
  return new SafekeepError(stored.code, stored.params);
}
