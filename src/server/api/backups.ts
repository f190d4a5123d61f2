import { z } from 'zod';
import { isBackupName } from '../../engine/archive/format';
import { notFound, SafekeepError } from '../../engine/errors';
import { isFinal } from '../../engine/history/record';
import type {
  BackupDetails,
  BackupView,
  CreateBackupAnswer,
  InspectAnswer,
  LiveOrigin,
  PreviewAnswer,
  RestoreAnswer,
  TicketAnswer,
} from '../../shared/api';
import { BACKUPS } from '../catalog/collections';
import { keepSession } from '../host/session';
import { startBackup } from '../runs/backup';
import { previewRestore } from '../runs/preview';
import { inspectBackup, startRestore } from '../runs/restore';
import { busyWith } from '../runs/runs';
import { startVerify } from '../runs/verify';
import type { Safekeep } from '../safekeep';
import { readSettings } from '../settings';
import { listRows } from './list';
import { previousViews } from './previous';
import { action, type Action, inputOf, keyOf, parse, readAction } from './respond';
import { viewOf as viewOfRun } from './runs';
import { backupView, type BackupRow, checkView, translated, type Translate } from './views';

const contents = z.array(z.enum(['database', 'files'])).min(1);
const createSchema = z
  .object({
    contents: contents.optional(),
    note: z.string().max(500).optional(),
    previous: z.string().min(1).optional(),
  })
  .refine(({ contents, previous }) => !contents || !previous, { message: 'give either contents or previous' });
const updateSchema = z.object({ note: z.string().max(500).optional(), isProtected: z.boolean().optional() });
const sourceSchema = z
  .object({ name: z.string().optional(), uploadId: z.string().optional(), contents: contents.optional() })
  .refine(({ name, uploadId }) => Boolean(name) !== Boolean(uploadId), {
    message: 'either name or uploadId is required',
  });
const filesModeSchema = z.object({ filesMode: z.enum(['mirror', 'merge']).optional() });
const restoreSchema = sourceSchema
  .and(filesModeSchema)
  .and(z.object({ acceptWarnings: z.array(z.string()).optional(), discard: z.array(z.string()).optional() }));
const RELOAD_ONLY = {
  text: 'The app is unavailable while it reloads, usually a few seconds, whatever the size of the data.',
};
const nameSchema = z.object({ name: z.string().min(1) });

