/** Loads a backup into the inactive slot of a MySQL or MariaDB database and compares it with the manifest. */
import { text } from 'node:stream/consumers';
import type { ManifestDatabase } from '../../../shared/manifest';
import type { Message } from '../../../shared/runs';
import type { RunContext } from '../../context';
import { SafekeepError } from '../../errors';
import { otherRowCount, tableMissing, tableNotInBackup } from '../differences';
import type { DatabaseConnection, DatabasePlan, OpenPart } from '../driver';
import { type Belongs, belongsTo, constraintNames, crossingForeignKeys, everythingIn, objectsIn } from './catalog';
import { type MysqlSession, quoteId, sharedConstraints, withMysql } from './connection';
import { type Layout, layoutOf, type Place } from './layout';
import { loadTables } from './load';
import { placesOf, rememberStoredObjects, rememberTable, rememberTables } from './notes';
import { createStoredObjects, dropStoredObjects } from './stored-objects';
import { readStoredObjects, type StoredObject } from './stored-objects-file';
import type { NewNames } from './rewrite';
import { takeOver } from './sessions';
import { createSlots, inactiveTables } from './slots';
import { tryUnderOtherNames } from './trial';

/**
 * Creates the slots, loads the tables and tries out the stored objects, so that the server rejects unsuitable ones now.
 * @throws TOOL_MISSING, TOOL_TOO_OLD, TOOL_FAILED with the name of the table or stored object, ARCHIVE_DAMAGED
 */
export async function stageMysql(
  plan: DatabasePlan,
  backup: ManifestDatabase,
  openPart: OpenPart,
  connection: DatabaseConnection,
  run: RunContext,
): Promise<void> {
  const renamed: string[] = [];
  const { layout, newNames } = await withMysql(connection, async (session) => {
    await takeOver(session, plan.id);
    const made = layoutOf(session, plan);
    await createSlots(session, made);
    const names = made.strategy === 'names' ? await newNamesFor(session, made, backup, connection, renamed) : null;
    return { layout: made, newNames: names };
  });
  const slot = { ...connection, database: layout.inactive.after };
  await loadTables(slot, plan.id, backup, openPart, newNames, run);
  if (renamed.length > 0) {
    run.log('info', {
      text: 'These foreign keys and check constraints are renamed because live tables use their names: {{constraints}}',
      params: { constraints: renamed.join(', ') },
    });
  }
  // By position: archives made before the release of 0.1.0 use another name for it.
  const [, part] = backup.parts;
  const storedObjects = part === undefined ? [] : readStoredObjects(await text(await openPart(part)));
  await withMysql(slot, async (session) => {
    await takeOver(session, plan.id);
    if (layout.strategy === 'tables') {
      const loaded = (await objectsIn(session, layout.inactive.after)).filter(({ kind }) => kind !== 'view');
      await rememberTables(session, layout, 'after', loaded.map(({ name }) => name)); // prettier-ignore
    }
    await rememberStoredObjects(session, layout, 'after', storedObjects);
    if (layout.strategy === 'tables') await tryInStagingDatabase(session, storedObjects, run);
    else await tryUnderOtherNames(session, storedObjects, layout, await placesOf(session, layout, 'after'));
  });
}

/** In a separate database, all stored objects can be created under their own names; afterwards they are dropped. */
async function tryInStagingDatabase(
  session: MysqlSession,
  storedObjects: StoredObject[],
  run: RunContext,
): Promise<void> {
  await createStoredObjects(session, storedObjects, {
    asTrial: true,
    onBroken: (view) => {
      run.log('warn', {
        text: 'The view {{view}} was broken when it was backed up and was skipped',
        params: { view },
      });
    },
  });
  // Tables with triggers cannot move to another database.
  await dropStoredObjects(session, storedObjects);
}

