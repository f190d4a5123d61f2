/** Dumps a MySQL or MariaDB database: tables with their data from one consistent snapshot, then the stored objects. */
import { Readable } from 'node:stream';
import type { ManifestDatabase, TableRows } from '../../../shared/manifest';
import type { RunContext } from '../../context';
import { SafekeepError, toSafekeepError } from '../../errors';
import { readFromTool, toolName } from '../../process';
import { tableMissing } from '../differences';
import type { DatabaseConnection, DatabasePlan, Dump, DumpPart, DumpScope, FileTable } from '../driver';
import { RecordSpool } from '../record-spool';
import { excludedTables, holdsNoRows, objectsIn } from './catalog';
import { type Credentials, dumpFlags, requireTool, credentialsFile } from './client';
import { type MysqlServer, MysqlSession, sharedConstraints, withMysql } from './connection';
import { warnSpecialTables, warnUnknownStatements } from './dump-warnings';
import { FileRows } from './file-rows';
import { type FloatTable, floatCorrections, floatTables } from './floats';
import { DumpRewriter } from './rewrite';
import { DumpScanner } from './scan';
import { detailOf, errnoPrinted, serverError } from './server-errors';
import { objectsOf, type Source, sourceOf, type SourceTable, storedObjectsIn } from './source';
import { warnUnreadable } from './stored-objects';
import { END_MARK, writeStoredObjects } from './stored-objects-file';

export const TABLES_PART = '1-tables.sql';
export const STORED_OBJECTS_PART = '2-stored-objects.sql';

interface Prepared {
  server: MysqlServer;
  /** The database that contains the tables. */
  database: string;
  tool: { path: string; version: string };
  /** The app's tables and sequences. */
  tables: SourceTable[];
  sequences: SourceTable[];
  /** Names of the tables whose rows are skipped. */
  excluded: string[];
  /** Names of all other objects in the database, including Safekeep's tables, and all views: the second part contains their code. */
  ignored: string[];
  floats: FloatTable[];
  fileTables: Map<string, FileTable>;
  storedObjects: string;
}

/**
 * @param inactive dumps the data in the inactive slot of this plan instead of the live data
 * @throws DATABASE_UNREACHABLE, TOOL_MISSING, TOOL_TOO_OLD, NOTHING_TO_UNDO
 */
export async function dumpMysql(
  connection: DatabaseConnection,
  scope: DumpScope,
  run: RunContext,
  inactive?: DatabasePlan,
): Promise<Dump> {
  const source = await sourceOf(connection, inactive);
  const prepared = await withMysql(source.connection, (session) => prepare(session, source, scope, run));
  const credentials = await credentialsFile(source.connection, prepared.server, prepared.tool.version);
  const records = new RecordSpool();
  const fileRows = new FileRows(prepared.fileTables, (record) => records.add(record));
  const warn = warnUnknownStatements(run);
  const scanner = new DumpScanner({
    onStatement: (text) => {
      warn(text);
      fileRows.onStatement(text);
    },
    rowsOf: (table) => fileRows.rowsOf(table),
  });
  let open: Readable | null = null;
  let done = false;
  async function* parts(): AsyncGenerator<DumpPart> {
    open = Readable.from(readTables(source.connection, prepared, credentials, { scanner, records }, run), {
      objectMode: false,
      highWaterMark: 1 << 20,
    });
    yield { name: TABLES_PART, stream: open };
    await checkComplete(source.connection, prepared, scanner, run);
    open = Readable.from([Buffer.from(prepared.storedObjects, 'utf8')], { objectMode: false });
    done = true;
    yield { name: STORED_OBJECTS_PART, stream: open };
  }
  return {
    parts: parts(),
    result: async () => {
      if (!done) throw new SafekeepError('INTERNAL', { detail: { text: 'the dump was not read to the end' } });
      return resultOf(prepared, scanner);
    },
    fileRecords: () => records.read(),
    close: async () => {
      open?.destroy();
      await records.remove();
      await credentials.remove();
    },
  };
}

