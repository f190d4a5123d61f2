/**
 * Loads a dump into a psql session: pg_restore turns it into SQL, psql runs it. Not `pg_restore -d`, because only so can the load
 * be part of a transaction that stays open, and because pg_restore 17 and newer set a parameter that older servers refuse.
 */
import { PassThrough, Transform, type Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SafekeepError } from '../../errors';
import { idleLimitMs, NO_IDLE_LIMIT_MS, openTool } from '../../process';
import { quoteText, type ToolEnvironment } from './connection';
import { DUMP_PART } from './dump';
import { splitLate } from './late';
import {
  type Load,
  type LoadRequest,
  restoreText,
  SCRIPT_END,
  SCRIPT_TAIL_BYTES,
  scriptCut,
  scriptOf,
  toolCall,
  withoutUnknownSettings,
  writeList,
} from './pg-restore';
import { countLines, drained, PsqlSession } from './psql';
import { renameIn } from './rename';
import { rewriting } from './script';
import { isOwnedByThese, parseToc, type RestoreLists, sortToc, type TocEntry } from './toc';

/** The dump's entries, sorted. Read before anything is begun, since it may show that the dump can not be read. */
export async function readLists(load: Load): Promise<RestoreLists> {
  const text = await restoreText(load, ['--list']);
  const lists = sortToc(parseToc(text, load.schemas), load.schemas);
  if (lists.main.length === 0)
    throw new SafekeepError('ARCHIVE_DAMAGED', { detail: 'the dump of the database is empty' });
  if (lists.skipped.length > 0) {
    const entries = lists.skipped.map(({ line }) => line.replace(/^\d+; \d+ \d+ /, '')).slice(0, 20);
    load.run.log('warn', {
      text: 'Not restored, since it does not belong to the app’s schemas: {{entries}}',
      params: { entries: entries.join(', ') },
    });
  }
  return lists;
}

/**
 * Structure and data first, then rights. @returns the script of what is still missing: foreign keys to other schemas, which lock
 * tables there @throws TOOL_FAILED naming the object, STAGED_DATA_DIFFERS, and what the dump's stream throws
 */
export async function loadInto(session: PsqlSession, lists: RestoreLists, load: Load): Promise<string> {
  const { privileges, run, backup } = load;
  const late = await splitLate(lists, load);
  const keepsOwners = isOwnedByThese(lists.main, privileges.possibleOwners);
  if (!keepsOwners) {
    // Another name of the app's own role, as on another server, is no loss.
    run.log(backup.roles.length > 0 ? 'warn' : 'info', {
      text: 'Everything restored belongs to the app’s own database role: other owners can not be set here.',
    });
  }
  await loadMain(session, late.main, keepsOwners, load);
  await session.run(late.policies);
  if (lists.schemaPrivileges.length > 0 && privileges.ownsSchemas) {
    await session.lenient(await scriptOf(load, lists.schemaPrivileges));
  }
  if (lists.privileges.length > 0) {
    const text = await scriptOf(load, lists.privileges);
    // Rights granted by another role than the owner are given in its name, which only a superuser may.
    const allPossible = privileges.isSuperuser || !text.includes('SET SESSION AUTHORIZATION');
    const strict = keepsOwners && privileges.missingRoles.length === 0 && allPossible;
    await (strict ? session.run(text) : session.lenient(text));
  }
  run.log('info', {
    text: 'Loaded {{tables}} tables; statistics are being gathered.',
    params: { tables: backup.tables.length },
  });
  await session.run(`${sessionStart(load.versionNumber)}\n${analyze(targetsOf(load))}`);
  await requirePopulated(session, lists.main, load);
  return late.foreignKeys;
}

const targetsOf = ({ schemas, renaming }: Load) => schemas.map((schema) => renaming?.schemas.get(schema) ?? schema);

/** Row counts are compared for tables only: of a materialised view it is known whether it was filled. @throws STAGED_DATA_DIFFERS */
async function requirePopulated(session: PsqlSession, entries: TocEntry[], load: Load): Promise<void> {
  const filled = entries.filter(({ type }) => type === 'MATERIALIZED VIEW DATA');
  if (filled.length === 0) return;
  const names = targetsOf(load).map((schema) => quoteText(schema));
  const empty = await session.run(
    `SELECT matviewname FROM pg_matviews WHERE schemaname IN (${names.join(', ')}) AND NOT ispopulated;`,
  );
  const missing = empty.filter((name) => filled.some(({ nameAndOwner }) => nameAndOwner.startsWith(`${name} `)));
  if (missing.length === 0) return;
  throw new SafekeepError('STAGED_DATA_DIFFERS', { detail: `not filled: ${missing.join(', ')}` });
}

