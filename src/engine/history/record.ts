import os from 'node:os';
import { z } from 'zod';
import { slotsSchema } from '../journal';
import { ERRORS, type ErrorCode, SafekeepError } from '../errors';

const errorCodes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** An error as it is kept: translated only when it is told. */
export const storedErrorSchema = z.object({
  code: z.enum(errorCodes),
  params: z.record(z.string(), z.union([z.string(), z.number()])),
});
export type StoredError = z.infer<typeof storedErrorSchema>;

/** The record of a run as its file has it: the truth that survives a restore. */
export const runRecordSchema = z.object({
  id: z.string().regex(/^[0-9]{8}T[0-9]{6}Z-[a-z]{6}$/),
  kind: z.enum(['backup', 'restore', 'undo', 'verify', 'prune']),
  status: z.enum(['pending', 'running', 'succeeded', 'succeeded with warnings', 'failed', 'cancelled', 'interrupted']),
  step: z.string(),
  percent: z.number(),
  progress: z.object({ done: z.number(), total: z.number(), unit: z.enum(['bytes', 'rows', 'files', 'steps']) }),
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
  backupName: z.string().nullable(),
  uploadId: z.string().nullable(),
  note: z.string(),
  trigger: z.enum(['manual', 'schedule', 'api', 'cli', 'pre-restore', 'upload']),
  contents: z.array(z.enum(['database', 'files'])),
  warnings: z.number(),
  error: storedErrorSchema.nullable(),
  startedBy: z.string().nullable(),
  userId: z.union([z.string(), z.number()]).nullable(),
  /** Which process works on it. */
  node: z.object({ host: z.string(), pid: z.number() }),
  /** What a restore exchanged; the state aside is kept until `undoUntil`. */
  slots: slotsSchema.nullable(),
  undoUntil: z.string().nullable(),
  /** Undos only: whether it brought back the state before a restore, or the restored one again. */
  direction: z.enum(['undo', 'redo']).optional(),
  /** True once the administrator has removed the failed backup from the list. */
  dismissed: z.boolean(),
});
export type RunRecord = z.infer<typeof runRecordSchema>;

/** A run that has not begun to work, in this process. */
export function newRecord(known: Pick<RunRecord, 'id' | 'kind' | 'trigger'> & Partial<RunRecord>): RunRecord {
  return {
    status: 'pending',
    step: '',
    percent: 0,
    progress: { done: 0, total: 0, unit: 'steps' },
    startedAt: new Date().toISOString(),
    finishedAt: null,
    backupName: null,
    uploadId: null,
    note: '',
    contents: [],
    warnings: 0,
    error: null,
    startedBy: null,
    userId: null,
    node: { host: os.hostname(), pid: process.pid },
    slots: null,
    undoUntil: null,
    dismissed: false,
    ...known,
  };
}

export function isFinal(record: Pick<RunRecord, 'status'>): boolean {
  return record.status !== 'pending' && record.status !== 'running';
}

export function toStoredError(error: SafekeepError): StoredError {
  return { code: error.code, params: { ...error.params } };
}

export function fromStoredError(stored: StoredError): SafekeepError {
  return new SafekeepError(stored.code, stored.params);
}