async function prepare(session: MysqlSession, source: Source, scope: DumpScope, run: RunContext): Promise<Prepared> {
  const tool = await requireTool(session.server, 'dump');
  const { own, others } = await objectsOf(session, source);
  const tables = own.filter(({ kind }) => kind === 'table');
  const excluded = excludedTables(scope, tables, session).map(({ name }) => name);
  const found = await storedObjectsIn(session, source);
  const floats = (await floatTables(session, tables)).filter(({ name }) => !excluded.includes(name));
  warnUnreadable(found, run);
  await warnSpecialTables(session, tables, floats, run);
  return {
    server: session.server,
    database: session.database,
    tool,
    tables,
    sequences: own.filter(({ kind }) => kind === 'sequence'),
    excluded,
    floats,
    fileTables: fileTablesIn(session, scope, tables),
    ignored: others,
    storedObjects: writeStoredObjects(found.storedObjects),
  };
}

/** By the current names of the tables. */
function fileTablesIn(session: MysqlSession, scope: DumpScope, tables: SourceTable[]): Map<string, FileTable> {
  const wanted = new Map(scope.fileTables.map((table) => [session.fold(table.table), table]));
  return new Map(
    tables.flatMap(({ name, liveName }) => {
      const table = wanted.get(session.fold(liveName));
      return table ? [[name, table] as const] : [];
    }),
  );
}

/**
 * The first part: structure of the tables without rows, then all others with rows, then exact FLOAT values. All tables have
 * their live names.
 */
async function* readTables(
  connection: DatabaseConnection,
  prepared: Prepared,
  credentials: Credentials,
  { scanner, records }: { scanner: DumpScanner; records: RecordSpool },
  run: RunContext,
): AsyncGenerator<Buffer> {
  const { server, database, tool, excluded, ignored } = prepared;
  const flags = [credentials.firstArg, ...dumpFlags(server, tool.version)];
  const ignore = [...ignored, ...excluded].map((name) => `--ignore-table=${database}.${name}`);
  const calls = excluded.length > 0 ? [[...flags, '--no-data', database, ...excluded]] : [];
  calls.push([...flags, ...ignore, database]);
  const rewriter = rewriterFor(prepared, scanner);
  const passed = async (chunk: Buffer) => {
    if (rewriter) return await rewriter.rewrite(chunk);
    scanner.read(chunk);
    return chunk;
  };
  for (const args of calls) {
    for await (const chunk of withoutSandboxLine(outputOf(args, prepared, credentials, run))) {
      yield await passed(chunk);
      await records.relieve();
    }
    if (rewriter) yield await rewriter.end();
    if (!scanner.isComplete) {
      throw new SafekeepError('DUMP_INCOMPLETE', {
        detail: { text: '{{tool}} did not write its end mark', params: { tool: toolName(tool.path) } },
      });
    }
  }
  if (prepared.floats.length === 0) return;
  const session = await MysqlSession.open(connection);
  try {
    for await (const line of floatCorrections(session, prepared.floats)) yield await passed(Buffer.from(line, 'utf8'));
    yield await passed(Buffer.from(`\n${END_MARK}\n`));
    if (rewriter) yield await rewriter.end();
  } finally {
    await session.close();
  }
}

/** The output of the dump tool. Errors are those of `serverError` if they name a server error. */
async function* outputOf(
  args: string[],
  { tool, server }: Prepared,
  { env }: Credentials,
  run: RunContext,
): AsyncGenerator<Buffer> {
  const name = toolName(tool.path);
  const onStderrLine = (line: string) => run.log('warn', { text: '{{tool}}: {{line}}', params: { tool: name, line } });
  try {
    const output = readFromTool({ path: tool.path, args, env, signal: run.signal, onStderrLine });
    for await (const chunk of output) yield chunk as Buffer;
  } catch (error) {
    const failure = toSafekeepError(error);
    const errno = failure.code === 'TOOL_FAILED' ? errnoPrinted(detailOf(failure)) : 0;
    if (errno === 0) throw failure;
    throw serverError({ errno, detail: detailOf(failure), tool: name, cause: failure }, server.flavour);
  }
}

