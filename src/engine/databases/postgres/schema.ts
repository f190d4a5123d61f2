/**
 * Strategies 'schema' and 'objects': the inactive slot is a schema of the same database, and staging runs in one transaction that
 * stays open until the switchover commits it. One session holds the transaction; when it ends for any reason, the server rolls back.
 *
 * 'schema' renames the live schemas at once, which no other session sees and which locks no table, and loads new ones in their
 * place. Where a live schema cannot be renamed, 'objects' loads into a staging schema, and the switchover moves the objects of
 * both. Moving locks every live table, so it is done as late as possible.
 */
import type { DatabaseExtension, ManifestDatabase } from '../../../shared/manifest';
import type { Message } from '../../../shared/runs';
import type { RunContext } from '../../context';
import { SafekeepError } from '../../errors';
import type { DatabaseConnection, DatabasePlan, SlotPosition } from '../driver';
import { checkTables } from './check';
import {
  type Client,
  quoteName,
  quoteText,
  rows,
  toolEnvironment,
  type ToolEnvironment,
  withClient,
} from './connection';
import { destination, requireReached } from './database';
import { dependentsSql } from './dependents';
import { availableExtensions, createExtensions } from './extensions';
import { loadForeignKeys, loadInto, readLists, sessionOptions } from './load';
import * as objects from './objects';
import type { Load, LoadRequest } from './pg-restore';
import type { Renaming } from './rename';
import type { Statement } from './script';
import { appPath } from './search-path';
import { LoadSession } from './session';
import { privilegesHere } from './privileges';
import { dropInactiveSchema } from './schema-drop';
import {
  homeOf,
  inactiveOf,
  switchOverSchemas,
  switchoverSteps,
  LOCK_TIMEOUT_MS,
  positionOfSchemas,
  whileEndingSessions,
} from './schema-switchover';
import * as slots from './slots';
import { allExtensions, serverVersionNumber } from './sql';

/** A loaded backup that is not committed yet. */
interface OpenLoad {
  session: LoadSession;
  environment: ToolEnvironment;
  /** The server process of the session. */
  backendPid: number;
  load: Load;
  /** Added by the switchover: foreign keys to other schemas, which lock tables there. */
  late: Statement[];
}

/** The load sessions of this process; one driver has one. */
export class SchemaStrategy {
  readonly #open = new Map<string, OpenLoad>();

  constructor(
    private readonly connection: DatabaseConnection,
    private readonly endSessionsMs: number,
  ) {}

  async stage(plan: DatabasePlan, request: LoadRequest): Promise<void> {
    const { run, backup } = request;
    const schemas = slots.schemasOf(plan);
    const here = await withClient(this.connection, { signal: run.signal }, (client) =>
      lookAtLive(client, plan, backup),
    );
    const applicationName = slots.ownName(plan.id);
    const environment = await toolEnvironment(this.connection, { applicationName });
    const targetOf = (schema: string) => stagedIn(plan, schema);
    const load: Load = {
      ...{ ...request, connection: this.connection, environment, privileges: here.privileges },
      ...{ versionNumber: here.versionNumber, path: here.path },
      ...destination(backup, schemas, targetOf, here.staying),
    };
    let session: LoadSession | undefined;
    try {
      const lists = await readLists(load);
      session = await LoadSession.open(this.connection, sessionOptions(request, applicationName));
      const [pid] = await session.ask('SELECT pg_backend_pid()');
      const open: OpenLoad = { session, environment, backendPid: Number(pid), load, late: [] };
      this.#open.set(plan.id, open);
      await session.begin();
      const dependents = await session.ask(dependentsSql(schemas));
      await makeRoom(session, plan, here);
      open.late = await loadInto(session, lists, load);
      await requireApart(session, plan, dependents);
    } catch (error) {
      this.#open.delete(plan.id);
      await session?.kill();
      await environment.close();
      throw error;
    }
  }

