/** SQLite: the dump is the database file itself, a switchover swaps files (docs/architecture.md). */
import { createWriteStream } from 'node:fs';
import { access, chmod, chown, constants, open, realpath, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Message } from '../../../shared/runs';
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

/** How long a switchover waits for other connections to release the live file. */
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

/** Passes a stream on and reports the bytes so far. */
function countBytes(report: (done: number) => void): Transform {
  let done = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, next) {
      report((done += chunk.length));
      next(null, chunk);
    },
  });
}

/** The live file with links resolved; a missing one keeps its name, its folder is resolved. */
async function liveFile(storage: string | undefined): Promise<string> {
  if (!storage || !path.isAbsolute(storage)) {
    throw new SafekeepError('DATABASE_UNREACHABLE', {
      detail: { text: 'the database is not a file: {{storage}}', params: { storage: storage ?? '' } },
    });
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
  const remedy = { text: 'Give the user that runs NocoBase write permission.' };
  const blockers: DatabasePlanning['blockers'] = [];
  const refusal = await refusalToWrite(folder);
  if (refusal) {
    const params = { folder, detail: refusal };
    blockers.push({ reason: { text: 'The folder {{folder}} is not writable: {{detail}}.', params }, remedy });
  } else if (purpose === 'restore' && !(await isWritable(live))) {
    // The file could be renamed all the same, but not locked for the switchover.
    blockers.push({
      reason: { text: 'The database file {{file}} is read-only.', params: { file: live } },
      remedy,
    });
  }
  return {
    plan: blockers.length > 0 ? null : { dialect: 'sqlite', strategy: 'file', id, names: slotNames(live, id) },
    blockers,
    warnings: [],
    ...descriptionOf(path.basename(live), purpose),
    space: { folder, needed },
  };
}

function descriptionOf(file: string, purpose: 'restore' | 'verify'): Pick<DatabasePlanning, 'summary' | 'downtime'> {
  if (purpose === 'verify') {
    return {
      summary: {
        text: 'The backup is loaded into a staging file next to the database file {{file}}, checked, and deleted.',
        params: { file },
      },
      downtime: { text: 'The app stays available.' },
    };
  }
  return {
    summary: {
      text: 'The backup is loaded into a staging file next to the database file {{file}}; the switchover then swaps the two in one step.',
      params: { file },
    },
    downtime: {
      text: 'The app is unavailable while it reloads, usually a few seconds, whatever the size of the data.',
    },
  };
}

/** Checked without opening it: closing a file descriptor would release the locks of the app's connection. */
async function isWritable(live: string): Promise<boolean> {
  return await access(live, constants.W_OK).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  );
}

/** The reason why no file can be created in a folder, null when one can. Tried out, because permissions do not show read-only mounts. */
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
      throw new SafekeepError('ARCHIVE_DAMAGED', { detail: { text: 'its database is not a SQLite file' } });
    }
  } finally {
    await handle.close();
  }
  // An unreadable live file is a reason to restore, not to stop.
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
    // Only root can give files away; for any other user the owner is the same anyway.
    await chown(staged, stats.uid, stats.gid).catch(() => undefined);
  }
  await syncFile(staged);
  await syncFolder(path.dirname(staged));
}

/**
 * The atomic switchover, starting from the other side or from halfway; does nothing on the wanted side, or for a switch back
 * without an inactive file. The live database is locked against every other connection until its file is renamed, and its WAL is
 * merged into the file by then: nothing is lost, and no journal is left to be applied to the file that takes its place.
 */
async function turn(files: SqliteSlots, to: 'before switchover' | 'after switchover', waitMs: number): Promise<void> {
  try {
    await settle(files);
    await rejoinSidecars(files);
    const position = await positionOf(files);
    if (position === to || (to === 'before switchover' && (await hasNoInactiveFile(files)))) return;
    if (position === 'unclear')
      throw refused({ text: 'there is no data to switch to, or it is unclear which file is live' });
    const [incoming, inactive] =
      to === 'after switchover' ? [files.staged, files.previous] : [files.previous, files.staged];
    await switchOverLocked(files.live, incoming, inactive, waitMs);
    await moveSidecars(incoming, files.live);
  } catch (error) {
    if (error instanceof SafekeepError && error.code === 'SWITCHOVER_FAILED') throw error;
    const busy = sqliteCode(error) === 'SQLITE_BUSY';
    throw refused(busy ? { text: 'another connection is using the database file' } : (error as Error).message, error);
  }
}

const refused = (detail: string | Message, cause?: unknown) =>
  new SafekeepError('SWITCHOVER_FAILED', { detail }, { cause });

async function switchOverLocked(live: string, incoming: string, inactive: string, waitMs: number): Promise<void> {
  await removeSidecars(inactive);
  // Windows does not rename open files.
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
      await current.all('COMMIT'); // The exclusive locking mode keeps the lock.
      const [checkpoint] = await current.all('PRAGMA wal_checkpoint(TRUNCATE)');
      if (checkpoint?.busy) throw Object.assign(new Error('the WAL is in use'), { code: 'SQLITE_BUSY' });
      if (!lockOnly) await act();
    });
    if (lockOnly) await act();
  } catch (error) {
    // After the switchover, an error can only come from closing the connection to the file that is now inactive.
    if (!switched && !['SQLITE_NOTADB', 'SQLITE_CORRUPT'].includes(sqliteCode(error))) throw error;
    if (!switched) {
      // No process can use a damaged file, so there is nothing to lock. Its journals move along with it, for a repair.
      await moveSidecars(live, inactive);
      await act();
    }
  }
  // Empty by now or useless: if a crash skips this call, it does no harm.
  await removeSidecars(live).catch(() => undefined);
}
