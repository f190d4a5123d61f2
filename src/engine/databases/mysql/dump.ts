/** Dumps a MySQL or MariaDB database: tables with their data in one consistent moment, then everything that has code. */
import { Readable } from 'node:stream';
import type { ManifestDatabase, TableRows } from '../../../shared/manifest';
import type { Message } from '../../../shared/runs';
import type { RunContext } from '../../context';
import { SafekeepError } from '../../errors';
import { type FloatTable, floatCorrections, floatTables } from './floats';
import { readFromTool, toolName } from '../../process';
import type { DatabaseConnection, Dump, DumpPart, DumpScope } from '../driver';
import {
  type MysqlObject,
  belongsTo,
  everythingIn,
  excludedTables,
  holdsNoRows,
  isTransactional,
  objectsIn,
} from './catalog';
import { type Credentials, dumpFlags, requireTool, credentialsFile } from './client';
import { type MysqlServer, MysqlSession, withMysql } from './connection';
import { storedObjectsOf, warnUnreadable } from './stored-objects';
import { END_MARK, writeStoredObjects } from './stored-objects-file';
import { DumpScanner } from './scan';

export const TABLES_PART = '1-tables.sql';
export const STORED_OBJECTS_PART = '2-stored-objects.sql';

interface Prepared {
  server: MysqlServer;
  database: string;
  tool: { path: string; version: string };
  /** Tables of the app. */
  tables: MysqlObject[];
  /** Those of them whose rows stay out. */
  excluded: string[];
  /** Whatever else the database holds, tables of Safekeep's own too, and all views: their code is in the second part. */
  ignored: string[];
  floats: FloatTable[];
  storedObjects: string;
}

/** @throws DATABASE_UNREACHABLE, TOOL_MISSING, TOOL_TOO_OLD */
export async function dumpMysql(connection: DatabaseConnection, scope: DumpScope, run: RunContext): Promise<Dump> {
  const prepared = await withMysql(connection, (session) => prepare(session, connection, scope, run));
  const credentials = await credentialsFile(connection, prepared.server, prepared.tool.version);
  const scanner = new DumpScanner();
  let open: Readable | null = null;
  let done = false;
  async function* parts(): AsyncGenerator<DumpPart> {
    open = Readable.from(readTables(connection, prepared, credentials, scanner, run), {
      objectMode: false,
      highWaterMark: 1 << 20,
    });
    yield { name: TABLES_PART, stream: open };
    await checkComplete(connection, prepared, scanner, run);
    open = Readable.from([Buffer.from(prepared.storedObjects, 'utf8')], { objectMode: false });
    done = true;
    yield { name: STORED_OBJECTS_PART, stream: open };
  }
  return {
    parts: parts(),
    result: async () => {
      if (!done) throw new SafekeepError('INTERNAL', { detail: 'the dump was not read to its end' });
      return resultOf(prepared, scanner);
    },
    close: async () => {
      open?.destroy();
      await credentials.remove();
    },
  };
}

async function prepare(
  session: MysqlSession,
  connection: DatabaseConnection,
  scope: DumpScope,
  run: RunContext,
): Promise<Prepared> {
  const tool = await requireTool(session.server, 'dump');
  const belongs = belongsTo(connection, session);
  const objects = await everythingIn(session, session.database);
  const isOwn = ({ kind, name }: MysqlObject) => kind !== 'view' && belongs(name);
  const tables = objects.filter((object) => object.kind === 'table' && isOwn(object));
  const names = tables.map(({ name }) => name);
  const excluded = excludedTables(scope, names, session);
  const found = await storedObjectsOf(session, belongs);
  const floats = (await floatTables(session, tables)).filter(({ name }) => !excluded.includes(name));
  warnUnreadable(found, run);
  await warnSpecialTables(session, tables, floats, run);
  return {
    server: session.server,
    database: session.database,
    tool,
    tables,
    excluded,
    floats,
    ignored: objects.filter((object) => !isOwn(object)).map(({ name }) => name),
    storedObjects: writeStoredObjects(found.storedObjects),
  };
}