  /** Runs a query within the open transaction. */
  async check(plan: DatabasePlan, backup: ManifestDatabase, run: RunContext): Promise<void> {
    const { session, load } = this.#require(plan);
    const cancel = () => void session.kill();
    run.signal.addEventListener('abort', cancel, { once: true });
    const where = new Map(slots.schemasOf(plan).map((schema) => [schema, stagedIn(plan, schema)]));
    try {
      const ask = (sql: string) => session.askRows(sql);
      const count = async (sql: string) => {
        await session.lookIn(load.path);
        const counted = await session.askRows(sql);
        await session.reset();
        return counted;
      };
      await checkTables({ ask, count }, where, backup, run);
    } finally {
      run.signal.removeEventListener('abort', cancel);
    }
  }

  async switchOver(plan: DatabasePlan, run: RunContext): Promise<void> {
    const open = this.#open.get(plan.id);
    if (!open) return switchOverSchemas(this.connection, plan, 'staged', this.endSessionsMs);
    let failure: unknown = new SafekeepError('SWITCHOVER_FAILED', {
      detail: { text: 'the transaction was rolled back' },
    });
    try {
      await whileEndingSessions(this.connection, plan, open.backendPid, this.endSessionsMs, () => commit(open, plan));
    } catch (error) {
      failure = error;
    } finally {
      await this.#close(plan.id);
    }
    await requireReached('after switchover', failure, async () => {
      // Whether the server committed is certain only after its process has ended.
      await this.#endBackend(open.backendPid);
      return this.position(plan);
    });
    run.log('info', { text: 'The transaction that loaded the backup was committed' });
  }

  async switchBack(plan: DatabasePlan): Promise<void> {
    await switchOverSchemas(this.connection, plan, 'previous', this.endSessionsMs);
  }

  position(plan: DatabasePlan): Promise<SlotPosition> {
    return positionOfSchemas(this.connection, plan, this.endSessionsMs);
  }

  /** Terminates the sessions of this restore, including those of a dead process, then drops the inactive schemas that carry its mark. */
  async discard(plan: DatabasePlan): Promise<void> {
    await this.#close(plan.id);
    const home = await withClient(this.connection, {}, async (client) => {
      const names = [slots.ownName(plan.id), slots.switchoverName(plan.id)];
      const left = await slots.endSessions(client, () => slots.ownSessions(client, names), this.endSessionsMs);
      if (left) throw loadContinues(left);
      return homeOf(client, plan);
    });
    if (!home) return;
    await withClient(this.connection, { database: home.name }, async (client) => {
      await client.query(`SELECT set_config('lock_timeout', $1, false)`, [String(LOCK_TIMEOUT_MS)]);
      for (const schema of slots.schemasOf(plan)) await dropInactiveSchema(client, plan, inactiveOf(plan, schema));
    });
  }

  async close(): Promise<void> {
    for (const id of this.#open.keys()) await this.#close(id);
  }

  #require(plan: DatabasePlan): OpenLoad {
    const open = this.#open.get(plan.id);
    if (open?.session.isOpen) return open;
    throw new SafekeepError('STAGED_DATA_DIFFERS', { detail: { text: 'the transaction that loaded it has ended' } });
  }

  async #close(id: string): Promise<void> {
    const open = this.#open.get(id);
    this.#open.delete(id);
    await open?.session.kill();
    await open?.environment.close();
  }

  async #endBackend(pid: number): Promise<void> {
    await withClient(this.connection, {}, async (client) => {
      const find = () =>
        rows<slots.Session>(
          client,
          `SELECT pid, usename::text AS who FROM pg_stat_activity WHERE pid = $1 AND usename = current_user`,
          [pid],
        );
      const left = await slots.endSessions(client, find, this.endSessionsMs);
      if (left) throw loadContinues(left);
    });
  }
}

function loadContinues(sessions: string): SafekeepError {
  return new SafekeepError('INTERNAL', {
    detail: { text: 'the load of the backup could not be terminated: {{sessions}}', params: { sessions } },
  });
}

