/**
 * Loads a dump into a psql session: pg_restore turns it into SQL, psql runs it. Not `pg_restore -d`, because only so can the load
 * be part of a transaction that stays open, and because pg_restore 17 and newer set a parameter that older servers refuse.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Transform, type Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ManifestDatabase } from '../../../shared/manifest';
import type { RunContext } from '../../context';
import { SafekeepError } from '../../errors';
import { openTool, type ToolCall, writeToTool } from '../../process';
import type { OpenPart } from '../driver';
import { type Client, quoteText, rows, type ToolEnvironment } from './connection';
import type { PostgresPrograms } from './programs';
import { countLines, drained, PsqlSession } from './psql';
import { isOwnedByThese, listFile, parseToc, type RestoreLists, sortToc, type TocEntry } from './toc';
import { DUMP_PART } from './dump';

/** pg_restore is silent while psql works off what it was given, for example an index on a large table. */
const IDLE_TIMEOUT_MS = 2 ** 31 - 1;

/** What is loaded, with which programs. */
export interface LoadRequest {
  programs: PostgresPrograms;
  backup: ManifestDatabase;
  openPart: OpenPart;
  run: RunContext;
}

export interface Load extends LoadRequest {
  environment: ToolEnvironment;
  /** The app's schemas; they are there already, with the owner, rights and comment that they keep. */
  schemas: string[];
  rights: RightsHere;
  versionNumber: number;
}

/** What the connecting role may do about owners and grants. */
export interface RightsHere {
  isSuperuser: boolean;
  /** Roles that may be made owners in these schemas. */
  possibleOwners: string[];
  missingRoles: string[];
  /** The rights on the app's schemas themselves are the connecting role's to give. */
  ownsSchemas: boolean;
}

export async function rightsHere(client: Client, backup: ManifestDatabase, schemas: string[]): Promise<RightsHere> {
  const [version] = await rows<{ number: number }>(
    client,
    `SELECT current_setting('server_version_num')::int AS number`,
  );
  // Since 16 a member need not be allowed to act as the role.
  const privilege = (version?.number ?? 0) >= 160_000 ? 'SET' : 'MEMBER';
  const found = await rows<{ name: string; mine: boolean; superuser: boolean }>(
    client,
    `SELECT r.rolname AS name, me.rolsuper AS superuser,
            me.rolsuper OR r.oid = me.oid OR (pg_has_role(me.oid, r.oid, $1) AND NOT EXISTS (
              SELECT FROM pg_namespace n WHERE n.nspname = ANY($2) AND NOT has_schema_privilege(r.oid, n.oid, 'CREATE')
            )) AS mine
       FROM pg_roles r, pg_roles me WHERE me.rolname = current_user`,
    [privilege, schemas],
  );
  const here = new Set(found.map(({ name }) => name));
  const others = await rows(
    client,
    `SELECT FROM pg_namespace WHERE nspname = ANY($1) AND NOT pg_has_role(nspowner, 'MEMBER')`,
    [schemas],
  );
  return {
    isSuperuser: found[0]?.superuser ?? false,
    possibleOwners: found.filter(({ mine }) => mine).map(({ name }) => name),
    missingRoles: backup.roles.filter((role) => !here.has(role)),
    ownsSchemas: others.length === 0,
  };
}

/** The dump's entries, sorted. Read before anything is begun, since it may show that the dump can not be read. */
export async function readLists(load: Load): Promise<RestoreLists> {
  const text = await restoreText(load, ['--list']);
  const lists = sortToc(parseToc(text, load.schemas), load.schemas);
  if (lists.main.length === 0)
    throw new SafekeepError('ARCHIVE_DAMAGED', { detail: 'the dump of the database is empty' });
  if (lists.leftOut.length > 0) {
    const entries = lists.leftOut.map(({ line }) => line.replace(/^\d+; \d+ \d+ /, '')).slice(0, 20);
    load.run.log('warn', {
      text: 'Not restored, since it does not belong to the app’s schemas: {{entries}}',
      params: { entries: entries.join(', ') },
    });
  }
  return lists;
}

/** Structure and data first, then rights. @throws TOOL_FAILED naming the object, and what the dump's stream throws */
export async function loadInto(session: PsqlSession, lists: RestoreLists, load: Load): Promise<void> {
  const { rights, run, backup } = load;
  const keepsOwners = isOwnedByThese(lists.main, rights.possibleOwners);
  if (!keepsOwners) {
    // Another name of the app's own role, as on another server, is no loss.
    run.log(backup.roles.length > 0 ? 'warn' : 'info', {
      text: 'Everything restored belongs to the app’s own database role: other owners can not be set here.',
    });
  }
  await loadMain(session, lists.main, keepsOwners, load);
  if (lists.schemaRights.length > 0 && rights.ownsSchemas) {
    await session.lenient(await rightsText(load, lists.schemaRights));
  }
  if (lists.rights.length > 0) {
    const text = await rightsText(load, lists.rights);
    // Rights granted by another role than the owner are given in its name, which only a superuser may.
    const allPossible = rights.isSuperuser || !text.includes('SET SESSION AUTHORIZATION');
    const strict = keepsOwners && rights.missingRoles.length === 0 && allPossible;
    await (strict ? session.run(text) : session.lenient(text));
  }
  run.log('info', {
    text: 'Loaded {{tables}} tables; statistics are being gathered.',
    params: { tables: backup.tables.length },
  });
  await session.run(`${sessionStart(load.versionNumber)}\n${analyze(load.schemas)}`);
}

