/**
 * Creates, identifies and drops the inactive slots. An inactive database contains a table with the plan's id; a database
 * without this table, or with that of another plan, is never touched. In the live database, the names of all Safekeep tables
 * contain the plan's id, and the list of places records what was created under them.
 */
import { SafekeepError } from '../../errors';
import type { SlotPosition } from '../driver';
import { type MysqlObject, everythingIn, objectsIn } from './catalog';
import { type MysqlSession, quoteId } from './connection';
import { isInactiveName, type Layout, otherSide, PLAN_TABLE, type Place, type Side } from './layout';
import { createMark, createNotes, NOTE_OPTIONS, placesOf, progressOf } from './notes';
import { dropTrials } from './trial';

export async function createSlots(session: MysqlSession, layout: Layout): Promise<void> {
  if (layout.strategy === 'tables') {
    await createDatabase(session, layout.inactive.after);
    await createDatabase(session, layout.inactive.before);
    await createMark(session, layout.previousMark, layout.id);
  }
  await createNotes(session, layout);
  const { database, name } = layout.sign.before;
  await session.rows(`CREATE TABLE ${quoteId(database, name)} (nothing INT) ${NOTE_OPTIONS}`);
  await createMark(session, layout.notes.plan, layout.id);
}

async function createDatabase(session: MysqlSession, database: string): Promise<void> {
  const [live] = await session.rows(
    `SELECT DEFAULT_CHARACTER_SET_NAME AS encoding, DEFAULT_COLLATION_NAME AS collation
       FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?`,
    [session.database],
  );
  await session.rows(`CREATE DATABASE ${quoteId(database)} CHARACTER SET ${live?.encoding} COLLATE ${live?.collation}`);
}

/** Whether the slots of the plan exist. 'some': they are partly dropped. */
export async function slotsThere(session: MysqlSession, layout: Layout): Promise<'all' | 'some' | 'none'> {
  if (layout.strategy === 'names') {
    const own = await ownTables(session, layout);
    return own.length === 0 ? 'none' : own.length === 4 ? 'all' : 'some';
  }
  const databases = [layout.inactive.after, layout.inactive.before];
  const owned: string[] = [];
  for (const database of databases) owned.push(await ownershipOf(session, database, layout.id));
  if (owned.every((ownership) => ownership === 'ours')) return 'all';
  return owned.includes('ours') ? 'some' : 'none';
}

/** 'empty': no tables, or only Safekeep's. */
async function ownershipOf(
  session: MysqlSession,
  database: string,
  id: string,
): Promise<'absent' | 'empty' | 'ours' | 'foreign'> {
  const present = await session.value('SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?', [
    database,
  ]);
  if (!Number(present)) return 'absent';
  const tables = await everythingIn(session, database);
  if (tables.some(({ name }) => name === PLAN_TABLE)) {
    const found = await session.column(`SELECT id FROM ${quoteId(database, PLAN_TABLE)}`);
    if (found.includes(id)) return 'ours';
    if (found.length > 0) return 'foreign';
  }
  return tables.every(({ isOurs }) => isOurs) ? 'empty' : 'foreign';
}

/**
 * Drops both slots. The table that shows which side is live goes last, so that a later process can continue after a kill and
 * still knows what is live. Repeatable.
 */
export async function dropSlots(session: MysqlSession, layout: Layout): Promise<void> {
  await session.rows('SET SESSION foreign_key_checks = 0');
  if (layout.strategy === 'tables') return await dropDatabases(session, layout);
  await dropTrials(session, layout);
  const own = await ownTables(session, layout);
  if (own.includes(bare(layout.notes.places))) {
    for (const side of ['before', 'after'] as const) {
      const found = await inactiveTables(session, layout, side);
      const named = found.filter(({ inactive }) => isInactiveName(layout, inactive));
      await dropObjects(session, layout.live, named.map(({ inactive, kind }) => ({ name: inactive, kind }))); // prettier-ignore
    }
  }
  await dropNotes(session, layout);
  for (const side of ['before', 'after'] as const) {
    await session.rows(`DROP TABLE IF EXISTS ${quoteId(layout.live, layout.sign[side].name)}`);
  }
}