export const backupActions: Record<string, Action> = {
  list: readAction(async ({ safekeep, translate, ctx }) => {
    await safekeep.index.catchUp();
    const shown = await viewerOf(safekeep, translate);
    return await listRows(ctx, BACKUPS, shown);
  }),

  get: readAction(async ({ safekeep, translate, ctx }): Promise<BackupDetails> => {
    const row = await rowOf(safekeep, keyOf(ctx));
    const stored = await safekeep.destination.get(row.name);
    return { ...(await viewOf(safekeep, row, translate)), manifest: stored?.sidecar?.manifest ?? null };
  }),

  create: action(async ({ safekeep, actor, ctx }): Promise<CreateBackupAnswer> => {
    return await startBackup(safekeep, parse(createSchema, inputOf(ctx)), actor);
  }),

  update: action(async ({ safekeep, translate, ctx }) => {
    const { name } = await rowOf(safekeep, keyOf(ctx));
    const change = parse(updateSchema, inputOf(ctx));
    // Retention deletes unprotected backups: removing the protection requires the permission to delete.
    const mayDelete = Boolean(ctx.can({ resource: BACKUPS, action: 'destroy' }));
    if (change.isProtected === false && !mayDelete) throw new SafekeepError('FORBIDDEN');
    await safekeep.catalog.change(name, change);
    return await viewOf(safekeep, await rowOf(safekeep, name), translate);
  }),

  destroy: action(async ({ safekeep, ctx }) => {
    const row = await rowOf(safekeep, keyOf(ctx));
    const stored = await safekeep.destination.get(row.name);
    if (stored?.sidecarState === 'unreadable') throw new SafekeepError('SIDECAR_UNREADABLE', { file: row.name });
    if (stored?.annotations?.isProtected ?? row.isProtected) throw new SafekeepError('PROTECTED', { name: row.name });
    const active = safekeep.runs.active?.record;
    if (active?.backupName === row.name) throw busyWith(active);
    const run = row.runId ? await safekeep.history.load(row.runId) : null;
    await safekeep.catalog.remove(row.name);
    if (run && isFinal(run)) await safekeep.history.save({ ...run, dismissed: true });
    return { name: row.name };
  }),

  verify: action(async ({ safekeep, actor, ctx }) => {
    const { name } = parse(nameSchema, { name: ctx.action.params.filterByTk as unknown, ...inputOf(ctx) });
    return await startVerify(safekeep, name, actor);
  }),

  inspect: action(async ({ safekeep, translate, ctx }): Promise<InspectAnswer> => {
    const { manifest, inspection } = await inspectBackup(safekeep, parse(sourceSchema, inputOf(ctx)));
    const { checks, planning, extraBytes, sharedFolders, discards } = inspection;
    const summary = translated(planning?.summary ?? { text: 'Only files are restored.' }, translate);
    const downtime = translated(planning?.downtime ?? RELOAD_ONLY, translate);
    const { undoHours } = await readSettings(safekeep.app);
    const previous = await safekeep.previous.read();
    const discarded = previous.states.filter(({ id }) => discards.includes(id));
    const databaseStrategy = planning?.plan?.strategy ?? null;
    return {
      manifest,
      checks: checks.map((check) => checkView(check, translate)),
      restorable: checks.every(({ status }) => status !== 'blocking'),
      plan: { databaseStrategy, summary, downtime, extraBytes, undoHours, sharedFolders },
      appName: safekeep.app.name,
      discards: await previousViews(safekeep, previous, discarded),
    };
  }),

  preview: action(async ({ safekeep, ctx }): Promise<PreviewAnswer> => {
    return await previewRestore(safekeep, parse(sourceSchema.and(filesModeSchema), inputOf(ctx)));
  }),

  restore: action(async ({ safekeep, actor, ctx }): Promise<RestoreAnswer> => {
    const request = parse(restoreSchema, inputOf(ctx));
    return await startRestore(safekeep, request, actor, await keepSession(ctx));
  }),

  rescan: action(async ({ safekeep }) => ({ found: await safekeep.catalog.rescan() })),

  ticket: action(async ({ safekeep, ctx }): Promise<TicketAnswer> => {
    const { name } = parse(nameSchema, inputOf(ctx));
    if (!(await safekeep.destination.get(name))) throw notFound('backup', name);
    const { ticket, expiresAt } = await safekeep.tickets.issue(name, Date.now());
    const base = (process.env.API_BASE_PATH ?? '/api/').replace(/\/*$/, '/');
    const app = safekeep.app.name === 'main' ? '' : `&__appName=${encodeURIComponent(safekeep.app.name)}`;
    return { url: `${base}${BACKUPS}:download?ticket=${ticket}${app}`, expiresAt: expiresAt.toISOString() };
  }),
};

async function viewOf(safekeep: Safekeep, row: BackupRow, translate: Translate): Promise<BackupView> {
  return (await viewerOf(safekeep, translate))(row);
}

/** Views of rows at one moment, with the run in progress and the origin of the live data. */
async function viewerOf(safekeep: Safekeep, translate: Translate): Promise<(row: BackupRow) => BackupView> {
  const active = safekeep.runs.active?.record;
  const making = active?.kind === 'backup' ? await viewOfRun(safekeep, active, translate) : null;
  const live: LiveOrigin | null = (await safekeep.previous.read()).live.origin;
  return (row) => backupView(row, { run: making?.backupName === row.name ? making : null, live, translate });
}

async function rowOf(safekeep: Safekeep, name: string): Promise<BackupRow> {
  // An invalid name is not passed to the database, which can fail on it (NUL).
  const row = isBackupName(name) ? await safekeep.index.backup(name) : null;
  if (!row) throw notFound('backup', name);
  return row;
}