/** Location of a schema of the backup until the switchover. */
function stagedIn(plan: DatabasePlan, schema: string): string {
  return plan.strategy === 'objects' ? inactiveOf(plan, schema) : schema;
}

async function commit({ session, load, late }: OpenLoad, plan: DatabasePlan): Promise<void> {
  // The position is determined only after sessions with this name have ended.
  await session.run(`SET application_name = ${quoteText(slots.switchoverName(plan.id))}`);
  const limit = `SET lock_timeout = ${LOCK_TIMEOUT_MS}`;
  await session.run(limit);
  await loadForeignKeys(session, late, load, limit);
  if (plan.strategy === 'objects') {
    for (const name of slots.schemasOf(plan)) {
      const steps = switchoverSteps(plan, { name, owner: '', comment: null, grants: null }, null);
      for (const step of steps) {
        if (typeof step === 'string') await session.run(step);
        else for (const row of await session.askRows(step.each)) for (const sql of row) await session.run(String(sql));
      }
    }
  }
  await session.run('COMMIT');
}

interface LiveFacts {
  privileges: Awaited<ReturnType<typeof privilegesHere>>;
  versionNumber: number;
  schemaFacts: slots.SchemaFacts[];
  /** Extensions in the app's schemas: they have to move along. */
  toMove: DatabaseExtension[];
  toCreate: string;
  /** The search path in which functions find unqualified names. */
  path: string[];
  /** Names that stay in the live schemas: those that extensions created. */
  staying: Renaming['staying'];
}

async function lookAtLive(client: Client, plan: DatabasePlan, backup: ManifestDatabase): Promise<LiveFacts> {
  const schemas = slots.schemasOf(plan);
  const extensions = await allExtensions(client);
  const present = new Set(extensions.map(({ name }) => name));
  const missing = backup.extensions.filter(({ name }) => !present.has(name));
  const privileges = await privilegesHere(client, backup, schemas);
  const isMoving = plan.strategy === 'objects';
  // Objects can be moved only by their owner or a role that can act as the owner.
  const movable = await rows<{ name: string }>(
    client,
    `SELECT rolname AS name FROM pg_roles WHERE rolname = ANY($1) AND pg_has_role(oid, 'USAGE')`,
    [privileges.possibleOwners],
  );
  const possibleOwners = movable.map(({ name }) => name);
  return {
    // The schemas' own privileges stay with them.
    privileges: isMoving ? { ...privileges, possibleOwners, ownsSchemas: false } : privileges,
    versionNumber: await serverVersionNumber(client),
    schemaFacts: await slots.schemaFacts(client, schemas),
    toMove: isMoving ? [] : extensions.filter(({ schema }) => schemas.includes(schema)),
    toCreate: createExtensions(missing, await availableExtensions(client)),
    path: loadPath(plan, await appPath(client, schemas), extensions),
    staying: isMoving ? await extensionNames(client) : new Map<string, Set<string>>(),
  };
}

/**
 * The search path of the load: the schemas it fills, never live data. Extension objects stay in the live schema, which therefore
 * comes last; `requireApart` ensures that the load has used nothing else there.
 */
function loadPath(plan: DatabasePlan, path: readonly string[], extensions: readonly DatabaseExtension[]): string[] {
  const live = slots.schemasOf(plan);
  const loaded = path.map((schema) => (live.includes(schema) ? stagedIn(plan, schema) : schema));
  const homes = extensions.map(({ schema }) => schema).filter((schema) => live.includes(schema));
  return [...new Set([...loaded, ...(plan.strategy === 'objects' ? homes : [])])];
}

async function extensionNames(client: Client): Promise<Renaming['staying']> {
  const staying = new Map<string, Set<string>>();
  for (const { schema, name } of await rows<{ schema: string; name: string }>(client, objects.EXTENSION_NAMES)) {
    staying.set(schema, (staying.get(schema) ?? new Set()).add(name));
  }
  return staying;
}

