/**
 * Strategy 'database': the inactive slot is a separate database on the same server; the switchover renames both.
 *
 * A rename locks the database until the transaction ends: new sessions wait for the lock and then receive an error, because the
 * database was renamed. So connections need not be refused beforehand, and a process that dies at any moment leaves no database
 * that refuses connections.
 */
import type { ManifestDatabase } from '../../../shared/manifest';
import type { Message } from '../../../shared/runs';
import type { RunContext } from '../../context';
import { messageOf, SafekeepError } from '../../errors';
import type { DatabaseConnection, DatabasePlan, SlotPosition } from '../driver';
import { checkTables } from './check';
import {
  type Client,
  connect,
  describe,
  insistently,
  inTransaction,
  quoteName,
  quoteText,
  rows,
  sqlState,
  toolEnvironment,
  withClient,
} from './connection';
import { copyDatabaseSettings, createDatabase, type DatabaseRow, databaseRow } from './database-settings';
import { availableExtensions, createExtensions, unionOf } from './extensions';
import { loadForeignKeys, loadInto, readLists, sessionOptions } from './load';
import { withMaintenance } from './maintenance';
import type { Load, LoadRequest } from './pg-restore';
import { privilegesHere } from './privileges';
import type { Renaming } from './rename';
import { appPath, useAppPath } from './search-path';
import { LoadSession } from './session';
import * as slots from './slots';
import { allExtensions, serverVersionNumber } from './sql';

/** SQLSTATE of a rename or drop that is refused because of other sessions. */
const OBJECT_IN_USE = '55006';

export async function stageDatabase(
  connection: DatabaseConnection,
  plan: DatabasePlan,
  request: LoadRequest,
): Promise<void> {
  const { run, backup } = request;
  const [live, inactive, schemas] = [slots.nameOf(plan, 'live'), slots.nameOf(plan, 'inactive'), slots.schemasOf(plan)];
  const here = await withClient(connection, { signal: run.signal }, (client) => lookAtLive(client, plan, backup));
  const mark = (content: slots.Content) =>
    `COMMENT ON DATABASE ${quoteName(inactive)} IS ${quoteText(slots.markText(plan.id, { content, comment: null }))}`;
  const applicationName = slots.ownName(plan.id);
  const asMaintenance = (work: (client: Client) => Promise<unknown>) =>
    withMaintenance(connection, [live, inactive], run.signal, work, applicationName);
  await asMaintenance(async (client) => {
    await client.query(createDatabase(inactive, await likeness(client, plan)));
    await client.query(mark('loading'));
  });
  run.log('info', { text: 'Created the staging database {{name}}', params: { name: inactive } });
  const environment = await toolEnvironment(connection, { database: inactive, applicationName });
  const load: Load = {
    ...{ ...request, connection, environment, database: inactive },
    ...{ privileges: here.privileges, versionNumber: here.versionNumber, path: here.path },
    ...destination(backup, schemas, (schema) => schema),
  };
  try {
    const lists = await readLists(load);
    const session = await LoadSession.open(connection, sessionOptions(request, applicationName, inactive));
    try {
      // Staged data becomes durable only with the switchover, whose commit waits for the disk.
      await session.run('SET synchronous_commit = off');
      await session.run(schemas.map((schema) => `CREATE SCHEMA IF NOT EXISTS ${quoteName(schema)};`).join('\n'));
      const fresh = await withClient(connection, { database: inactive, signal: run.signal }, (client) =>
        slots.schemaFacts(client, schemas),
      );
      await session.lenient(detailsToSet(here.schemaFacts, fresh));
      await session.run(here.extensions);
      const foreignKeys = await loadInto(session, lists, load);
      // The tables they reference are not the app's; a scratch database does not have them.
      if (!slots.isForVerify(plan)) await loadForeignKeys(session, foreignKeys, load);
      await session.quit();
    } finally {
      await session.kill();
    }
  } finally {
    await environment.close();
  }
  await asMaintenance((client) => client.query(mark('staged')));
}

