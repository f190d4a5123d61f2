/** Plans a restore of a MySQL or MariaDB database, loads it into the slot aside and compares it with the backup. */
import { Readable, Transform } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { ManifestDatabase } from '../../../shared/manifest';
import type { RunContext } from '../../context';
import { SafekeepError, toSafekeepError } from '../../errors';
import { toolName, writeToTool } from '../../process';
import type { DatabaseConnection, DatabasePlan, DatabasePlanning, OpenPart } from '../driver';
import { belongsTo, crossingForeignKeys, objectsIn } from './catalog';
import { LOAD_FLAGS, requireTool, signInFile } from './client';
import {
  ER_ACCESS_DENIED,
  ER_DATABASE_EXISTS,
  type MysqlSession,
  errnoOf,
  quoteId,
  quoteString,
  withMysql,
} from './connection';
import { PROGRAMS_PART, TABLES_PART, withoutSandboxLine } from './dump';
import { createPrograms, dropPrograms } from './programs';
import { readPrograms } from './programs-file';
import { DumpScanner } from './scan';
import { createSlot, namesOf, rememberPrograms, slotNames, slotPrefix } from './slots';

type Blocker = DatabasePlanning['blockers'][number];
type Warning = DatabasePlanning['warnings'][number];

export async function planMysql(
  id: string,
  backup: ManifestDatabase,
  connection: DatabaseConnection,
  session: MysqlSession,
): Promise<DatabasePlanning> {
  const names = slotNames(session.database, id);
  const blockers = [
    ...(await missingRights(session, names.staged)),
    ...(await crossingBlockers(session, connection)),
    ...collidingNames(session, backup),
  ];
  return {
    plan: blockers.length > 0 ? null : { dialect: connection.dialect, strategy: 'tables', id, names: { ...names } },
    blockers,
    warnings: await differences(session, backup),
    summary: {
      text: 'The backup is loaded into a new database beside {{database}}; the tables of the two are then exchanged in one step.',
      params: { database: session.database },
    },
    downtime: {
      text: 'The app is away while it loads again, usually a few seconds, however large the data is.',
    },
  };
}

/** Tried rather than read from the grants: roles, wildcards and partial revokes make those hard to read right. */
async function missingRights(session: MysqlSession, slot: string): Promise<Blocker[]> {
  try {
    await session.rows(`CREATE DATABASE ${quoteId(slot)}`);
  } catch (error) {
    if (errnoOf(error) === ER_DATABASE_EXISTS) return [];
    if (!ER_ACCESS_DENIED.includes(errnoOf(error))) throw error;
    const user = String(await session.value('SELECT CURRENT_USER()'));
    const at = user.lastIndexOf('@');
    const account = `${quoteString(user.slice(0, at))}@${quoteString(user.slice(at + 1))}`;
    // In a grant these two characters stand for others unless they are escaped.
    const pattern = `${slotPrefix(session.database).replace(/[_%]/g, '\\$&')}%`;
    const grant = `GRANT ALL PRIVILEGES ON ${quoteId(pattern)}.* TO ${account};`;
    return [
      {
        reason: {
          text: 'The database user {{user}} may not create a database to load the backup into.',
          params: { user },
        },
        remedy: { text: 'Have the administrator of the database server run: {{grant}}', params: { grant } },
      },
    ];
  }
  await session.rows(`DROP DATABASE ${quoteId(slot)}`);
  return [];
}

async function crossingBlockers(session: MysqlSession, connection: DatabaseConnection): Promise<Blocker[]> {
  const keys = await crossingForeignKeys(session, session.database, belongsTo(connection, session));
  if (keys.length === 0) return [];
  return [
    {
      reason: {
        text: 'Foreign keys tie tables of the app to tables that are not the app’s: {{keys}}.',
        params: { keys: keys.join(', ') },
      },
      remedy: { text: 'Drop these foreign keys; they can not follow when the tables of the app are exchanged.' },
    },
  ];
}

/** Names that differ only in case are one name to some servers. */
function collidingNames(session: MysqlSession, backup: ManifestDatabase): Blocker[] {
  const seen = new Map<string, string>();
  for (const { name } of backup.tables) {
    const folded = session.fold(name);
    const other = seen.get(folded);
    if (other !== undefined) {
      return [
        {
          reason: {
            text: 'The backup holds the tables {{one}} and {{other}}; this database server takes them for the same.',
            params: { one: other, other: name },
          },
          remedy: { text: 'Restore on a database server with lower_case_table_names = 0.' },
        },
      ];
    }
    seen.set(folded, name);
  }
  return [];
}

async function differences(session: MysqlSession, backup: ManifestDatabase): Promise<Warning[]> {
  const warnings: Warning[] = [];
  const { flavour } = session.server;
  if (backup.flavour !== flavour) {
    warnings.push({
      code: 'flavour',
      backup: `${backup.flavour} ${backup.serverVersion}`,
      current: `${flavour} ${session.server.version}`,
      remedy: {
        text: 'MySQL and MariaDB differ in collations, JSON and more. What this server does not know makes the restore stop before live data is touched.',
      },
    });
  }
  const collation = String(await session.value('SELECT @@collation_database'));
  if (backup.collation !== collation) {
    warnings.push({
      code: 'collation',
      backup: backup.collation,
      current: collation,
      remedy: { text: 'Restored tables keep their own collation; tables made later get that of the current database.' },
    });
  }
  if (session.server.caseSensitive) {
    const current = (await objectsIn(session, session.database)).map(({ name }) => name);
    const names = new Set(backup.tables.map(({ name }) => name));
    const changed = current.find(
      (name) => !names.has(name) && name !== name.toLowerCase() && names.has(name.toLowerCase()),
    );
    if (changed !== undefined) {
      warnings.push({
        code: 'tableNameCase',
        backup: changed.toLowerCase(),
        current: changed,
        remedy: {
          text: 'The backup comes from a database server that writes table names in lower case; the app may not find them here. Restore on a server with lower_case_table_names = 1.',
        },
      });
    }
  }
  return warnings;
}

