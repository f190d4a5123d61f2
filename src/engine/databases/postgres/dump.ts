/**
 * A dump in pg_dump's custom format and its row counts, both from one exported snapshot.
 *
 * Dumped: the app's schemas with their contents, owners and grants. Not dumped: extensions (listed in the facts and created by a
 * restore), large objects (they belong to the database and to no schema; NocoBase creates none), roles, and settings of the
 * database.
 */
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ManifestDatabase, TableRows } from '../../../shared/manifest';
import type { Message } from '../../../shared/runs';
import type { RunContext } from '../../context';
import { SafekeepError } from '../../errors';
import { readFromTool } from '../../process';
import type { DatabaseConnection, DatabasePlan, Dump, DumpPart, DumpScope, FileRecord } from '../driver';
import {
  type Client,
  connect,
  type ConnectOptions,
  exactPattern,
  inTransaction,
  quoteText,
  rows,
  tableName,
  toolEnvironment,
  type ToolEnvironment,
  withClient,
} from './connection';
import { readFileRecords } from './file-records';
import { inPlace, type Place, placeOf, requireInactive } from './inactive';
import { countRows } from './row-counts';
import { useAppPath } from './search-path';
import { requireTools, type PostgresTools } from './tools';
import { type DumpedTable, largeObjectCount, serverVersionNumber, tablesWithRows } from './sql';

export const DUMP_PART = 'dump.pgdump';

const MAGIC = Buffer.from('PGDMP');
/** The end of a table's data in a custom-format archive: a chunk of length 0, as sign byte and 32-bit number. */
const END_OF_DATA = Buffer.alloc(5);
/** A transaction holds a lock on each table it read: counting in batches keeps the server's lock table small. */
const TABLES_PER_TRANSACTION = 100;
const LOCK_WAIT_MS = 5 * 60_000;

/**
 * @param inactive dumps the data in the inactive slot of this plan
 * @throws TOOL_MISSING, TOOL_TOO_OLD, DATABASE_UNREACHABLE, CANCELLED, NOTHING_TO_UNDO when the slot contains no data of the plan
 */
export async function dumpPostgres(
  connection: DatabaseConnection,
  scope: DumpScope,
  run: RunContext,
  inactive?: DatabasePlan,
): Promise<Dump> {
  const place = placeOf(scope, inactive);
  const options = { signal: run.signal, ...(place.database === undefined ? {} : { database: place.database }) };
  if (inactive) await withClient(connection, {}, (client) => requireInactive(client, inactive));
  const holder = await connect(connection, options);
  let environment: ToolEnvironment | undefined;
  try {
    const tools = await requireTools(Math.floor((await serverVersionNumber(holder)) / 10_000));
    const snapshot = await exportSnapshot(holder);
    // Checked within the snapshot as well: the slot may have been switched over or dropped in the meantime.
    if (inactive) await requireInactive(holder, inactive);
    const excluded = scope.excludeRowsOf.map((table) => inPlace(table, place));
    const tables = await tablesWithRows(holder, [...place.schemas.values()], excluded);
    const largeObjects = await largeObjectCount(holder);
    if (largeObjects > 0) {
      run.log('warn', {
        text: 'The database contains {{count}} large objects. They belong to no schema and are not part of the backup.',
        params: { count: largeObjects },
      });
    }
    environment = await toolEnvironment(connection, options);
    return new PostgresDump({ connection, scope, place, run, holder, tools, snapshot, tables, environment });
  } catch (error) {
    await holder.end().catch(() => undefined);
    await environment?.close();
    if (run.signal.aborted) throw new SafekeepError('CANCELLED', {}, { cause: error });
    throw error;
  }
}

async function exportSnapshot(holder: Client): Promise<string> {
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
  const [row] = await rows<{ snapshot: string }>(holder, 'SELECT pg_export_snapshot() AS snapshot');
  if (!row) throw new Error('pg_export_snapshot returned nothing');
  return row.snapshot;
}

interface DumpParts {
  connection: DatabaseConnection;
  scope: DumpScope;
  place: Place;
  run: RunContext;
  /** Holds the snapshot as long as it is open. */
  holder: Client;
  tools: PostgresTools;
  snapshot: string;
  tables: DumpedTable[];
  environment: ToolEnvironment;
}

class PostgresDump implements Dump {
  readonly #counts: Promise<TableRows[]>;
  readonly #stop = new AbortController();
  #bytes = 0;
  #ended = false;

  constructor(private readonly given: DumpParts) {
    this.#counts = this.#countRows();
    this.#counts.catch(() => undefined); // Reported by result(), which may never be called.
  }

  get parts(): AsyncIterable<DumpPart> {
    return this.#parts();
  }

  async *#parts(): AsyncGenerator<DumpPart> {
    yield { name: DUMP_PART, stream: this.#open() };
    if (!this.#ended) throw incomplete({ text: 'the dump was not read to the end' });
  }

  #open(): Readable {
    const { tools, environment, run } = this.given;
    const source = readFromTool({
      path: tools.pg_dump,
      args: dumpArguments(this.given),
      env: environment.env,
      signal: this.#signal,
      onStderrLine: (line) => run.log('warn', { text: '{{tool}}: {{line}}', params: { tool: 'pg_dump', line } }),
    });
    const whole = this.#wholeDump();
    pipeline(source, whole).catch((error: Error) => whole.destroy(error));
    return whole;
  }