/** Names in the live database for the objects of the dump. They are recorded before they are used. */
async function newNamesFor(
  session: MysqlSession,
  layout: Layout,
  backup: ManifestDatabase,
  connection: DatabaseConnection,
  renamed: string[],
): Promise<NewNames> {
  const { server } = session;
  const fold = (name: string) => (server.caseSensitive ? name : name.toLowerCase());
  const places = await rememberTables(session, layout, 'after', backup.tables.map(({ name }) => name)); // prettier-ignore
  const known = new Map(places.map(({ name, inactive }) => [fold(name), inactive]));
  const promised = new Set(known.keys());
  const taken = new Set((await constraintNames(session, layout.live)).map((name) => name.toLowerCase()));
  return {
    tableName: async (name) => {
      const inactive = known.get(fold(name));
      if (inactive !== undefined) return inactive;
      const more = await withMysql(connection, (other) => rememberTable(other, layout, 'after', name));
      known.set(fold(name), more.inactive);
      return more.inactive;
    },
    isTable: (name) => promised.has(fold(name)),
    isTaken: (constraint) => taken.has(constraint.toLowerCase()),
    shared: sharedConstraints(server),
    onRenamedConstraint: (table, constraint) => renamed.push(`${table}.${constraint}`),
  };
}

/** @throws STAGED_DATA_DIFFERS */
export async function checkMysql(
  plan: DatabasePlan,
  backup: ManifestDatabase,
  connection: DatabaseConnection,
  run: RunContext,
): Promise<void> {
  const differs = (detail: Message) => new SafekeepError('STAGED_DATA_DIFFERS', { detail });
  await withMysql(connection, async (session) => {
    const layout = layoutOf(session, plan);
    const belongs = belongsTo(connection, session);
    const found = (await inactiveTables(session, layout, 'after')).filter(({ kind }) => kind === 'table');
    const alien = found.find(({ name }) => !belongs(name))?.name;
    if (alien !== undefined) throw differs(withoutPrefix(alien, connection.tablePrefix));
    const promised = new Map(backup.tables.map((table) => [session.fold(table.name), table]));
    const there = new Set(found.map(({ name }) => session.fold(name)));
    const missing = [...promised.keys()].find((name) => !there.has(name));
    if (missing !== undefined) throw differs(tableMissing(promised.get(missing)?.name ?? missing));
    for (const [index, { name, inactive }] of found.entries()) {
      if (run.signal.aborted) throw new SafekeepError('CANCELLED');
      const table = promised.get(session.fold(name));
      if (!table) throw differs(tableNotInBackup(name));
      if (table.rows !== null) {
        const rows = Number(await session.value(`SELECT COUNT(*) FROM ${quoteId(layout.inactive.after, inactive)}`));
        if (rows !== table.rows) throw differs(otherRowCount(name, rows, table.rows));
      }
      run.progress({ done: index + 1, total: found.length, unit: 'steps' });
    }
    const [crossing] = await keysLeaving(session, layout, found, connection);
    if (crossing !== undefined) {
      throw differs({
        text: 'a foreign key references a table outside the backup: {{key}}',
        params: { key: crossing },
      });
    }
  });
}

const withoutPrefix = (table: string, prefix: string): Message => ({
  text: 'table {{table}} does not have the prefix {{prefix}}',
  params: { table, prefix },
});

/**
 * Foreign keys between staged tables and others. Without a prefix, tables in a separate database have none, except to tables
 * that were missing when the backup was made.
 */
async function keysLeaving(
  session: MysqlSession,
  layout: Layout,
  staged: Place[],
  { tablePrefix }: DatabaseConnection,
): Promise<string[]> {
  if (layout.strategy === 'tables' && tablePrefix === '') return [];
  const own = new Set(staged.map(({ inactive }) => session.fold(inactive)));
  const isStaged: Belongs = (name) => own.has(session.fold(name));
  const there = new Set((await everythingIn(session, layout.inactive.after)).map(({ name }) => session.fold(name)));
  const isThere: Belongs = (name) => tablePrefix !== '' || there.has(session.fold(name));
  return await crossingForeignKeys(session, layout.inactive.after, isStaged, isThere);
}
