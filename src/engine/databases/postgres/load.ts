/**
 * Loads a dump: structure and rows, then policies, grants and statistics. pg_restore loads them itself where it can (direct.ts).
 * Otherwise it converts the dump to SQL, which a session runs statement by statement: so the load can be part of a transaction that
 * stays open, use other schemas, and resolve unqualified names in functions.
 */
import { SafekeepError } from '../../errors';
import { idleLimitMs, NO_IDLE_LIMIT_MS } from '../../process';
import { beginsRows, ScriptReader, type Statement } from './script';
import { quoteName, quoteText } from './connection';
import { directLoad } from './direct';
import { splitLate } from './late';
import {
  listOf,
  type Load,
  type LoadRequest,
  rowCounter,
  schemasInDump,
  statementsFor,
  targetSchemas,
  throughRestore,
  toolCall,
  wholeScript,
  writeList,
} from './pg-restore';
import type { ArchiveRules, LoadSession, SessionOptions } from './session';
import { isOwnedByThese, parseToc, type RestoreLists, sortToc, type TocEntry } from './toc';

/** The dump's entries, sorted. Read first, because an unreadable dump fails here. */
export async function readLists(load: Load): Promise<RestoreLists> {
  const schemas = schemasInDump(load);
  const lists = sortToc(parseToc(await listOf(load), schemas), schemas);
  if (lists.main.length === 0) {
    throw new SafekeepError('ARCHIVE_DAMAGED', { detail: { text: 'the dump of the database is empty' } });
  }
  if (lists.skipped.length > 0) {
    const entries = lists.skipped.map(({ line }) => line.replace(/^\d+; \d+ \d+ /, '')).slice(0, 20);
    load.run.log('warn', {
      text: 'Not restored because it does not belong to the app’s schemas: {{entries}}',
      params: { entries: entries.join(', ') },
    });
  }
  return lists;
}

/**
 * @returns the missing rest: foreign keys to other schemas, which lock tables there
 * @throws ARCHIVE_DAMAGED, TOOL_FAILED naming the object, SERVER_FAILED, DATABASE_UNREACHABLE, STAGED_DATA_DIFFERS, and what the
 * dump's stream throws
 */
export async function loadInto(session: LoadSession, lists: RestoreLists, load: Load): Promise<Statement[]> {
  const { privileges, run, backup } = load;
  const late = await splitLate(lists, load);
  const keepsOwners = isOwnedByThese(lists.main, privileges.possibleOwners);
  if (!keepsOwners) {
    // If only the name of the app's own role differs, as on another server, nothing is lost.
    run.log(backup.roles.length > 0 ? 'warn' : 'info', {
      text: 'All restored objects belong to the app’s own database role: other owners cannot be set here',
    });
  }
  const path = pathFor(lists, load);
  const owners = ['--no-acl', ...(keepsOwners ? [] : ['--no-owner'])];
  const direct = path ? null : await directLoad(session, late.main, load, owners);
  if (direct) await direct();
  else await loadThrough(session, late.main, load, owners, path);
  await loadStatements(session, late.policies, load);
  if (privileges.ownsSchemas) {
    await loadStatements(session, await statementsFor(load, lists.schemaPrivileges), load, 'lenient');
  }
  const grants = await statementsFor(load, lists.privileges);
  // Privileges granted by another role than the owner are restored in its name, which only a superuser can do.
  const isInNames = grants.some(({ tokens }) => tokens.some(({ raw }) => raw === 'AUTHORIZATION'));
  const strict = keepsOwners && privileges.missingRoles.length === 0 && (privileges.isSuperuser || !isInNames);
  await loadStatements(session, grants, load, strict ? 'strict' : 'lenient');
  run.log('info', {
    text: 'Loaded {{tables}} tables; gathering statistics',
    params: { tables: backup.tables.length },
  });
  await analyze(session, load, path);
  await requirePopulated(session, lists.main, load);
  return late.foreignKeys;
}