/** Renames inactive tables to their live names; null when no table needs it. */
function rewriterFor({ server, tables, sequences }: Prepared, scanner: DumpScanner): DumpRewriter | null {
  const liveNames = new Map([...tables, ...sequences].map(({ name, liveName }) => [name, liveName]));
  if ([...liveNames].every(([name, liveName]) => name === liveName)) return null;
  return new DumpRewriter(scanner, {
    tableName: async (name) => {
      const liveName = liveNames.get(name);
      if (liveName === undefined) {
        throw new SafekeepError('DUMP_INCOMPLETE', {
          detail: { text: 'table {{table}} is unknown', params: { table: name } },
        });
      }
      return liveName;
    },
    isTable: (name) => liveNames.has(name),
    isTaken: () => false,
    shared: sharedConstraints(server),
    onRenamedConstraint: () => undefined,
  });
}

const SANDBOX_LINE = /^\/\*M?!999999\\- enable the sandbox mode \*\/\s*$/;

/** Drops the first line of newer MariaDB tools, which all other clients reject; the load flags have the same effect. */
export async function* withoutSandboxLine(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let start: Buffer | null = Buffer.alloc(0);
  for await (const chunk of source) {
    if (start === null) {
      yield chunk;
      continue;
    }
    start = Buffer.concat([start, chunk]);
    const end = start.indexOf('\n');
    if (end < 0 && start.length < 128) continue;
    const isSandbox = end >= 0 && SANDBOX_LINE.test(start.subarray(0, end).toString('latin1'));
    yield isSandbox ? start.subarray(end + 1) : start;
    start = null;
  }
  if (start?.length) yield start;
}

/** @throws DUMP_INCOMPLETE when an existing table is not in the dump: some tools silently skip tables they cannot read */
async function checkComplete(
  connection: DatabaseConnection,
  { tables, server, database }: Prepared,
  scanner: DumpScanner,
  run: RunContext,
): Promise<void> {
  const dumped = new Set(scanner.tables.map(({ name }) => name));
  const missing = tables.map(({ name }) => name).filter((name) => !dumped.has(name));
  if (missing.length > 0) {
    const now = await withMysql(connection, (session) => objectsIn(session, database));
    const lost = missing.find((name) => now.some((object) => object.name === name));
    if (lost !== undefined) throw new SafekeepError('DUMP_INCOMPLETE', { detail: tableMissing(lost) });
  }
  const { table, bytes } = scanner.largest;
  if (bytes > server.maxAllowedPacket) {
    run.log('warn', {
      text: 'A row of table {{table}} takes {{bytes}} bytes in the dump, which exceeds max_allowed_packet of the database server; increase it before a restore',
      params: { table, bytes },
    });
  }
}

function resultOf(
  { tables, excluded, tool }: Prepared,
  scanner: DumpScanner,
): Pick<ManifestDatabase, 'tables' | 'tool' | 'parts'> {
  const left = new Set(excluded);
  const uncounted = new Set(tables.filter(holdsNoRows).map(({ name }) => name));
  const liveNames = new Map(tables.map(({ name, liveName }) => [name, liveName]));
  const counted = scanner.tables.map(({ name, rows }): TableRows => {
    const liveName = liveNames.get(name) ?? name;
    if (left.has(name)) return { name: liveName, rows: 0, dataExcluded: true };
    return { name: liveName, rows: uncounted.has(name) ? null : rows };
  });
  return {
    tables: counted.sort((a, b) => (a.name < b.name ? -1 : 1)),
    tool: { name: toolName(tool.path), version: tool.version },
    parts: [TABLES_PART, STORED_OBJECTS_PART],
  };
}