async function warnSpecialTables(
  session: MysqlSession,
  tables: MysqlObject[],
  floats: FloatTable[],
  run: RunContext,
): Promise<void> {
  const warn = (message: Message, named: string[]) => {
    if (named.length > 0) run.log('warn', { ...message, params: { tables: named.join(', ') } });
  };
  const names = (which: (table: MysqlObject) => boolean) => tables.filter(which).map(({ name }) => name);
  warn(
    {
      text: 'These tables have a storage engine without transactions; changes while the backup runs can make them differ from the rest: {{tables}}',
    },
    names((table) => !isTransactional(table) && !holdsNoRows(table)),
  );
  warn(
    { text: 'The rows of these tables lie outside of the database and are left out: {{tables}}' },
    names(holdsNoRows),
  );
  warn({ text: 'Of these system-versioned tables the current rows are backed up, not their history: {{tables}}' }, [
    ...names(({ systemVersioned }) => systemVersioned),
  ]);
  warn(
    {
      text: 'The FLOAT values of these tables are backed up with six digits, since the tables have no primary key: {{tables}}',
    },
    floats.filter(({ key }) => key.length === 0).map(({ name }) => name),
  );
  const own = new Set(tables.map(({ name }) => name));
  const sequenced = await session.column(
    "SELECT DISTINCT TABLE_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND COLUMN_DEFAULT LIKE '%nextval(%'",
    [session.database],
  );
  warn(
    {
      text: 'Defaults of these tables use a sequence under the name of this database; they work only in a database of the same name: {{tables}}',
    },
    sequenced.filter((name) => own.has(name)),
  );
}

/** The first part: structure of the tables without rows, then everything else with rows, then exact FLOAT values. */
async function* readTables(
  connection: DatabaseConnection,
  prepared: Prepared,
  credentials: Credentials,
  scanner: DumpScanner,
  run: RunContext,
): AsyncGenerator<Buffer> {
  const { server, database, tool, excluded, ignored } = prepared;
  const flags = [credentials.firstArg, ...dumpFlags(server, tool.version)];
  const ignore = [...ignored, ...excluded].map((name) => `--ignore-table=${database}.${name}`);
  const calls = excluded.length > 0 ? [[...flags, '--no-data', database, ...excluded]] : [];
  calls.push([...flags, ...ignore, database]);
  for (const args of calls) {
    const output = readFromTool({
      path: tool.path,
      args,
      env: credentials.env,
      signal: run.signal,
      onStderrLine: (line) =>
        run.log('warn', { text: '{{tool}}: {{line}}', params: { tool: toolName(tool.path), line } }),
    });
    for await (const chunk of withoutSandboxLine(output)) {
      scanner.read(chunk);
      yield chunk;
    }
    if (!scanner.isComplete) {
      throw new SafekeepError('DUMP_INCOMPLETE', { detail: `${toolName(tool.path)} did not write its end mark` });
    }
  }
  if (prepared.floats.length === 0) return;
  const session = await MysqlSession.open(connection);
  try {
    for await (const line of floatCorrections(session, prepared.floats)) yield Buffer.from(line, 'utf8');
    yield Buffer.from(`\n${END_MARK}\n`);
  } finally {
    await session.close();
  }
}

const SANDBOX_LINE = /^\/\*M?!999999\\- enable the sandbox mode \*\/\s*$/;

/** Drops the first line of newer MariaDB tools, at which every other client stops: it says what our load flags say anyway. */
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

/** @throws DUMP_INCOMPLETE when a table that is there is not in the dump: some tools pass over what they may not read */
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
    if (lost !== undefined) throw new SafekeepError('DUMP_INCOMPLETE', { detail: `table ${lost} is not in it` });
  }
  const { table, bytes } = scanner.largest;
  if (bytes > server.maxAllowedPacket) {
    run.log('warn', {
      text: 'A row of table {{table}} takes {{bytes}} bytes in the dump, more than max_allowed_packet of the database server: raise that before a restore',
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
  const counted = scanner.tables.map(({ name, rows }): TableRows => {
    if (left.has(name)) return { name, rows: 0, dataExcluded: true };
    return { name, rows: uncounted.has(name) ? null : rows };
  });
  return {
    tables: counted.sort((a, b) => (a.name < b.name ? -1 : 1)),
    tool: { name: toolName(tool.path), version: tool.version },
    parts: [TABLES_PART, STORED_OBJECTS_PART],
  };
}