  /**
   * Passes the dump on and fails at its end unless it is complete. pg_dump has exited with 0 by then. The format has no trailer, so
   * in addition to the exit code: the file begins as an archive, the data of its last table has its end mark, and it has at least as
   * many bytes as rows were counted in the same snapshot.
   */
  #wholeDump(): Transform {
    const { run, tables } = this.given;
    const estimate = tables.reduce((sum, { bytes, excluded }) => sum + (excluded ? 0 : bytes), 0);
    let head = Buffer.alloc(0);
    let tail = Buffer.alloc(0);
    return new Transform({
      highWaterMark: 1 << 20,
      transform: (chunk: Buffer, _encoding, done) => {
        if (head.length < MAGIC.length) head = Buffer.concat([head, chunk]).subarray(0, MAGIC.length);
        tail = Buffer.concat([tail, chunk.subarray(-END_OF_DATA.length)]).subarray(-END_OF_DATA.length);
        this.#bytes += chunk.length;
        run.progress({ done: this.#bytes, total: Math.max(estimate, this.#bytes), unit: 'bytes' });
        done(null, chunk);
      },
      flush: (done) => {
        const hasData = tables.some(({ excluded }) => !excluded);
        if (this.#bytes === 0) return done(incomplete({ text: 'pg_dump wrote nothing' }));
        if (!head.equals(MAGIC))
          return done(incomplete({ text: 'the output of pg_dump is not in its archive format' }));
        if (hasData && !tail.equals(END_OF_DATA))
          return done(incomplete({ text: 'the end of the last table is missing' }));
        this.#counts.then(
          (counted) => {
            const total = counted.reduce((sum, table) => sum + (table.rows ?? 0), 0);
            if (this.#bytes < total) {
              const params = { bytes: this.#bytes, rows: total };
              return done(incomplete({ text: '{{bytes}} bytes cannot contain {{rows}} rows', params }));
            }
            this.#ended = true;
            done();
          },
          (error: Error) => done(error),
        );
      },
    });
  }

  async #countRows(): Promise<TableRows[]> {
    const { tables, place } = this.given;
    const counted = new Map<DumpedTable, number>();
    const wanted = tables.filter(({ excluded }) => !excluded);
    await withClient(this.given.connection, this.#options, async (client) => {
      await prepare(client, place);
      for (let from = 0; from < wanted.length; from += TABLES_PER_TRANSACTION) {
        await inTransaction(client, async () => {
          await enterSnapshot(client, this.given.snapshot);
          for (const table of wanted.slice(from, from + TABLES_PER_TRANSACTION)) {
            counted.set(table, await countRows(client, table));
          }
        });
      }
    });
    const live = new Map([...place.schemas].map(([name, there]) => [there, name]));
    return tables.map((table) => ({
      name: tableName(live.get(table.schema) ?? table.schema, table.name),
      rows: counted.get(table) ?? 0,
      ...(table.excluded ? { dataExcluded: true } : {}),
    }));
  }

  async result(): Promise<Pick<ManifestDatabase, 'tables' | 'tool' | 'parts' | 'schemasInDump'>> {
    if (!this.#ended) throw incomplete({ text: 'the dump was not read to the end' });
    const { tools, place } = this.given;
    const tool = { name: 'pg_dump', version: tools.version };
    const isRenamed = [...place.schemas].some(([live, there]) => live !== there);
    const schemasInDump = isRenamed ? { schemasInDump: Object.fromEntries(place.schemas) } : {};
    return { tables: await this.#counts, tool, parts: [DUMP_PART], ...schemasInDump };
  }

  async *fileRecords(): AsyncGenerator<FileRecord> {
    const { scope, place, connection } = this.given;
    const client = await connect(connection, this.#options);
    try {
      await prepare(client, place);
      await client.query('BEGIN');
      await enterSnapshot(client, this.given.snapshot);
      yield* readFileRecords(client, scope.fileTables, place);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#counts.catch(() => undefined);
    await this.given.holder.end().catch(() => undefined);
    await this.given.environment.close();
  }

  get #options(): ConnectOptions {
    const { database } = this.given.place;
    return { signal: this.#signal, ...(database === undefined ? {} : { database }) };
  }

  get #signal(): AbortSignal {
    return AbortSignal.any([this.given.run.signal, this.#stop.signal]);
  }
}

async function prepare(client: Client, place: Place): Promise<void> {
  // Fails loudly where a policy would hide rows, as pg_dump does.
  await client.query('SET row_security = off');
  await useAppPath(client, [...place.schemas.values()]);
}

async function enterSnapshot(client: Client, snapshot: string): Promise<void> {
  await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
  await client.query(`SET TRANSACTION SNAPSHOT ${quoteText(snapshot)}`);
}

function incomplete(detail: Message): SafekeepError {
  return new SafekeepError('DUMP_INCOMPLETE', { detail });
}

/** Options that pg_dump 12 to 18 all know. */
function dumpArguments({ place, snapshot, tables }: DumpParts): string[] {
  return [
    '--format=custom',
    '--compress=0', // Safekeep's archive compresses, with a better codec.
    '--no-password',
    '--no-sync',
    `--snapshot=${snapshot}`,
    `--lock-wait-timeout=${LOCK_WAIT_MS}`,
    '--strict-names',
    // Words that a newer server reserves are quoted already.
    '--quote-all-identifiers',
    ...[...place.schemas.values()].map((schema) => `--schema=${exactPattern(schema)}`),
    ...tables
      .filter(({ excluded }) => excluded)
      .map(({ schema, name }) => `--exclude-table-data=${exactPattern(schema, name)}`),
  ];
}