/** Target schema of each of the app's schemas, and the renaming this requires. */
export function destination(
  backup: ManifestDatabase,
  schemas: string[],
  targetOf: (schema: string) => string,
  staying: Renaming['staying'] = new Map(),
): Pick<Load, 'targets' | 'renaming'> {
  const targets = new Map(schemas.map((schema) => [backup.schemasInDump?.[schema] ?? schema, targetOf(schema)]));
  const isRenamed = [...targets].some(([name, target]) => name !== target);
  return { targets, ...(isRenamed ? { renaming: { schemas: targets, staying } } : {}) };
}

/** A role that cannot create a database like the live one can still create a scratch database: only encoding and collation matter. */
async function likeness(client: Client, plan: DatabasePlan): Promise<DatabaseRow> {
  const row = await requireRow(client, slots.nameOf(plan, 'live'));
  if (!slots.isForVerify(plan)) return row;
  const [self] = await rows<{ role: string }>(client, 'SELECT current_user AS role');
  return { ...row, owner: self?.role ?? row.owner, tablespace: 'pg_default' };
}

async function lookAtLive(client: Client, plan: DatabasePlan, backup: ManifestDatabase) {
  const schemas = slots.schemasOf(plan);
  // A database for a verification needs only what the backup needs.
  const extensions = slots.isForVerify(plan)
    ? backup.extensions
    : unionOf(backup.extensions, await allExtensions(client));
  return {
    privileges: await privilegesHere(client, backup, schemas),
    versionNumber: await serverVersionNumber(client),
    schemaFacts: await slots.schemaFacts(client, schemas),
    extensions: createExtensions(extensions, await availableExtensions(client)),
    path: [...new Set([...(await appPath(client, schemas)), ...extensions.map(({ schema }) => schema)])],
  };
}

/** Statements that make the schemas of a new database like the live ones; none where they are alike, because not every role can run them. */
function detailsToSet(live: slots.SchemaFacts[], fresh: slots.SchemaFacts[]): string[] {
  const different = live.filter((schema) => {
    const found = fresh.find(({ name }) => name === schema.name);
    return JSON.stringify(found) !== JSON.stringify(schema);
  });
  const owner = ({ name, owner: role }: slots.SchemaFacts) =>
    `ALTER SCHEMA ${quoteName(name)} OWNER TO ${quoteName(role)};`;
  return different.flatMap((schema) => [owner(schema), ...slots.schemaDetails(schema)]);
}

export async function checkDatabase(
  connection: DatabaseConnection,
  plan: DatabasePlan,
  backup: ManifestDatabase,
  run: RunContext,
): Promise<void> {
  const options = { database: slots.nameOf(plan, 'inactive'), signal: run.signal };
  await withClient(connection, options, async (client) => {
    const ask = async (sql: string) => (await client.query<unknown[]>({ text: sql, rowMode: 'array' })).rows;
    const schemas = slots.schemasOf(plan);
    await useAppPath(client, schemas);
    await checkTables({ ask, count: ask }, new Map(schemas.map((schema) => [schema, schema])), backup, run);
  });
}

/** Makes the inactive slot live if it contains `wanted`; does nothing if that is live already. @throws SWITCHOVER_FAILED (nothing changed) */
export async function switchOverDatabases(
  connection: DatabaseConnection,
  plan: DatabasePlan,
  wanted: slots.Content,
  run: RunContext,
  endSessionsMs: number,
): Promise<void> {
  const both = [slots.nameOf(plan, 'live'), slots.nameOf(plan, 'inactive')];
  const reached: SlotPosition = wanted === 'staged' ? 'after switchover' : 'before switchover';
  const endEarlier = () =>
    withMaintenance(connection, both, undefined, (client) => slots.endSwitchovers(client, plan.id, endSessionsMs));
  try {
    await endEarlier();
    if ((await positionOfDatabases(connection, plan, endSessionsMs)) === reached) return;
    const rename = (renamer: Client) =>
      // Terminates sessions while the rename waits for them: no new ones can begin.
      withMaintenance(connection, both, undefined, (ender) =>
        renameWithoutSessions(renamer, ender, plan, wanted, run, endSessionsMs),
      );
    await withMaintenance(connection, both, undefined, rename, slots.switchoverName(plan.id));
  } catch (error) {
    // If the connection was lost during the commit, the outcome is known only after the server process has ended.
    await requireReached(reached, error, async () => {
      await endEarlier();
      return positionOfDatabases(connection, plan, endSessionsMs);
    });
  }
}

