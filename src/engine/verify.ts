/**
 * The verification of a backup, top to bottom: every byte is compared with the checksums of the archive, and the database is
 * loaded into an inactive slot, checked and discarded, by the same code as in a restore. Live data is never touched.
 */
import type { ArchiveEntry, ManifestDatabase } from '../shared/manifest';
import type { Message, StepOf, Verification } from '../shared/runs';
import { FILES_PREFIX } from './archive/format';
import type { ArchiveReader } from './archive/reader';
import { readableBytes } from './bytes';
import type { Check } from './compatibility';
import type { SteppedRun } from './context';
import type { DatabasePlan } from './databases/driver';
import { type ErrorCode, ERRORS, SafekeepError, toSafekeepError } from './errors';
import { discardSlots, movesOf, type Slots } from './moves';
import { spaceOf } from './files/space';
import { checkDatabase, inspect, type Inspection, type RestoreParts, stageDatabase } from './restore';

export interface VerifyRequest {
  runId: string;
  /** Identifies the slot of this verification; lower-case letters and digits. */
  slotId: string;
}

export type VerifyParts = Pick<RestoreParts, 'reader' | 'site' | 'driver' | 'journal'>;

type VerifyRun = SteppedRun<StepOf<'verify'>>;

/** The result of a verification; `failure` is set when it failed. */
export interface VerifyResult extends Pick<Verification, 'result' | 'detail'> {
  failure: SafekeepError | null;
}

/**
 * Verifies an opened backup. Nothing is left behind; a slot that cannot be discarded stays in the journal.
 * @throws errors that are not the backup's fault: NO_SPACE, DATABASE_UNREACHABLE, TOOL_TIMED_OUT, CANCELLED, …
 */
export async function verify(
  { runId, slotId }: VerifyRequest,
  parts: VerifyParts,
  run: VerifyRun,
): Promise<VerifyResult> {
  const { reader, driver, journal } = parts;
  const read = await run.step('checksum', () => readAll(reader, run)).catch(resultOfFailure);
  if (!Array.isArray(read)) return read;
  const { database } = reader.manifest;
  if (!database) return restorable({ text: 'The checksums of all uploaded files match.' });

  const inspection = await inspect(reader.manifest, { slotId, contents: ['database'] }, parts, 'verify');
  const plan = inspection.planning?.plan ?? null;
  const obstacle = obstacleOf(inspection);
  if (obstacle || !plan) {
    run.log('warn', obstacle ?? NOT_LOADABLE);
    run.log('info', { text: 'The database of the backup was not loaded; only checksums were verified' });
    return { result: 'bytes only', detail: obstacle ?? NOT_LOADABLE, failure: null };
  }
  await requireSpace(inspection);
  const made: Slots = { database: plan, folders: [] };
  const entry = { runId, direction: 'verify', state: 'staging', undoHours: 0, starts: 0, storageRoots: {} } as const;
  await journal.write({ ...entry, ...movesOf(made) });
  const drop = async () => {
    if (await discardSlots(made, driver, run)) await journal.remove();
  };
  try {
    await load(plan, read, parts, run);
    run.pointOfNoReturn();
  } catch (error) {
    await drop();
    run.signal.throwIfAborted();
    return resultOfFailure(error);
  }
  await run.step('drop', drop);
  return restorable(matchOf(database));
}

async function readAll(reader: ArchiveReader, run: VerifyRun): Promise<ArchiveEntry[]> {
  const entries = await reader.checkAll(run.signal, (done, total) => run.progress({ done, total, unit: 'bytes' }));
  const files = entries.filter(({ name }) => name.startsWith(FILES_PREFIX));
  const size = readableBytes(files.reduce((sum, { bytes }) => sum + bytes, 0));
  run.log('info', {
    text: 'All checksums match: {{entries}} entries, {{count}} uploaded files ({{size}})',
    params: { entries: entries.length, count: files.length, size },
  });
  return entries;
}

async function load(plan: DatabasePlan, entries: ArchiveEntry[], parts: VerifyParts, run: VerifyRun): Promise<void> {
  await run.step('stageDatabase', () => stageDatabase(plan, entries, parts, run));
  await run.step('checkStaged', () => checkDatabase(plan, parts, run));
}

/** Failures of the backup itself. All others, such as a full or restarted server, fail the run without a result. */
const OF_THE_BACKUP: ReadonlySet<ErrorCode> = new Set([
  'NOT_A_ZIP',
  'NOT_A_BACKUP',
  'ARCHIVE_DAMAGED',
  'ARCHIVE_TRUNCATED',
  'UNSAFE_ENTRY',
  'STAGED_DATA_DIFFERS',
  'TOOL_FAILED',
]);

/** The result that follows from a failure to open, read or load a backup. @throws the error where it is not the backup's fault */
export function resultOfFailure(error: unknown): VerifyResult {
  const failure = toSafekeepError(error);
  if (!OF_THE_BACKUP.has(failure.code)) throw failure;
  const { code, params } = failure;
  return { result: 'failed', detail: { text: ERRORS[code].message, params }, failure };
}

function restorable(detail: Message): VerifyResult {
  return { result: 'restorable', detail, failure: null };
}

const NOT_LOADABLE: Message = { text: 'The database here cannot load the backup.' };

/** Why the database of a backup cannot be loaded here; null when it can. Checks of the app do not matter for that. */
function obstacleOf({ checks }: Inspection): Message | null {
  for (const check of checks.filter(({ status }) => status === 'blocking')) {
    const sentence = OBSTACLES[check.code];
    if (!sentence) continue;
    return sentence === 'current'
      ? check.current
      : { ...sentence, params: { backup: check.backup, current: check.current } };
  }
  return null;
}

/** By code of the check; 'current': the check's own sentence. */
const OBSTACLES: Record<Check['code'], Message | 'current'> = {
  dialect: { text: 'The backup is from {{backup}}; the database here is {{current}}.' },
  databaseVersion: { text: 'The backup is from {{backup}}; the database here is {{current}}.' },
  schema: { text: 'The backup uses the schema {{backup}}; the app here uses {{current}}.' },
  encoding: { text: 'The backup uses the character set {{backup}}; the database here uses {{current}}.' },
  strategy: 'current',
  tools: 'current',
};

/** @throws NO_SPACE */
async function requireSpace({ planning }: Inspection): Promise<void> {
  const space = await spaceOf(planning?.space ? [planning.space] : []);
  for (const { folder, needed, free } of space) {
    if (free >= needed) continue;
    throw new SafekeepError('NO_SPACE', { folder, needed: readableBytes(needed), free: readableBytes(free) });
  }
}

function matchOf({ tables }: ManifestDatabase): Message {
  const rows = tables.reduce((sum, table) => sum + (table.rows ?? 0), 0);
  const [tableCount = '', rowCount = ''] = [tables.length, rows].map(inThousands);
  return {
    text: 'Loaded into a temporary database: {{tables}} tables, {{rows}} rows match.',
    params: { tables: tableCount, rows: rowCount },
  };
}

/** 12345 -> '12,345'. Not by `toLocaleString`, which groups nothing in the host's process. */
function inThousands(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
