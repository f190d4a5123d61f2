import { z } from 'zod';
import { SafekeepError } from '../../engine/errors';
import type { RunLogAnswer } from '../../shared/api';
import type { RunView } from '../../shared/runs';
import { RUNS } from '../catalog/collections';
import { startUndo } from '../runs/operations';
import type { RunRecord } from '../../engine/history/record';
import type { Safekeep } from '../safekeep';
import { logLineView, runView, storedApiError, type Translate } from './views';
import { listRows } from './list';
import { type Action, action, inputOf, keyOf, parse } from './respond';

const logSchema = z.object({ offset: z.coerce.number().int().min(0).default(0) });
const runIdSchema = z.object({ filterByTk: z.string().min(1) });

type RunRow = Omit<RunView, 'error' | 'progress' | 'startedAt'> & { error: unknown; startedAt: Date | string };

export const runActions: Record<string, Action> = {
  list: action(async ({ safekeep, translate, ctx }) => {
    await safekeep.index.catchUp();
    return await listRows(ctx, RUNS, (row: RunRow) => viewOf(safekeep, row, translate));
  }),

  get: action(async ({ safekeep, translate, ctx }): Promise<RunView> => {
    return runView(await recordOf(safekeep, keyOf(ctx)), translate);
  }),

  log: action(async ({ safekeep, translate, ctx }): Promise<RunLogAnswer> => {
    const { id } = await recordOf(safekeep, keyOf(ctx));
    const { lines, nextOffset } = await safekeep.history.readLog(id, parse(logSchema, ctx.action.params).offset);
    return { lines: lines.map((line) => logLineView(line, translate)), nextOffset };
  }),

  cancel: action(async ({ safekeep, translate, ctx }): Promise<RunView> => {
    const record = await recordOf(safekeep, keyOf(ctx));
    const { active } = safekeep;
    if (active?.record.id !== record.id) throw new SafekeepError('NOT_RUNNING');
    active.cancel();
    return runView(record, translate);
  }),

  undo: action(async ({ safekeep, actor, ctx }) => {
    const { filterByTk } = parse(runIdSchema, inputOf(ctx));
    return await startUndo(safekeep, filterByTk, actor);
  }),
};

/** Whoever is told that a run has ended may start the next one at once. */
async function recordOf(safekeep: Safekeep, id: string): Promise<RunRecord> {
  const active = safekeep.active?.record;
  const record = active?.id === id ? active : await safekeep.history.load(id);
  if (!record) throw new SafekeepError('NOT_FOUND', { what: 'run', name: id });
  return record;
}

function viewOf(safekeep: Safekeep, row: RunRow, translate: Translate): RunView {
  const active = safekeep.active?.record;
  if (active?.id === row.id) return runView(active, translate);
  const iso = (at: Date | string | null | undefined) => (at ? new Date(at).toISOString() : null);
  return {
    ...row,
    startedAt: iso(row.startedAt) ?? '',
    finishedAt: iso(row.finishedAt),
    undoUntil: iso(row.undoUntil),
    progress: { done: 0, total: 0, unit: 'steps' },
    error: storedApiError(row.error, translate),
  };
}