/** Runs the foreign keys that `loadInto` returned. @param settings of the session, for as long as they run and after */
export async function loadForeignKeys(
  session: LoadSession,
  keys: Statement[],
  load: Load,
  settings = '',
): Promise<void> {
  await session.lookIn(load.path);
  for (const key of keys) {
    await session.archive(key, rulesOf(load));
    // The script of the keys has limits of its own.
    await session.run(settings);
  }
  await session.reset();
  await session.run(settings);
}

const rulesOf = (load: Load): ArchiveRules => ({
  schemas: schemasInDump(load),
  versionNumber: load.versionNumber,
  ...(load.renaming ? { renaming: load.renaming } : {}),
});

/**
 * The search path in which functions find unqualified names, as in the app: the target schemas, never live ones. null where no
 * function can use it: then every name is taken as it is in the dump.
 */
function pathFor(lists: RestoreLists, load: Load): string[] | null {
  const hasRoutines = lists.main.some(({ type }) => /^(FUNCTION|PROCEDURE|AGGREGATE)$/.test(type));
  return hasRoutines || load.backup.extensions.length > 0 ? load.path : null;
}

async function loadThrough(
  session: LoadSession,
  entries: TocEntry[],
  load: Load,
  owners: string[],
  path: string[] | null,
): Promise<void> {
  const list = await writeList(load, 'main', entries);
  const call = {
    ...toolCall(load, ['-f', '-', ...owners, `--use-list=${list}`]),
    // It prints nothing while the server processes its input, for example an index on a large table.
    idleTimeoutMs: idleLimitMs(NO_IDLE_LIMIT_MS),
  };
  if (path) await session.lookIn(path);
  const rules = rulesOf(load);
  await throughRestore(load, call, { onChunk: rowCounter(load) }, async (script) => {
    const reader = new ScriptReader(wholeScript(script));
    for (let statement = await reader.next(); statement; statement = await reader.next()) {
      await session.archive(statement, rules, beginsRows(statement.tokens) ? reader.rows() : null);
    }
  });
  await session.reset();
}

async function loadStatements(
  session: LoadSession,
  statements: readonly Statement[],
  load: Load,
  how: 'strict' | 'lenient' = 'strict',
): Promise<void> {
  const rules = { ...rulesOf(load), grants: true };
  for (const statement of statements) {
    if (how === 'strict') await session.archive(statement, rules);
    else await session.archiveLeniently(statement, rules);
  }
  await session.reset();
}

/** Without fresh statistics, the app would be slow until autovacuum has run. A partitioned table includes its parts. */
async function analyze(session: LoadSession, load: Load, path: string[] | null): Promise<void> {
  const tables = await session.askRows(
    `SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname IN (${textList(targetSchemas(load))}) AND c.relkind IN ('r', 'm', 'p') AND NOT c.relispartition`,
  );
  if (path) await session.lookIn(path);
  for (const name of tables) await session.run(`ANALYZE ${name.map((part) => quoteName(String(part))).join('.')}`);
  await session.reset();
}

const textList = (texts: readonly string[]) => texts.map((text) => quoteText(text)).join(', ');

/** Row counts cover tables only: a materialized view is checked for being populated. @throws STAGED_DATA_DIFFERS */
async function requirePopulated(session: LoadSession, entries: TocEntry[], load: Load): Promise<void> {
  const filled = entries.filter(({ type }) => type === 'MATERIALIZED VIEW DATA');
  if (filled.length === 0) return;
  const empty = await session.ask(
    `SELECT matviewname FROM pg_matviews WHERE schemaname IN (${textList(targetSchemas(load))}) AND NOT ispopulated`,
  );
  const missing = empty.filter((name) => filled.some(({ nameAndOwner }) => nameAndOwner.startsWith(`${name} `)));
  if (missing.length === 0) return;
  throw new SafekeepError('STAGED_DATA_DIFFERS', {
    detail: { text: 'these materialized views are empty: {{views}}', params: { views: missing.join(', ') } },
  });
}

/** The session's options for a load: its complaints go to the run log. */
export function sessionOptions({ run }: LoadRequest, applicationName: string, database?: string): SessionOptions {
  return {
    applicationName,
    signal: run.signal,
    onComplaint: (line) => run.log('warn', { text: '{{tool}}: {{line}}', params: { tool: 'PostgreSQL', line } }),
    ...(database === undefined ? {} : { database }),
  };
}