async function renameWithoutSessions(
  renamer: Client,
  ender: Client,
  plan: DatabasePlan,
  wanted: slots.Content,
  run: RunContext,
  endSessionsMs: number,
): Promise<void> {
  const find = () => slots.sessionsIn(ender, [slots.nameOf(plan, 'live'), slots.nameOf(plan, 'inactive')]);
  const until = Date.now() + endSessionsMs;
  await renamer.query(`SELECT set_config('lock_timeout', $1, false)`, [String(endSessionsMs)]);
  for (;;) {
    const left = await slots.endSessions(ender, find, until - Date.now());
    if (left) throw sessionsRemain(left);
    let working = true;
    const renamed = inTransaction(renamer, () => rename(renamer, plan, wanted, run)).finally(() => (working = false));
    const ending = (async () => {
      while (working) {
        await slots.endSessions(ender, find, 0);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    const [outcome] = await Promise.allSettled([renamed, ending]);
    if (outcome.status === 'fulfilled') return;
    if (sqlState(outcome.reason) !== OBJECT_IN_USE || Date.now() > until) throw outcome.reason;
  }
}

/** Three renames in one transaction: all of them or none. */
async function rename(client: Client, plan: DatabasePlan, wanted: slots.Content, run: RunContext): Promise<void> {
  const [live, inactive, between] = ['live', 'inactive', 'between'].map((key) => slots.nameOf(plan, key)) as [
    string,
    string,
    string,
  ];
  const [outgoing, incoming] = [await requireRow(client, live), await requireRow(client, inactive)];
  const mark = slots.parseMark(plan.id, incoming.comment);
  if (mark?.content !== wanted) throw notThere(inactive, wanted);
  if (wanted === 'staged') await copyDatabaseSettings(client, outgoing, inactive, run);
  const move = (from: string, to: string) =>
    client.query(`ALTER DATABASE ${quoteName(from)} RENAME TO ${quoteName(to)}`);
  await move(live, between);
  await move(inactive, live);
  await move(between, inactive);
  const content = wanted === 'staged' ? 'previous' : 'staged';
  const newMark = slots.markText(plan.id, { content, comment: outgoing.comment });
  await client.query(`COMMENT ON DATABASE ${quoteName(inactive)} IS ${quoteText(newMark)}`);
  // Data restored for the first time has no comment of its own.
  const comment = slots.commentValue(wanted === 'previous' ? mark.comment : (mark.comment ?? outgoing.comment));
  await client.query(`COMMENT ON DATABASE ${quoteName(live)} IS ${comment}`);
}

async function requireRow(client: Client, name: string): Promise<DatabaseRow> {
  const row = await databaseRow(client, name);
  if (!row) {
    throw new SafekeepError('SWITCHOVER_FAILED', {
      detail: { text: 'the database {{name}} does not exist', params: { name } },
    });
  }
  return row;
}

export function sessionsRemain(sessions: string): SafekeepError {
  return new SafekeepError('SWITCHOVER_FAILED', {
    detail: { text: 'these sessions could not be terminated: {{sessions}}', params: { sessions } },
  });
}

export function notThere(name: string, wanted: slots.Content): SafekeepError {
  const detail: Message =
    wanted === 'staged'
      ? { text: '{{name}} does not contain the staged data of this restore', params: { name } }
      : { text: '{{name}} does not contain the previous data of this restore', params: { name } };
  return new SafekeepError('SWITCHOVER_FAILED', { detail });
}

/**
 * Decides the outcome of a switchover that met an error: if the position has been reached all the same, it succeeded.
 * @throws SWITCHOVER_FAILED (nothing changed), DATABASE_UNREACHABLE (outcome unknown)
 */
export async function requireReached(
  reached: SlotPosition,
  error: unknown,
  ask: () => Promise<SlotPosition>,
): Promise<void> {
  if ((await insistently(ask)) !== reached) throw asSwitchoverFailed(error);
}

function asSwitchoverFailed(error: unknown): SafekeepError {
  if (error instanceof SafekeepError && error.code === 'SWITCHOVER_FAILED') return error;
  const detail = error instanceof SafekeepError ? messageOf(error) : describe(error);
  return new SafekeepError('SWITCHOVER_FAILED', { detail }, { cause: error });
}

export async function positionOfDatabases(
  connection: DatabaseConnection,
  plan: DatabasePlan,
  waitMs: number,
): Promise<SlotPosition> {
  const [live, inactive] = [slots.nameOf(plan, 'live'), slots.nameOf(plan, 'inactive')];
  return withMaintenance(connection, [live, inactive], undefined, async (client) => {
    if (!(await slots.switchoversEnd(client, plan.id, waitMs))) return 'unclear';
    const liveRow = await databaseRow(client, live);
    if (!liveRow) return 'unclear';
    const row = await databaseRow(client, inactive);
    const mark = slots.parseMark(plan.id, row?.comment ?? null);
    if (mark) return mark.content === 'previous' ? 'after switchover' : 'before switchover';
    // Not staged yet, or discarded: a switchover always leaves a mark. The witnesses show what is live.
    const { witnesses } = plan.names;
    return witnesses === undefined || witnesses === liveRow.oid ? 'before switchover' : 'unclear';
  });
}

/** Drops the inactive database if it belongs to this plan. */
export async function discardDatabase(
  connection: DatabaseConnection,
  plan: DatabasePlan,
  endSessionsMs: number,
): Promise<void> {
  const [live, inactive] = [slots.nameOf(plan, 'live'), slots.nameOf(plan, 'inactive')];
  await withMaintenance(connection, [live, inactive], undefined, async (client) => {
    await slots.endSwitchovers(client, plan.id, endSessionsMs);
    // A session whose client was killed may be about to create it.
    const creating = await slots.endSessions(
      client,
      () => slots.ownSessions(client, [slots.ownName(plan.id)]),
      endSessionsMs,
    );
    if (creating) {
      throw internal({
        text: '{{name}} is still being created: {{sessions}}',
        params: { name: inactive, sessions: creating },
      });
    }
    const row = await databaseRow(client, inactive);
    if (!row) return;
    // A restore that was killed between creating and marking it leaves an empty one.
    if (!slots.parseMark(plan.id, row.comment) && !(await isEmpty(connection, inactive))) return;
    await requireNoOther(connection, plan);
    for (let attempt = 0; ; attempt += 1) {
      const left = await slots.endSessions(client, () => slots.sessionsIn(client, [inactive]), endSessionsMs);
      if (left) {
        throw internal({
          text: '{{name}} cannot be dropped because it is in use: {{sessions}}',
          params: { name: inactive, sessions: left },
        });
      }
      try {
        await client.query(`DROP DATABASE IF EXISTS ${quoteName(inactive)}`);
        return;
      } catch (error) {
        if (sqlState(error) !== OBJECT_IN_USE || attempt >= 5) throw error;
      }
    }
  });
}

/** Another restore's slot can be a schema in this database and must not be dropped with it. @throws INTERNAL */
async function requireNoOther(connection: DatabaseConnection, plan: DatabasePlan): Promise<void> {
  const inactive = slots.nameOf(plan, 'inactive');
  const marks = await withClient(connection, { database: inactive }, (client) =>
    rows<{ name: string; comment: string }>(
      client,
      `SELECT nspname AS name, obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace`,
    ),
  );
  const others = marks.filter(({ comment }) => slots.isMark(comment)).map(({ name }) => name);
  if (others.length === 0) return;
  throw internal({
    text: '{{name}} cannot be dropped because it contains data of another restore: {{schemas}}',
    params: { name: inactive, schemas: others.join(', ') },
  });
}

const internal = (detail: Message) => new SafekeepError('INTERNAL', { detail });

async function isEmpty(connection: DatabaseConnection, database: string): Promise<boolean> {
  const client = await connect(connection, { database });
  try {
    const found = await rows(client, `SELECT FROM pg_class WHERE oid >= 16384 LIMIT 1`);
    return found.length === 0;
  } finally {
    await client.end().catch(() => undefined);
  }
}
