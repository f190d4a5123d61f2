/** Copies a live SQLite database in one consistent state and returns the copy as the dump. */
import { createReadStream } from 'node:fs';
import { open, truncate } from 'node:fs/promises';
import path from 'node:path';
import type { TableRows } from '../../../shared/manifest';
import type { RunContext } from '../../context';
import { SafekeepError, toSafekeepError } from '../../errors';
import type { Dump, DumpPart, DumpScope } from '../driver';
import { asSqliteError, quoteText, withSqlite, type SqliteConnection } from './connection';
import { checkIntegrity, countTables, emptyTable } from './content';
import { fileRecordsIn } from './rows';
import { removeWithSidecars } from './slots';
import { temporaryName } from './temporary';

export const SQLITE_PART = 'database.sqlite';

/** The copy is rewritten when a larger share of its pages is empty. */
const WORTH_REWRITING = 0.25;

/**
 * The copy is made with VACUUM INTO: under WAL it blocks no other connection; with a rollback journal, other commits wait until it
 * is done. It keeps rowids, sqlite_sequence, user_version, application_id, encoding, page size and auto_vacuum (observed on 3.44.2;
 * the journal mode is the target's own and set on restore).
 * @param live the database file; an inactive one works as well
 * @throws FOLDER_NOT_WRITABLE, DUMP_INCOMPLETE when the database is damaged, NO_SPACE, DATABASE_UNREACHABLE, SERVER_FAILED,
 * CANCELLED
 */
export async function dumpSqlite(live: string, scope: DumpScope, run: RunContext): Promise<Dump> {
  const folder = path.dirname(live);
  const copies = [await reserve(folder)];
  const removeCopies = async () => {
    for (const copy of copies) await removeWithSidecars(copy);
  };
  try {
    const first = copies[0] as string; // Set one line above.
    await withSqlite(live, { signal: run.signal }, (source) => vacuumInto(source, first)).catch((error: unknown) => {
      throw asSqliteError(error, { file: live }, incomplete);
    });
    const counted = await withSqlite(first, { signal: run.signal }, async (copy) => {
      const content = await prepareCopy(copy, scope, run);
      if (content.emptyShare > WORTH_REWRITING) {
        copies.push(await reserve(folder));
        await vacuumInto(copy, copies[1] as string); // Pushed one line above.
      }
      return content;
    });
    if (copies.length > 1) await removeWithSidecars(first);
    return asDump(copies.at(-1) as string, scope, counted, removeCopies);
  } catch (error) {
    await removeCopies();
    throw toSafekeepError(asSqliteError(error, { file: live }, incomplete), folder);
  }
}

/** An empty file that only the current user can read; VACUUM INTO writes into it and keeps its mode. */
async function reserve(folder: string): Promise<string> {
  const file = path.join(folder, temporaryName('sqlite'));
  try {
    await (await open(file, 'wx', 0o600)).close();
  } catch (error) {
    throw new SafekeepError('FOLDER_NOT_WRITABLE', { folder, detail: (error as Error).message }, { cause: error });
  }
  return file;
}

async function vacuumInto(source: SqliteConnection, target: string): Promise<void> {
  const needed = Number(await source.value('PRAGMA page_count')) * Number(await source.value('PRAGMA page_size'));
  try {
    await source.all(`VACUUM INTO ${quoteText(target)}`);
  } catch (error) {
    // The partial copy is no longer needed; without it, the error reports the space that is really free.
    await truncate(target, 0);
    throw asSqliteError(error, { file: target, needed }, incomplete);
  }
}

const incomplete = (detail: string) => new SafekeepError('DUMP_INCOMPLETE', { detail });

interface CopyContent {
  tables: TableRows[];
  version: string;
  /** Share of the copy's empty pages, 0 to 1. */
  emptyShare: number;
}

async function prepareCopy(copy: SqliteConnection, scope: DumpScope, run: RunContext): Promise<CopyContent> {
  // The copy is deleted on any failure, so it needs no journal.
  await copy.all('PRAGMA journal_mode = OFF');
  await copy.all('PRAGMA synchronous = OFF');
  // Skipped rows must not remain readable in the file's free pages.
  await copy.all('PRAGMA secure_delete = ON');
  const emptied = new Set<string>();
  for (const table of scope.excludeRowsOf) {
    const name = await emptyTable(copy, table);
    if (name !== null) emptied.add(name);
  }
  const report = await checkIntegrity(copy);
  if (report.damage.length > 0) {
    throw new SafekeepError('DUMP_INCOMPLETE', {
      detail: { text: 'the database is damaged: {{finding}}', params: { finding: report.damage[0] ?? '' } },
    });
  }
  for (const finding of report.rowFindings) {
    run.log('warn', {
      text: 'The data violates a rule of its own table and is backed up unchanged: {{finding}}',
      params: { finding },
    });
  }
  const tables = await countTables(copy);
  const pages = Number(await copy.value('PRAGMA page_count'));
  const free = Number(await copy.value('PRAGMA freelist_count'));
  return {
    tables: tables.map((table) => (emptied.has(table.name) ? { ...table, dataExcluded: true } : table)),
    version: String(await copy.value('SELECT sqlite_version()')),
    emptyShare: pages > 0 ? free / pages : 0,
  };
}

function asDump(file: string, scope: DumpScope, content: CopyContent, close: () => Promise<void>): Dump {
  async function* parts(): AsyncGenerator<DumpPart> {
    yield { name: SQLITE_PART, stream: createReadStream(file, { highWaterMark: 1 << 20 }) };
  }
  return {
    parts: parts(),
    result: async () => ({
      tables: content.tables,
      tool: { name: 'SQLite', version: content.version },
      parts: [SQLITE_PART],
    }),
    fileRecords: () => fileRecordsIn(file, scope),
    close,
  };
}