async function dropDatabases(session: MysqlSession, layout: Layout): Promise<void> {
  for (const side of ['before', 'after'] as const) {
    const database = layout.inactive[side];
    const ownership = await ownershipOf(session, database, layout.id);
    // An empty database is the result of a kill after its creation or while it was being dropped.
    if (ownership !== 'ours' && ownership !== 'empty') continue;
    await dropObjects(session, database, await objectsIn(session, database));
    if (side === 'after') await dropNotes(session, layout);
    await session.rows(`DROP DATABASE ${quoteId(database)}`);
  }
}

async function dropNotes(session: MysqlSession, { notes }: Layout): Promise<void> {
  for (const note of [notes.storedObjects, notes.places, notes.plan])
    await session.rows(`DROP TABLE IF EXISTS ${note}`);
}

async function dropObjects(
  session: MysqlSession,
  database: string,
  objects: Pick<MysqlObject, 'name' | 'kind'>[],
): Promise<void> {
  for (const { name, kind } of objects) {
    await session.rows(`DROP ${kind.toUpperCase()} IF EXISTS ${quoteId(database, name)}`);
  }
}

/** The plan's own tables that exist in the live database; only one of the two signs exists. */
async function ownTables(session: MysqlSession, layout: Layout): Promise<string[]> {
  const names = (await everythingIn(session, layout.live)).map(({ name }) => name);
  const own = [...Object.values(layout.notes).map(bare), ...Object.values(layout.sign).map(({ name }) => name)];
  return own.filter((name) => names.includes(name));
}

/** The name of a note without database and quotes; it contains no quotes itself. */
const bare = (qualified: string) => qualified.slice(0, -1).slice(qualified.slice(0, -1).lastIndexOf('`') + 1);

/** The tables of a side that are inactive now. */
export async function inactiveTables(
  session: MysqlSession,
  layout: Layout,
  side: Side,
): Promise<(Place & Pick<MysqlObject, 'kind'>)[]> {
  const found = await everythingIn(session, layout.inactive[side]);
  const kinds = new Map(found.map((object) => [session.fold(object.name), object.kind]));
  const places = await placesOf(session, layout, side);
  return places.flatMap((place) => {
    const kind = kinds.get(session.fold(place.inactive));
    return kind === undefined ? [] : [{ ...place, kind }];
  });
}

/** The live side, according to the name of the table that moves with all others; null when that table is missing. */
export async function liveSide(session: MysqlSession, { sign }: Layout): Promise<Side | null> {
  const found = new Set((await everythingIn(session, sign.before.database)).map(({ name }) => name));
  const [isBefore, isAfter] = [found.has(sign.before.name), found.has(sign.after.name)];
  if (isBefore === isAfter) return null;
  return isBefore ? 'before' : 'after';
}

export interface Standing {
  live: Side | null;
  /** Names of inactive tables that are missing; no switchover is possible then. */
  missing: string[];
}

/** Determines from the tables themselves which side is live. The slots must exist. */
export async function standingOf(session: MysqlSession, layout: Layout): Promise<Standing> {
  const live = await liveSide(session, layout);
  if (live === null) return { live, missing: [] };
  const inactive = otherSide(live);
  const there = new Set((await inactiveTables(session, layout, inactive)).map(({ name }) => name));
  const missing = (await placesOf(session, layout, inactive))
    .map(({ name }) => name)
    .filter((name) => !there.has(name));
  return { live, missing };
}

/** The position of a plan: the tables show what is live, the notes whether its stored objects are complete. */
export async function positionIn(session: MysqlSession, layout: Layout): Promise<SlotPosition> {
  if ((await slotsThere(session, layout)) !== 'all') return 'unclear';
  const { live, missing } = await standingOf(session, layout);
  if (live === null || missing.length > 0 || (await progressOf(session, layout)) !== live) return 'unclear';
  return live === 'before' ? 'before switchover' : 'after switchover';
}

/** @throws INTERNAL while a switchover is halfway: both slots may be needed */
export async function refuseHalfway(session: MysqlSession, layout: Layout): Promise<void> {
  if ((await slotsThere(session, layout)) !== 'all') return;
  const progress = await progressOf(session, layout);
  if (progress === null || progress === (await liveSide(session, layout))) return;
  throw new SafekeepError('INTERNAL', {
    detail: { text: 'the switchover of the tables of {{database}} is incomplete', params: { database: layout.live } },
  });
}
