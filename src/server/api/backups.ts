import { z } from 'zod';
import { isBackupName } from '../../engine/archive/format';
import { SafekeepError } from '../../engine/errors';
import type { BackupDetails, CreateBackupAnswer, InspectAnswer, RestoreAnswer, TicketAnswer } from '../../shared/api';
import { BACKUPS } from '../catalog/collections';
import { inspectBackup, startBackup, startRestore, startVerify } from '../runs/operations';
import { rowOfSidecar } from '../catalog/row-index';
import { isFinal } from '../../engine/history/record';
import type { Safekeep } from '../safekeep';
import { readSettings } from '../settings';
import { keepSession } from '../host/session';
import { backupView, type BackupRow, checkView, tell, type Translate } from './views';
import { listRows } from './list';
import { type Action, action, inputOf, keyOf, parse } from './respond';

const contents = z.array(z.enum(['database', 'files'])).min(1);
const createSchema = z.object({
  contents: contents.optional(),
  note: z.string().max(500).optional(),
});
const updateSchema = z.object({ note: z.string().max(500).optional(), isProtected: z.boolean().optional() });
const sourceSchema = z
  .object({ name: z.string().optional(), uploadId: z.string().optional(), contents: contents.optional() })
  .refine(({ name, uploadId }) => Boolean(name) !== Boolean(uploadId), { message: 'give either name or uploadId' });
const restoreSchema = sourceSchema.and(
  z.object({
    filesMode: z.enum(['mirror', 'merge']).optional(),
    acceptWarnings: z.array(z.string()).optional(),
  }),
);
const RELOAD_ONLY = {
  text: 'The app is away while it loads again, usually a few seconds, however large the data is.',
};
const nameSchema = z.object({ name: z.string().min(1) });

export const backupActions: Record<string, Action> = {
  list: action(async ({ safekeep, translate, ctx }) => {
    await safekeep.index.catchUp();
    return await listRows(ctx, BACKUPS, (row: BackupRow) => viewOf(safekeep, row, translate));
  }),

  get: action(async ({ safekeep, translate, ctx }): Promise<BackupDetails> => {
    const row = await rowOf(safekeep, keyOf(ctx));
    const stored = await safekeep.destination.get(row.name);
    return { ...viewOf(safekeep, row, translate), manifest: stored?.sidecar?.manifest ?? null };
  }),

  create: action(async ({ safekeep, actor, ctx }): Promise<CreateBackupAnswer> => {
    const request = parse(createSchema, inputOf(ctx));
    return await startBackup(safekeep, { ...request, trigger: 'manual' }, actor);
  }),

  update: action(async ({ safekeep, translate, ctx }) => {
    const row = await rowOf(safekeep, keyOf(ctx));
    const change = parse(updateSchema, inputOf(ctx));
    const stored = await safekeep.destination.get(row.name);
    const sidecar =
      stored?.sidecar && (await safekeep.destination.changeSidecar(row.name, (own) => ({ ...own, ...change })));
    if (!sidecar) throw new SafekeepError('NOT_FOUND', { what: 'backup', name: row.name });
    const changed = rowOfSidecar(row.name, sidecar);
    await safekeep.index.saveBackup(changed);
    return viewOf(safekeep, changed, translate);
  }),

  destroy: action(async ({ safekeep, ctx }) => {
    const row = await rowOf(safekeep, keyOf(ctx));
    if (row.isProtected) throw new SafekeepError('PROTECTED', { name: row.name });
    const active = safekeep.active?.record;
    if (active?.backupName === row.name) {
      throw new SafekeepError('BUSY', { kind: active.kind, startedAt: active.startedAt });
    }
    await safekeep.destination.remove(row.name);
    const run = row.runId ? await safekeep.history.load(row.runId) : null;
    if (run && isFinal(run)) await safekeep.history.save({ ...run, dismissed: true });
    await safekeep.index.removeBackup(row.name);
    return { name: row.name };
  }),

  verify: action(async ({ safekeep, actor, ctx }) => {
    const { name } = parse(nameSchema, { name: ctx.action.params.filterByTk as unknown, ...inputOf(ctx) });
    return await startVerify(safekeep, { name, trigger: 'manual' }, actor);
  }),

  inspect: action(async ({ safekeep, translate, ctx }): Promise<InspectAnswer> => {
    const request = parse(sourceSchema, inputOf(ctx));
    const { manifest, inspection } = await inspectBackup(safekeep, request);
    const { checks, planning, extraBytes, sharedFolders } = inspection;
    const summary = tell(planning?.summary ?? { text: 'Only files are exchanged.' }, translate);
    const downtime = tell(planning?.downtime ?? RELOAD_ONLY, translate);
    const { undoHours } = await readSettings(safekeep.app);
    return {
      manifest,
      checks: checks.map((check) => checkView(check, translate)),
      restorable: checks.every(({ status }) => status !== 'blocking'),
      plan: { databaseStrategy: planning?.plan?.strategy ?? null, summary, downtime, extraBytes, undoHours },
      sharedFolders,
      appName: safekeep.app.name,
    };
  }),

  restore: action(async ({ safekeep, actor, ctx }): Promise<RestoreAnswer> => {
    const request = parse(restoreSchema, inputOf(ctx));
    return await startRestore(safekeep, request, actor, await keepSession(ctx));
  }),

  rescan: action(async ({ safekeep }) => {
    await safekeep.rescan();
    return { found: (await safekeep.destination.list()).length };
  }),

  ticket: action(async ({ safekeep, ctx }): Promise<TicketAnswer> => {
    const { name } = parse(nameSchema, inputOf(ctx));
    if (!(await safekeep.destination.get(name))) throw new SafekeepError('NOT_FOUND', { what: 'backup', name });
    const { ticket, expiresAt } = safekeep.tickets.issue(name, Date.now());
    const base = (process.env.API_BASE_PATH ?? '/api/').replace(/\/*$/, '/');
    const app = safekeep.app.name === 'main' ? '' : `&__appName=${encodeURIComponent(safekeep.app.name)}`;
    return { url: `${base}${BACKUPS}:download?ticket=${ticket}${app}`, expiresAt: expiresAt.toISOString() };
  }),
};

function viewOf(safekeep: Safekeep, row: BackupRow, translate: Translate) {
  const active = safekeep.active?.record;
  const making = active?.kind === 'backup' && active.backupName === row.name ? active : null;
  return backupView(row, making, translate);
}

async function rowOf(safekeep: Safekeep, name: string): Promise<BackupRow> {
  // A name that no backup can have is not shown to the database, which may choke on it (NUL).
  const row = isBackupName(name) ? await safekeep.index.backup(name) : null;
  if (!row) throw new SafekeepError('NOT_FOUND', { what: 'backup', name });
  return row;
}
