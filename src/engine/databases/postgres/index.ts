/** The driver for PostgreSQL 12 to 18. */
import type { DatabaseFacts, ManifestDatabase } from '../../../shared/manifest';
import type { RunContext } from '../../context';
import { SafekeepError } from '../../errors';
import type {
  DatabaseConnection,
  DatabaseDriver,
  DatabasePlan,
  DatabasePlanning,
  Dump,
  DumpScope,
  FileRecord,
  OpenPart,
  SlotPosition,
  ToolReport,
} from '../driver';
import { connect, withClient } from './connection';
import { checkDatabase, discardDatabase, switchOverDatabases, positionOfDatabases, stageDatabase } from './database';
import { dumpPostgres } from './dump';
import { readFileRecords } from './file-records';
import { placeOf, requireInactive } from './inactive';
import { planPostgres } from './plan';
import { countLiveRows } from './row-counts';
import { useAppPath } from './search-path';
import { reportTools, requireTools } from './tools';
import { SchemaStrategy } from './schema';
import { dataBytes, dottedVersion, generalFacts, neededExtensions, rolesOf, serverVersionNumber } from './sql';
import { majorOf } from '../tools';

/**
 * A driver for one database. With the strategies 'schema' and 'objects', staged data is in a transaction that this driver holds
 * open: stage, check and the first switchover must use the same driver, and `close` rolls uncommitted data back.
 */
export function createPostgresDriver(connection: DatabaseConnection, options: DriverOptions = {}): DatabaseDriver {
  return new PostgresDriver(connection, options.endSessionsMs ?? END_SESSIONS_MS);
}

export interface DriverOptions {
  /** Time limit for terminating sessions that block a switchover. */
  endSessionsMs?: number;
}

const END_SESSIONS_MS = 10_000;

class PostgresDriver implements DatabaseDriver {
  readonly dialect = 'postgres';
  readonly #schemas: SchemaStrategy;

  constructor(
    private readonly connection: DatabaseConnection,
    private readonly endSessionsMs: number,
  ) {
    this.#schemas = new SchemaStrategy(connection, endSessionsMs);
  }

  async describe(scope: DumpScope, inactive?: DatabasePlan): Promise<DatabaseFacts> {
    const { database, schemas: names } = placeOf(scope, inactive);
    const schemas = [...names.values()];
    if (inactive) await withClient(this.connection, {}, (client) => requireInactive(client, inactive));
    return withClient(this.connection, database === undefined ? {} : { database }, async (client) => {
      const general = await generalFacts(client);
      return {
        dialect: 'postgres',
        flavour: 'postgres',
        serverVersion: dottedVersion(general.versionNumber),
        underscored: this.connection.underscored,
        tablePrefix: this.connection.tablePrefix,
        schema: this.connection.schema || scope.schemas[0] || 'public',
        encoding: general.encoding,
        collation: general.collation,
        timeZone: this.connection.timeZone ?? general.timeZone,
        extensions: await neededExtensions(client, schemas),
        roles: await rolesOf(client, schemas),
        dataBytes: await dataBytes(client, schemas),
      };
    });
  }

  async tools(): Promise<ToolReport[]> {
    // An unreachable server has no known version: tools of any version are reported.
    const major = await withClient(this.connection, {}, serverVersionNumber).then(
      (number) => Math.floor(number / 10_000),
      () => 0,
    );
    return reportTools(major);
  }

  dump(scope: DumpScope, run: RunContext, inactive?: DatabasePlan): Promise<Dump> {
    return dumpPostgres(this.connection, scope, run, inactive);
  }

  async *fileRecords(scope: DumpScope): AsyncGenerator<FileRecord> {
    const client = await connect(this.connection);
    try {
      await useAppPath(client, scope.schemas);
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
      yield* readFileRecords(client, scope.fileTables, placeOf(scope));
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  countRows(tables: readonly string[], limitMs: number): Promise<Map<string, number | null>> {
    return countLiveRows(this.connection, tables, limitMs);
  }

  /** The server has disks of its own. */
  inactiveBytes(): Promise<null> {
    return Promise.resolve(null);
  }

  plan(
    id: string,
    backup: ManifestDatabase,
    scope: DumpScope,
    purpose: 'restore' | 'verify' = 'restore',
  ): Promise<DatabasePlanning> {
    return planPostgres(this.connection, { id, backup, schemas: scope.schemas, purpose });
  }

  async stage(plan: DatabasePlan, backup: ManifestDatabase, openPart: OpenPart, run: RunContext): Promise<void> {
    // A dump requires tools of its own release or a newer one, whatever the server's version.
    const tools = await requireTools(majorOf(backup.tool.version));
    const request = { tools, backup, openPart, run };
    try {
      if (isSchemaPlan(plan)) await this.#schemas.stage(plan, request);
      else await stageDatabase(this.connection, plan, request);
    } catch (error) {
      if (run.signal.aborted) throw new SafekeepError('CANCELLED', {}, { cause: error });
      throw error;
    }
  }

  async check(plan: DatabasePlan, backup: ManifestDatabase, run: RunContext): Promise<void> {
    if (isSchemaPlan(plan)) await this.#schemas.check(plan, backup, run);
    else await checkDatabase(this.connection, plan, backup, run);
  }

  async switchOver(plan: DatabasePlan, run: RunContext): Promise<void> {
    if (isSchemaPlan(plan)) await this.#schemas.switchOver(plan, run);
    else await switchOverDatabases(this.connection, plan, 'staged', run, this.endSessionsMs);
  }

  async switchBack(plan: DatabasePlan, run: RunContext): Promise<void> {
    if (isSchemaPlan(plan)) await this.#schemas.switchBack(plan);
    else await switchOverDatabases(this.connection, plan, 'previous', run, this.endSessionsMs);
  }

  async position(plan: DatabasePlan): Promise<SlotPosition> {
    return isSchemaPlan(plan)
      ? this.#schemas.position(plan)
      : positionOfDatabases(this.connection, plan, this.endSessionsMs);
  }

  async discard(plan: DatabasePlan): Promise<void> {
    if (isSchemaPlan(plan)) await this.#schemas.discard(plan);
    else await discardDatabase(this.connection, plan, this.endSessionsMs);
  }

  close(): Promise<void> {
    return this.#schemas.close();
  }
}

/** Whether the inactive slot is in the live database. */
function isSchemaPlan(plan: DatabasePlan): boolean {
  if (!['schema', 'objects', 'database'].includes(plan.strategy)) {
    throw new SafekeepError('INTERNAL', {
      detail: { text: 'PostgreSQL has no strategy {{strategy}}', params: { strategy: plan.strategy } },
    });
  }
  return plan.strategy !== 'database';
}
