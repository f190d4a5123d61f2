/**
 * The proof of a backup, top to bottom: every byte is compared with what the archive lists, and the database is loaded
 * into a slot aside, checked and dropped, by the very code that a restore uses. Live data is never touched.
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
import { fill } from './messages';
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

/** What a verification says of a backup; `failure` is why it is refuted. */
export interface Verdict extends Pick<Verification, 'result' | 'detail'> {
  failure: SafekeepError | null;
}

/**
 * Verifies an opened backup. Nothing is left behind, however it ends; what could not be dropped stays in the journal.
 * @throws what says nothing about the backup: NO_SPACE, DATABASE_UNREACHABLE, TOOL_TIMED_OUT, CANCELLED, …
 */
export async function verify({ runId, slotId }: VerifyRequest, parts: VerifyParts, run: VerifyRun): Promise<Verdict> {
  const { reader, driver, journal } = parts;
  const read = await run.step('checksum', () => readAll(reader, run)).catch(verdictOn);
  if (!Array.isArray(read)) return read;
  const { database } = reader.manifest;
  if (!database) return proven({ text: 'Every byte of the uploaded files matches.' });

  const inspection = await inspect(reader.manifest, { slotId, contents: ['database'] }, parts, 'verify');
  const plan = inspection.planning?.plan ?? null;
  const hindrance = hindranceOf(inspection);
  if (hindrance || !plan) {
    run.log('warn', hindrance ?? NO_WAY);
    run.log('info', { text: 'The database of the backup was not loaded; only its bytes were checked' });
    return { result: 'bytes only', detail: hindrance ?? NO_WAY, failure: null };
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
    return verdictOn(error);
  }
  await run.step('drop', drop);
  return proven(proofOf(database));
}

async function readAll(reader: ArchiveReader, run: VerifyRun): Promise<ArchiveEntry[]> {
  const entries = await reader.checkAll(run.signal, (done, total) => run.progress({ done, total, unit: 'bytes' }));
  const files = entries.filter(({ name }) => name.startsWith(FILES_PREFIX));
  const size = readableBytes(files.reduce((sum, { bytes }) => sum + bytes, 0));
  run.log('info', {
    text: 'Every byte is what was backed up: {{entries}} entries, {{count}} uploaded files ({{size}})',
    params: { entries: entries.length, count: files.length, size },
  });
  return entries;
}

async function load(plan: DatabasePlan, entries: ArchiveEntry[], parts: VerifyParts, run: VerifyRun): Promise<void> {
  await run.step('stageDatabase', () => stageDatabase(plan, entries, parts, run));
  await run.step('checkStaged', () => checkDatabase(plan, parts, run));
}

/** Failures that are the backup's own. All others, a full or restarted server above all, fail the run and prove nothing. */
const OF_THE_BACKUP: ReadonlySet<ErrorCode> = new Set([
  'NOT_A_ZIP',
  'NOT_A_BACKUP',
  'ARCHIVE_DAMAGED',
  'ARCHIVE_TRUNCATED',
  'UNSAFE_ENTRY',
  'STAGED_DATA_DIFFERS',
  'TOOL_FAILED',
]);

/** What a failure of opening, reading or loading a backup proves about it. @throws the error itself when that is nothing */
export function verdictOn(error: unknown): Verdict {
  const failure = toSafekeepError(error);
  if (!OF_THE_BACKUP.has(failure.code)) throw failure;
  const { code, params } = failure;
  return { result: 'failed', detail: { text: ERRORS[code].message, params }, failure };
}

function proven(detail: Message): Verdict {
  return { result: 'restorable', detail, failure: null };
}

const NO_WAY: Message = { text: 'The database here offers no way to load it.' };

/** Why the database of a backup can not be loaded here at all; null when it can. Checks of the app do not matter for that. */
function hindranceOf({ checks }: Inspection): Message | null {
  const told = (message: Message) => fill(message.text, message.params);
  for (const check of checks.filter(({ status }) => status === 'blocking')) {
    const sentence = HINDRANCES[check.code];
    if (!sentence) continue;
    return sentence === 'current'
      ? check.current
      : { ...sentence, params: { backup: told(check.backup), current: told(check.current) } };
  }
  return null;
}

/** By code of the check; 'current': the check says it itself. */
const HINDRANCES: Record<Check['code'], Message | 'current'> = {
  dialect: { text: 'The backup is of {{backup}}, the database here is {{current}}.' },
  databaseVersion: { text: 'The backup is of {{backup}}, the database here is {{current}}.' },
  schema: { text: 'The backup is of the schema {{backup}}, the app here works in {{current}}.' },
  encoding: { text: 'The backup has the character set {{backup}}, the database here has {{current}}.' },
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

function proofOf({ tables }: ManifestDatabase): Message {
  const rows = tables.reduce((sum, table) => sum + (table.rows ?? 0), 0);
  const [told, counted] = [tables.length, rows].map(inThousands);
  return {
    text: 'Loaded into a scratch database: {{tables}} tables, {{rows}} rows match.',
    params: { tables: told ?? '', rows: counted ?? '' },
  };
}

/** 12345 -> '12,345'. Not by `toLocaleString`, which groups nothing in the host's process. */
function inThousands(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
