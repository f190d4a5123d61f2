/** SQLite: the dump is the database file itself, a restore exchanges files (docs/architecture.md). */
import { createWriteStream } from 'node:fs';
import { access, chmod, chown, constants, open, realpath, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { syncFile, syncFolder } from '../../atomic-file';
import { SafekeepError, toSafekeepError } from '../../errors';
import type { DatabaseConnection, DatabaseDriver, DatabasePlan, DatabasePlanning } from '../driver';
import { asSqliteError, sqliteCode, withSqlite } from './connection';
import { checkIntegrity, countTables, differenceOfTables } from './content';
import { SQLITE_PART, dumpSqlite } from './dump';
import { countRows, fileRecordsIn } from './rows';
import {
  type SqliteSlots,
  inactiveBytes,
  inactiveFile,
  switchOver,
  moveSidecars,
  hasNoInactiveFile,
  positionOf,
  rejoinSidecars,
  removeSidecars,
  removeInactiveFiles,
  settle,
  slotNames,
  slotsOf,
} from './slots';
import { removeLeftovers, temporaryName } from './temporary';

/** How long a switch waits for other connections to let go of the live file. */
const SWITCH_WAIT_MS = 15_000;
const MAGIC = 'SQLite format 3\0';

/**
 * Driver for the file at `connection.storage` (absolute). It opens connections of its own through the `sqlite3` package and
 * keeps none between calls. `switchWaitMs` is for tests.
 */
export function createSqliteDriver(
  connection: DatabaseConnection,
  { switchWaitMs = SWITCH_WAIT_MS } = {},
): DatabaseDriver {
  const live = () => liveFile(connection.storage);
  const slots = async (plan: DatabasePlan) => slotsOf(await live(), plan.names);
  const source = async (inactive?: DatabasePlan) => (inactive ? inactiveFile(await slots(inactive)) : await live());
  return {
    dialect: 'sqlite',
    describe: async (_scope, inactive) => describe(connection, await source(inactive)),
    tools: async () => [],
    dump: async (scope, run, inactive) => dumpSqlite(await source(inactive), scope, run),
    fileRecords: async function* (scope) {
      yield* fileRecordsIn(await live(), scope);
    },
    countRows: async (tables, limitMs) => countRows(await live(), tables, limitMs),
    inactiveBytes: async (plan) => inactiveBytes(await slots(plan)),
    plan: async (id, backup, _scope, purpose) => planFor(id, await live(), backup.dataBytes, purpose ?? 'restore'),
    stage: async (plan, backup, openPart, run) => {
      const { live: current, staged } = await slots(plan);
      const input = await openPart(backup.parts[0] ?? SQLITE_PART);
      const counted = countBytes((done) => {
        run.progress({ done, total: Math.max(done, backup.dataBytes), unit: 'bytes' });
      });
      await pipeline(input, counted, createWriteStream(staged, { flags: 'wx', mode: 0o600 }), {
        signal: run.signal,
      }).catch((error: unknown) => {
        throw toSafekeepError(error, path.dirname(staged));
      });
      await finishStaged(staged, current);
    },
    check: async (plan, backup, run) => {
      const { staged } = await slots(plan);
      let done = 0;
      const total = backup.tables.length;
      await withSqlite(staged, { signal: run.signal }, async (copy) => {
        const { damage } = await checkIntegrity(copy);
        if (damage[0]) throw new SafekeepError('STAGED_DATA_DIFFERS', { detail: damage[0] });
        const found = await countTables(copy, () => run.progress({ done: (done += 1), total, unit: 'steps' }));
        const detail = differenceOfTables(backup.tables, found);
        if (detail) throw new SafekeepError('STAGED_DATA_DIFFERS', { detail });
      }).catch((error: unknown) => {
        const differs = (detail: string) => new SafekeepError('STAGED_DATA_DIFFERS', { detail }, { cause: error });
        throw asSqliteError(error, { file: staged }, differs);
      });
    },
    switchOver: async (plan) => turn(await slots(plan), 'after switchover', switchWaitMs),
    switchBack: async (plan) => turn(await slots(plan), 'before switchover', switchWaitMs),
    position: async (plan) => positionOf(await slots(plan)),
    discard: async (plan) => removeInactiveFiles(await slots(plan)),
    removeLeftovers: async () => removeLeftovers(await live()),
    close: async () => undefined,
  };
}

/** Passes a stream on and tells the bytes so far. */
function countBytes(tell: (done: number) => void): Transform {
  let done = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, next) {
      tell((done += chunk.length));
      next(null, chunk);
    },
  });
}