async function loadMain(session: PsqlSession, entries: TocEntry[], keepsOwners: boolean, load: Load): Promise<void> {
  const list = await writeList(load, 'main', entries);
  const dump = await load.openPart(load.backup.parts[0] ?? DUMP_PART);
  const args = ['-f', '-', '--no-acl', ...(keepsOwners ? [] : ['--no-owner']), `--use-list=${list}`];
  const restore = openTool({ ...toolCall(load, args), idleTimeoutMs: IDLE_TIMEOUT_MS });
  let dumpError: unknown;
  const fed = feedToEnd(dump, restore.stdin).catch((error: unknown) => {
    dumpError = error;
    restore.stdout.destroy();
  });
  try {
    await pipeline(restore.stdout, withoutUnknownSettings(load), watching(load), (sql: AsyncIterable<Buffer>) =>
      session.feed(sql),
    );
    await restore.exited;
    await fed;
    if (dumpError) throw dumpError;
    await session.run('');
  } catch (error) {
    restore.stdout.destroy();
    if (!dumpError) dump.destroy();
    await fed;
    // The first cause: when one of the three ends, the others end with errors of their own.
    throw dumpError ?? (await session.failure()) ?? error;
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

/** pg_restore 17 and newer begin with a parameter that older servers do not know. */
function withoutUnknownSettings(load: Load): Transform {
  let head: Buffer | null = Buffer.alloc(0);
  const end = Buffer.from('SET row_security = off;');
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (head === null) return done(null, chunk);
      head = Buffer.concat([head, chunk]);
      if (!head.includes(end) && head.length < 64 * 1024) return done();
      const text = withoutUnknownSettingsIn(head, load.versionNumber);
      head = null;
      done(null, text);
    },
    flush(done) {
      done(null, head === null ? undefined : withoutUnknownSettingsIn(head, load.versionNumber));
    },
  });
}

function withoutUnknownSettingsIn(sql: Buffer, versionNumber: number): Buffer {
  const unknown = Buffer.from('SET transaction_timeout = 0;\n');
  const at = versionNumber >= 170_000 ? -1 : sql.indexOf(unknown);
  return at < 0 ? sql : Buffer.concat([sql.subarray(0, at), sql.subarray(at + unknown.length)]);
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

/** The comment that pg_restore ends a script with; a key for psql may follow it. */
const SCRIPT_END = '-- PostgreSQL database dump complete';
const SCRIPT_TAIL_BYTES = 512;

function scriptCut(): SafekeepError {
  return new SafekeepError('TOOL_FAILED', { tool: 'pg_restore', detail: 'what it wrote ends early' });
}

async function rightsText(load: Load, entries: TocEntry[]): Promise<string> {
  const list = await writeList(load, 'rights', entries);
  const text = await restoreText(load, ['-f', '-', `--use-list=${list}`]);
  if (!text.slice(-SCRIPT_TAIL_BYTES).includes(SCRIPT_END)) throw scriptCut();
  return withoutUnknownSettingsIn(Buffer.from(text), load.versionNumber).toString();
}

/** What pg_restore prints when it is given the dump. It ends the input early when the beginning is enough for it. */
async function restoreText(load: Load, args: string[]): Promise<string> {
  const dump = await load.openPart(load.backup.parts[0] ?? DUMP_PART);
  let text = '';
  await writeToTool(toolCall(load, args), dump, (part) => (text += part));
  return text;
}

function toolCall({ programs, environment, run }: Load, args: string[]): ToolCall {
  return {
    path: programs.pg_restore,
    args,
    env: environment.env,
    signal: run.signal,
    onStderrLine: (line) => run.log('warn', { text: '{{tool}}: {{line}}', params: { tool: 'pg_restore', line } }),
  };
}

async function writeList({ environment }: Load, name: string, entries: TocEntry[]): Promise<string> {
  const file = path.join(environment.folder, `${name}.list`);
  await writeFile(file, listFile(entries), { mode: 0o600 });
  return file;
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
export function openLoadSession({ programs, run }: LoadRequest, environment: ToolEnvironment): PsqlSession {
  const told = new Set<string>();
  return new PsqlSession({
    path: programs.psql,
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