/** Creates the schemas that the dump is loaded into. */
async function makeRoom(session: LoadSession, plan: DatabasePlan, here: LiveFacts): Promise<void> {
  if (plan.strategy !== 'objects') {
    await session.run(here.schemaFacts.map((facts) => renameToInactive(plan, facts)).join('\n'));
    await session.lenient(here.schemaFacts.flatMap(slots.schemaDetails));
    await session.run([...here.toMove.map(moveExtension), here.toCreate].join('\n'));
    return;
  }
  const owners = here.privileges.possibleOwners.map(quoteName).join(', ');
  const create = slots.schemasOf(plan).map((schema) => {
    const inactive = quoteName(inactiveOf(plan, schema));
    // The owner of an object in a schema needs the privilege to create in it.
    return `CREATE SCHEMA ${inactive};\nGRANT CREATE, USAGE ON SCHEMA ${inactive} TO ${owners};`;
  });
  await session.run([...create, here.toCreate].join('\n'));
}

function renameToInactive(plan: DatabasePlan, { name, owner, comment }: slots.SchemaFacts): string {
  const inactive = inactiveOf(plan, name);
  const mark = slots.markText(plan.id, { content: 'previous', comment });
  return [
    `ALTER SCHEMA ${quoteName(name)} RENAME TO ${quoteName(inactive)};`,
    `COMMENT ON SCHEMA ${quoteName(inactive)} IS ${quoteText(mark)};`,
    `CREATE SCHEMA ${quoteName(name)} AUTHORIZATION ${quoteName(owner)};`,
  ].join('\n');
}

/** Renamed with its schema, an extension would become inactive: the new data must find it in the old place. */
function moveExtension({ name, schema }: DatabaseExtension): string {
  return `ALTER EXTENSION ${quoteName(name)} SET SCHEMA ${quoteName(schema)};`;
}

/**
 * Ensures that data loaded next to live objects does not use them, whatever functions of the dump the load has run.
 * @throws STAGED_DATA_DIFFERS
 */
async function requireApart(session: LoadSession, plan: DatabasePlan, dependents: string[]): Promise<void> {
  const schemas = slots.schemasOf(plan);
  const refuse = async (questions: string[], why: Message) => {
    const found: string[] = [];
    for (const question of questions) found.push(...(await session.ask(question)));
    if (found.length === 0) return;
    const detail: Message = { ...why, params: { found: found.slice(0, 5).join(', ') } };
    throw new SafekeepError('STAGED_DATA_DIFFERS', { detail });
  };
  const targets = schemas.map((schema) => stagedIn(plan, schema));
  await refuse([objects.relationsTouchedOutside(targets)], {
    text: 'the load accessed tables outside the staged data: {{found}}',
  });
  if (plan.strategy !== 'objects') return;
  const pairs = schemas.map((schema) => [schema, inactiveOf(plan, schema)] as const);
  const known = dependents.map((name) => quoteText(name)).join(', ');
  await refuse([`SELECT name FROM (${dependentsSql(schemas)}) d WHERE name <> ALL(ARRAY[${known}]::text[])`], {
    text: 'these objects depend on live objects: {{found}}',
  });
  await refuse(
    pairs.map(([live, inactive]) => objects.functionsRunByTheLoad(live, inactive)),
    { text: 'these functions ran during the load and name the live schema: {{found}}' },
  );
  await refuse(
    pairs.map(([live, inactive]) => objects.functionsNamingLiveOnes(live, inactive)),
    { text: 'these functions ran during the load and name live functions that the backup lacks: {{found}}' },
  );
  await refuse([objects.relationsRead(schemas)], { text: 'the load read live tables: {{found}}' });
  await refuse(
    pairs.map(([, inactive]) => objects.columnsOfObjects(inactive)),
    { text: 'these columns refer to live objects: {{found}}' },
  );
  if (slots.isForVerify(plan)) return;
  await refuse(
    pairs.map(([live, inactive]) => objects.collisions(live, inactive)),
    { text: 'another role owns objects with the same names: {{found}}' },
  );
}
