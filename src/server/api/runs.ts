import { z } from 'zod';
import { notFound, SafekeepError } from '../../engine/errors';
import type { RunRecord } from '../../engine/history/record';
import type { PreviousData } from '../../engine/previous';
import type { PreviousAnswer, RunLogAnswer } from '../../shared/api';
import type { RunView } from '../../shared/runs';
import { RUNS } from '../catalog/collections';
import { startDiscard } from '../runs/previous';
import { startUndo } from '../runs/undo';
import type { Safekeep } from '../safekeep';
import { listRows } from './list';
import { previousViews } from './previous';
import { action, type Action, inputOf, keyOf, parse, readAction } from './respond';
import { logLineView, runView, storedApiError, type Translate, undoView } from './views';

const logSchema = z.object({ offset: z.coerce.number().int().min(0).default(0) });
const runIdSchema = z.object({ filterByTk: z.string().min(1) });

/** A row of the collection of runs. */
type RunRow = Omit<RunView, 'error' | 'progress' | 'startedAt' | 'cancelling' | 'undo'> & {
  error: unknown;
  startedAt: Date | string;
};

export const runActions: Record<string, Action> = {
  list: readAction(async ({ safekeep, translate, ctx }) => {
    await safekeep.index.catchUp();
    const previous = await safekeep.previous.read();
    return await listRows(ctx, RUNS, (row: RunRow) => viewOfRow(safekeep, row, previous, translate));
  }),

  get: readAction(async ({ safekeep, translate, ctx }): Promise<RunView> => {
    return await viewOf(safekeep, await recordOf(safekeep, keyOf(ctx)), translate);
  }),

  log: readAction(async ({ safekeep, translate, ctx }): Promise<RunLogAnswer> => {
    const { id } = await recordOf(safekeep, keyOf(ctx));
    const { lines, nextOffset } = await safekeep.history.readLog(id, parse(logSchema, ctx.action.params).offset);
    return { lines: lines.map((line) => logLineView(line, translate)), nextOffset };
  }),

  previous: readAction(async ({ safekeep }): Promise<PreviousAnswer> => {
    const data = await safekeep.previous.read();
    const previous = await previousViews(safekeep, data, data.states);
    return { live: data.live.origin, previous: previous.reverse() };
  }),

  cancel: action(async ({ safekeep, translate, ctx }): Promise<RunView> => {
    const record = await recordOf(safekeep, keyOf(ctx));
    const { active } = safekeep.runs;
    if (active?.record.id !== record.id) throw new SafekeepError('NOT_RUNNING');
    active.cancel();
    return await viewOf(safekeep, record, translate);
  }),

  undo: action(async ({ safekeep, actor, ctx }) => {
    const { filterByTk } = parse(runIdSchema, inputOf(ctx));
    return await startUndo(safekeep, filterByTk, actor);
  }),

  discard: action(async ({ safekeep, actor, ctx }) => {
    const { filterByTk } = parse(runIdSchema, inputOf(ctx));
    return await startDiscard(safekeep, filterByTk, actor);
  }),
};

/** The active run in its current state, any other from its file. */
async function recordOf(safekeep: Safekeep, id: string): Promise<RunRecord> {
  const active = safekeep.runs.active?.record;
  const record = active?.id === id ? active : await safekeep.history.load(id);
  if (!record) throw notFound('run', id);
  return record;
}

export async function viewOf(safekeep: Safekeep, record: RunRecord, translate: Translate): Promise<RunView> {
  return viewWith(safekeep, record, await safekeep.previous.read(), translate);
}

function viewWith({ runs }: Safekeep, record: RunRecord, previous: PreviousData, translate: Translate): RunView {
  const isCancelling = runs.active?.record.id === record.id && runs.active.isCancelling;
  return runView(record, { translate, isCancelling, undo: undoView(previous, record.id, new Date()) });
}

function viewOfRow(safekeep: Safekeep, row: RunRow, previous: PreviousData, translate: Translate): RunView {
  const active = safekeep.runs.active?.record;
  if (active?.id === row.id) return viewWith(safekeep, active, previous, translate);
  const iso = (at: Date | string | null | undefined) => (at ? new Date(at).toISOString() : null);
  return {
    ...row,
    steps: row.steps ?? [],
    contents: row.contents ?? [],
    startedAt: iso(row.startedAt) ?? '',
    finishedAt: iso(row.finishedAt),
    progress: { done: 0, total: 0, unit: 'steps' },
    cancelling: false,
    error: storedApiError(row.error, translate),
    undo: undoView(previous, row.id, new Date()),
  };
}