/**
 * Creates the slot, loads the tables into it and tries all programs out there, so that what the server refuses shows now.
 * @throws TOOL_MISSING, TOOL_TOO_OLD, TOOL_FAILED with the name of the table or program, ARCHIVE_DAMAGED
 */
export async function stageMysql(
  plan: DatabasePlan,
  backup: ManifestDatabase,
  openPart: OpenPart,
  connection: DatabaseConnection,
  run: RunContext,
): Promise<void> {
  const staged = await withMysql(connection, async (session) => {
    const names = namesOf(session, plan);
    await createSlot(session, names.staged, plan.id);
    return names.staged;
  });
  const slot = { ...connection, database: staged };
  await loadTables(slot, backup, openPart, run);
  if (!backup.parts.includes(PROGRAMS_PART)) return;
  const programs = readPrograms(await text(await openPart(PROGRAMS_PART)));
  await withMysql(slot, async (session) => {
    await rememberPrograms(session, staged, 'after', programs);
    try {
      await createPrograms(session, programs, {
        asTrial: true,
        onBroken: (view) => {
          run.log('warn', {
            text: 'The view {{view}} did not work when it was backed up and is left out',
            params: { view },
          });
        },
      });
    } finally {
      // Tables with triggers can not move to another database.
      await dropPrograms(session, programs);
    }
  });
}

async function loadTables(
  slot: DatabaseConnection,
  backup: ManifestDatabase,
  openPart: OpenPart,
  run: RunContext,
): Promise<void> {
  const server = await withMysql(slot, async (session) => session.server);
  const tool = await requireTool(server, 'load');
  const input = await openPart(backup.parts[0] ?? TABLES_PART);
  const scanner = new DumpScanner();
  let done = 0;
  const watched = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      scanner.read(chunk);
      done += chunk.length;
      run.progress({ done, total: Math.max(done, backup.dataBytes), unit: 'bytes' });
      next(null, chunk);
    },
  });
  const signIn = await signInFile(slot, server, tool.version);
  try {
    const clean = Readable.from(withoutSandboxLine(input), { objectMode: false });
    clean.on('error', (error) => watched.destroy(error));
    await writeToTool(
      {
        path: tool.path,
        args: [signIn.firstArg, ...LOAD_FLAGS, `--database=${slot.database}`],
        env: signIn.env,
        signal: run.signal,
        onStderrLine: (line) => {
          // Everything else is the statement that failed, with the user's data.
          if (!/^(?:ERROR|WARNING|mysql|mariadb)\b/i.test(line)) return;
          run.log('warn', { text: '{{tool}}: {{line}}', params: { tool: toolName(tool.path), line } });
        },
      },
      clean.pipe(watched),
    );
  } catch (error) {
    throw withTable(error, scanner);
  } finally {
    input.destroy();
    await signIn.remove();
  }
  if (!scanner.isComplete) throw new SafekeepError('ARCHIVE_DAMAGED', { detail: 'its tables part has no end' });
}

/** The client tells the line of the statement that failed; the scanner knows whose line that is. */
function withTable(error: unknown, scanner: DumpScanner): unknown {
  const failure = toSafekeepError(error);
  // Newer clients print the whole statement, data and all, before what is wrong with it.
  const [said, line] = /ERROR \d+ .*?at line (\d+).*/s.exec(failure.message) ?? [];
  if (failure.code !== 'TOOL_FAILED' || said === undefined) return failure;
  const table = scanner.tableAt(Number(line));
  const detail = table === null ? said : `table ${table}: ${said}`;
  return new SafekeepError('TOOL_FAILED', { ...failure.params, detail }, { cause: failure });
}

/** @throws STAGED_DATA_DIFFERS */
export async function checkMysql(
  plan: DatabasePlan,
  backup: ManifestDatabase,
  connection: DatabaseConnection,
  run: RunContext,
): Promise<void> {
  const differs = (detail: string) => new SafekeepError('STAGED_DATA_DIFFERS', { detail });
  await withMysql(connection, async (session) => {
    const { staged } = namesOf(session, plan);
    const belongs = belongsTo(connection, session);
    const found = (await objectsIn(session, staged)).filter(({ kind }) => kind === 'table').map(({ name }) => name);
    const alien = found.find((name) => !belongs(name));
    if (alien !== undefined) throw differs(`table ${alien} does not have the prefix ${connection.tablePrefix}`);
    const promised = new Map(backup.tables.map((table) => [session.fold(table.name), table]));
    const missing = [...promised.keys()].find((name) => !found.some((other) => session.fold(other) === name));
    if (missing !== undefined) throw differs(`table ${promised.get(missing)?.name} is missing`);
    for (const [index, name] of found.entries()) {
      if (run.signal.aborted) throw new SafekeepError('CANCELLED');
      const table = promised.get(session.fold(name));
      if (!table) throw differs(`table ${name} is not in the backup`);
      if (table.rows !== null) {
        const rows = Number(await session.value(`SELECT COUNT(*) FROM ${quoteId(staged, name)}`));
        if (rows !== table.rows) throw differs(`table ${name} has ${rows} rows, not ${table.rows}`);
      }
      run.progress({ done: index + 1, total: found.length, unit: 'steps' });
    }
    if (connection.tablePrefix === '') return;
    const [crossing] = await crossingForeignKeys(session, staged, (name) => found.includes(name));
    if (crossing !== undefined) throw differs(`a foreign key leaves the backup: ${crossing}`);
  });
}
