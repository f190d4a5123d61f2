/**
 * Strategies 'schema' and 'objects': the slot aside is a schema of the same database, and staging runs in one transaction that stays
 * open until the switch commits it. One session holds the transaction; when it ends for any reason, the server takes everything back.
 *
 * 'schema' renames the live schemas aside at once, which nobody else sees and which locks no table, and loads new ones in their place.
 * Where a live schema can not be renamed, 'objects' loads into a schema aside, and the switch moves what lies in both. Moving locks
 * every live table, so it is not done any sooner.
 */
import type { DatabaseExtension, ManifestDatabase } from '../../../shared/manifest';
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
  /** The server's process that works for the session. */
  backendPid: number;
  load: Load;
  /** What the switch adds: foreign keys to other schemas, which lock tables there. */
  late: Statement[];
}

/** The sessions of the restores that this process has under way; one driver has one. */
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

  /** Asks within the open transaction. */
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
    let failure: unknown = new Error('the transaction was rolled back');
    try {
      await whileEndingSessions(this.connection, plan, open.backendPid, this.endSessionsMs, () => commit(open, plan));
    } catch (error) {
      failure = error;
    } finally {
      await this.#close(plan.id);
    }
    await requireReached('after switchover', failure, async () => {
      // Only when the server's process has ended can be told whether it came to commit.
      await this.#endBackend(open.backendPid);
      return this.position(plan);
    });
    run.log('info', { text: 'The transaction that loaded the backup is committed.' });
  }

  async switchBack(plan: DatabasePlan): Promise<void> {
    await switchOverSchemas(this.connection, plan, 'previous', this.endSessionsMs);
  }

  position(plan: DatabasePlan): Promise<SlotPosition> {
    return positionOfSchemas(this.connection, plan, this.endSessionsMs);
  }

  /** Ends what still works for this restore, here or left by a process that died, then drops the schemas aside that bear its mark. */
  async discard(plan: DatabasePlan): Promise<void> {
    await this.#close(plan.id);
    const home = await withClient(this.connection, {}, async (client) => {
      const names = [slots.ownName(plan.id), slots.switchoverName(plan.id)];
      const left = await slots.endSessions(client, () => slots.ownSessions(client, names), this.endSessionsMs);
      if (left) throw new SafekeepError('INTERNAL', { detail: `the load of the backup can not be ended: ${left}` });
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
    throw new SafekeepError('STAGED_DATA_DIFFERS', { detail: 'the transaction that loaded it has ended' });
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
      if (left) throw new SafekeepError('INTERNAL', { detail: `the load of the backup can not be ended: ${left}` });
    });
  }
}

/** Where a schema of the backup lies until the switch. */
function stagedIn(plan: DatabasePlan, schema: string): string {
  return plan.strategy === 'objects' ? inactiveOf(plan, schema) : schema;
}

async function commit({ session, load, late }: OpenLoad, plan: DatabasePlan): Promise<void> {
  // Whoever asks for the position waits for a session of this name.
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
  /** Extensions that live in the app's schemas: they have to come along. */
  toMove: DatabaseExtension[];
  toCreate: string;
  /** Where functions find what they name without a schema. */
  path: string[];
  /** Names that stay in the live schemas: what extensions brought. */
  staying: Renaming['staying'];
}

async function lookAtLive(client: Client, plan: DatabasePlan, backup: ManifestDatabase): Promise<LiveFacts> {
  const schemas = slots.schemasOf(plan);
  const extensions = await allExtensions(client);
  const present = new Set(extensions.map(({ name }) => name));
  const missing = backup.extensions.filter(({ name }) => !present.has(name));
  const privileges = await privilegesHere(client, backup, schemas);
  const isMoving = plan.strategy === 'objects';
  // What is to be moved must be the role's own, or that of a role it acts as.
  const movable = await rows<{ name: string }>(
    client,
    `SELECT rolname AS name FROM pg_roles WHERE rolname = ANY($1) AND pg_has_role(oid, 'USAGE')`,
    [privileges.possibleOwners],
  );
  const possibleOwners = movable.map(({ name }) => name);
  return {
    // The schemas' own rights stay with them.
    privileges: isMoving ? { ...privileges, possibleOwners, ownsSchemas: false } : privileges,
    versionNumber: await serverVersionNumber(client),
    schemaFacts: await slots.schemaFacts(client, schemas),
    toMove: isMoving ? [] : extensions.filter(({ schema }) => schemas.includes(schema)),
    toCreate: createExtensions(missing, await availableExtensions(client)),
    path: pathBeside(plan, await appPath(client, schemas), extensions),
    staying: isMoving ? await extensionNames(client) : new Map<string, Set<string>>(),
  };
}

/**
 * Where the load looks for names without a schema: in what it loads, never in live data. What extensions brought stays in the live
 * schema, which therefore comes last; `requireApart` sees to it that nothing else there was met.
 */
function pathBeside(plan: DatabasePlan, path: readonly string[], extensions: readonly DatabaseExtension[]): string[] {
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

/** Makes the schemas that the dump is loaded into. */
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
    // Who is to own something in a schema must be allowed to create in it.
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

/** Renamed with its schema, an extension would stay aside: the new data must find it where the old data did. */
function moveExtension({ name, schema }: DatabaseExtension): string {
  return `ALTER EXTENSION ${quoteName(name)} SET SCHEMA ${quoteName(schema)};`;
}

/**
 * What was loaded beside live objects must not have met them, whatever functions of the dump the load has run.
 * @throws STAGED_DATA_DIFFERS
 */
async function requireApart(session: LoadSession, plan: DatabasePlan, dependents: string[]): Promise<void> {
  const schemas = slots.schemasOf(plan);
  const refuse = async (questions: string[], why: string) => {
    const found: string[] = [];
    for (const question of questions) found.push(...(await session.ask(question)));
    if (found.length > 0)
      throw new SafekeepError('STAGED_DATA_DIFFERS', { detail: `${why}: ${found.slice(0, 5).join(', ')}` });
  };
  const targets = schemas.map((schema) => stagedIn(plan, schema));
  await refuse([objects.relationsTouchedOutside(targets)], 'the load has touched tables outside of what it loads');
  if (plan.strategy !== 'objects') return;
  const pairs = schemas.map((schema) => [schema, inactiveOf(plan, schema)] as const);
  const known = dependents.map((name) => quoteText(name)).join(', ');
  await refuse(
    [`SELECT name FROM (${dependentsSql(schemas)}) d WHERE name <> ALL(ARRAY[${known}]::text[])`],
    'these depend on live objects',
  );
  await refuse(
    pairs.map(([live, inactive]) => objects.functionsRunByTheLoad(live, inactive)),
    'these functions were run by the load and name the live schema',
  );
  await refuse(
    pairs.map(([live, inactive]) => objects.functionsNamingLiveOnes(live, inactive)),
    'these functions were run by the load and name live functions that the backup lacks',
  );
  await refuse([objects.relationsRead(schemas)], 'the load has read live tables');
  await refuse(
    pairs.map(([, inactive]) => objects.columnsOfObjects(inactive)),
    'these columns hold names of live objects',
  );
  if (slots.isForVerify(plan)) return;
  await refuse(
    pairs.map(([live, inactive]) => objects.collisions(live, inactive)),
    'another role owns an object of the same name',
  );
}