/** The live file behind links; a missing one keeps its name, its folder is resolved. */
async function liveFile(storage: string | undefined): Promise<string> {
  if (!storage || !path.isAbsolute(storage)) {
    throw new SafekeepError('DATABASE_UNREACHABLE', { detail: `the database is not a file: ${storage ?? ''}` });
  }
  try {
    return await realpath(storage);
  } catch {
    const folder = await realpath(path.dirname(storage)).catch((error: Error) => {
      throw new SafekeepError('DATABASE_UNREACHABLE', { detail: error.message }, { cause: error });
    });
    return path.join(folder, path.basename(storage));
  }
}

async function describe(connection: DatabaseConnection, live: string) {
  try {
    return await withSqlite(live, {}, async (source) => {
      const pages =
        Number(await source.value('PRAGMA page_count')) - Number(await source.value('PRAGMA freelist_count'));
      return {
        dialect: 'sqlite' as const,
        flavour: 'sqlite' as const,
        serverVersion: String(await source.value('SELECT sqlite_version()')),
        underscored: connection.underscored,
        tablePrefix: connection.tablePrefix,
        schema: '',
        encoding: String(await source.value('PRAGMA encoding')),
        collation: 'BINARY',
        timeZone: connection.timeZone ?? '',
        extensions: [],
        roles: [],
        // The dump is the file, so its indexes count.
        dataBytes: pages * Number(await source.value('PRAGMA page_size')),
      };
    });
  } catch (error) {
    throw new SafekeepError('DATABASE_UNREACHABLE', { detail: (error as Error).message }, { cause: error });
  }
}

async function planFor(
  id: string,
  live: string,
  needed: number,
  purpose: 'restore' | 'verify',
): Promise<DatabasePlanning> {
  const folder = path.dirname(live);
  const remedy = { text: 'Give the user that runs NocoBase the right to write there.' };
  const blockers: DatabasePlanning['blockers'] = [];
  const refusal = await refusalToWrite(folder);
  if (refusal) {
    const params = { folder, detail: refusal };
    blockers.push({ reason: { text: 'The folder {{folder}} can not be written to: {{detail}}.', params }, remedy });
  } else if (purpose === 'restore' && !(await isWritable(live))) {
    // It could be exchanged all the same, but it could not be locked meanwhile.
    blockers.push({
      reason: { text: 'The database file {{file}} is only for reading.', params: { file: live } },
      remedy,
    });
  }
  return {
    plan: blockers.length > 0 ? null : { dialect: 'sqlite', strategy: 'file', id, names: slotNames(live, id) },
    blockers,
    warnings: [],
    ...told(path.basename(live), purpose),
    space: { folder, needed },
  };
}

function told(file: string, purpose: 'restore' | 'verify'): Pick<DatabasePlanning, 'summary' | 'downtime'> {
  if (purpose === 'verify') {
    return {
      summary: {
        text: 'The backup is loaded into a new file beside the database file {{file}}, checked and removed.',
        params: { file },
      },
      downtime: { text: 'The app goes on working.' },
    };
  }
  return {
    summary: {
      text: 'The backup is loaded into a new file beside the database file {{file}}; the two are then exchanged in one step.',
      params: { file },
    },
    downtime: { text: 'The app is away while it loads again, usually a few seconds, however large the data is.' },
  };
}

/** Asked without opening it: closing a descriptor of our own would take the locks of the app's connection along. */
async function isWritable(live: string): Promise<boolean> {
  return await access(live, constants.W_OK).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  );
}