async function loadMain(session: PsqlSession, entries: TocEntry[], keepsOwners: boolean, load: Load): Promise<void> {
  const list = await writeList(load, 'main', entries);
  const dump = await load.openPart(load.backup.parts[0] ?? DUMP_PART);
  const args = ['-f', '-', '--no-acl', ...(keepsOwners ? [] : ['--no-owner']), `--use-list=${list}`];
  // It is silent while psql works off what it was given, for example an index on a large table.
  const restore = openTool({ ...toolCall(load, args), idleTimeoutMs: idleLimitMs(NO_IDLE_LIMIT_MS) });
  let dumpError: unknown;
  const fed = feedToEnd(dump, restore.stdin).catch((error: unknown) => {
    dumpError = error;
    restore.stdout.destroy();
  });
  try {
    const { renaming } = load;
    await pipeline(
      restore.stdout,
      withoutUnknownSettings(load),
      watching(load),
      renaming ? rewriting((tokens) => renameIn(tokens, renaming)) : new PassThrough(),
      (sql: AsyncIterable<Buffer>) => session.feed(sql),
    );
    await restore.exited;
    await fed;
    if (dumpError) throw dumpError;
    await session.run('');
  } catch (error) {
    // The first cause: when one of the three ends, the others end with errors of their own.
    const ofDump = dumpError;
    restore.stdout.destroy();
    dump.destroy();
    await fed;
    throw ofDump ?? (await session.failure()) ?? error;
  }
}

/**
 * Writes a stream to a program and reads it to its end even when the program has closed its input: pg_restore reads no further
 * than it must, but only the end of the stream tells whether its bytes are those that were backed up.
 */
async function feedToEnd(source: Readable, target: Writable): Promise<void> {
  for await (const chunk of source) {
    if (!target.writable) continue;
    if (!target.write(chunk)) await drained(target);
  }
  target.end();
}

/**
 * Tells progress: a row is a line of the script, and the few lines of the statements around them are counted along. Refuses the end
 * of a script that is not whole: psql would take whatever came next for rows of the table that was cut.
 */
function watching({ backup, run }: Load): Transform {
  const total = backup.tables.reduce((sum, table) => sum + (table.rows ?? 0), 0);
  let lines = 0;
  let tail = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      lines += countLines(chunk);
      tail = Buffer.concat([tail, chunk.subarray(-SCRIPT_TAIL_BYTES)]).subarray(-SCRIPT_TAIL_BYTES);
      run.progress({ done: Math.min(lines, total), total, unit: 'rows' });
      done(null, chunk);
    },
    flush(done) {
      done(tail.includes(SCRIPT_END) ? null : scriptCut());
    },
  });
}

/** Without fresh statistics the app would be slow until autovacuum has come by. A partitioned table takes its parts along. */
function analyze(schemas: string[]): string {
  return `SELECT format('ANALYZE %I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname IN (${schemas.map((schema) => quoteText(schema)).join(', ')}) AND c.relkind IN ('r', 'm', 'p')
     AND NOT c.relispartition \\gexec`;
}

/** First lines of every session that loads: no limit may end it, and names are taken as they are written. */
export function sessionStart(versionNumber: number): string {
  return [
    'SET client_min_messages = warning;',
    'SET statement_timeout = 0;',
    'SET lock_timeout = 0;',
    'SET idle_in_transaction_session_timeout = 0;',
    ...(versionNumber >= 170_000 ? ['SET transaction_timeout = 0;'] : []),
    `SET search_path = '';`,
    // The script sets the dump's own; what is asked before and after it is in UTF-8.
    `SET client_encoding = 'UTF8';`,
    'SET standard_conforming_strings = on;',
  ].join('\n');
}

/** The session that a load runs in. What psql complains of without ending goes to the run's log, each complaint once. */
export function openLoadSession({ tools, run }: LoadRequest, environment: ToolEnvironment): PsqlSession {
  const told = new Set<string>();
  return new PsqlSession({
    path: tools.psql,
    env: environment.env,
    signal: run.signal,
    onStderrLine: (said) => {
      const line = said.replace(/^psql:<stdin>:\d+: /, '');
      if (told.has(line)) return;
      told.add(line);
      run.log('warn', { text: '{{tool}}: {{line}}', params: { tool: 'psql', line } });
    },
  });
}