/** Why no file can be made in a folder, null when it can. Tried, because rights alone do not tell of read-only mounts. */
async function refusalToWrite(folder: string): Promise<string | null> {
  const probe = path.join(folder, temporaryName('probe'));
  try {
    await (await open(probe, 'wx', 0o600)).close();
    await rm(probe);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Checks the loaded file's first bytes, gives it the live file's mode, owner and journal mode, and makes it durable. */
async function finishStaged(staged: string, live: string): Promise<void> {
  const handle = await open(staged, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, 0);
    if (bytesRead < MAGIC.length || buffer.toString('latin1') !== MAGIC) {
      throw new SafekeepError('ARCHIVE_DAMAGED', { detail: 'its database part is not a SQLite file' });
    }
  } finally {
    await handle.close();
  }
  // A live file that can not be read is a reason to restore, not to stop.
  const mode = await withSqlite(live, {}, (source) => source.value('PRAGMA journal_mode')).catch(() => null);
  await withSqlite(staged, {}, (copy) => copy.all(`PRAGMA journal_mode = ${mode === 'wal' ? 'WAL' : 'DELETE'}`)).catch(
    (error: unknown) => {
      const damaged = (detail: string) => new SafekeepError('ARCHIVE_DAMAGED', { detail }, { cause: error });
      throw asSqliteError(error, { file: staged }, damaged);
    },
  );
  const stats = await stat(live).catch(() => null);
  if (stats) {
    await chmod(staged, stats.mode & 0o777);
    // Only root may give files away; for everyone else the owner is the same anyway.
    await chown(staged, stats.uid, stats.gid).catch(() => undefined);
  }
  await syncFile(staged);
  await syncFolder(path.dirname(staged));
}

/**
 * The atomic exchange, from the other side or from half way; nothing to do on the wanted side, or for an undo with nothing aside.
 * The live database is held locked against every other connection until its name has moved on, and its WAL is in the file by
 * then: nothing is lost, and no journal is left to be applied to the file that takes its place.
 */
async function turn(files: SqliteSlots, to: 'before switchover' | 'after switchover', waitMs: number): Promise<void> {
  try {
    await settle(files);
    await rejoinSidecars(files);
    const position = await positionOf(files);
    if (position === to || (to === 'before switchover' && (await hasNoInactiveFile(files)))) return;
    if (position === 'unclear')
      throw new Error('there is nothing to exchange, or it can not be told which file is live');
    const [incoming, inactive] =
      to === 'after switchover' ? [files.staged, files.previous] : [files.previous, files.staged];
    await switchOverLocked(files.live, incoming, inactive, waitMs);
    await moveSidecars(incoming, files.live);
  } catch (error) {
    const busy = sqliteCode(error) === 'SQLITE_BUSY';
    const detail = busy ? 'another connection still uses the database file' : (error as Error).message;
    throw new SafekeepError('SWITCHOVER_FAILED', { detail }, { cause: error });
  }
}

async function switchOverLocked(live: string, incoming: string, inactive: string, waitMs: number): Promise<void> {
  await removeSidecars(inactive);
  // Windows renames no file that is open.
  const lockOnly = process.platform === 'win32';
  let switched = false;
  const act = async () => {
    await switchOver(live, incoming, inactive);
    switched = true;
  };
  try {
    await withSqlite(live, { busyTimeoutMs: waitMs }, async (current) => {
      await current.all('PRAGMA locking_mode = EXCLUSIVE');
      await current.all('BEGIN EXCLUSIVE');
      await current.all('COMMIT'); // The lock stays: that is what the locking mode means.
      const [checkpoint] = await current.all('PRAGMA wal_checkpoint(TRUNCATE)');
      if (checkpoint?.busy) throw Object.assign(new Error('the WAL is in use'), { code: 'SQLITE_BUSY' });
      if (!lockOnly) await act();
    });
    if (lockOnly) await act();
  } catch (error) {
    // Once exchanged, an error can only come from closing the connection to the file that is aside now.
    if (!switched && !['SQLITE_NOTADB', 'SQLITE_CORRUPT'].includes(sqliteCode(error))) throw error;
    if (!switched) {
      // Nobody can work with a damaged file, so there is nothing to lock. Its journals go aside with it, for a repair.
      await moveSidecars(live, inactive);
      await act();
    }
  }
  // Empty by now, or of no use to anybody: losing this call to a crash does no harm.
  await removeSidecars(live).catch(() => undefined);
}
