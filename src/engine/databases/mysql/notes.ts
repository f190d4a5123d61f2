/**
 * What a plan writes down in tables of its own: how far an exchange has come, which tables belong to which side and what they are
 * called aside, and the programs of both sides. Needed to go on or back after a crash.
 */
import { z } from 'zod';
import { inactiveName, type Layout, type Place, type Side } from './layout';
import { type MysqlSession } from './connection';
import { type StoredObject, storedObjectSchema } from './stored-objects-file';

/** 'to …': an exchange was begun and has not ended. Never believed alone: `standingOf` tells what is live. */
export type Progress = Side | `to ${Side}`;
const progressSchema = z.enum(['before', 'after', 'to before', 'to after']);

export const NOTE_OPTIONS = 'ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin';

export async function createNotes(session: MysqlSession, { notes }: Layout): Promise<void> {
  await session.rows(
    `CREATE TABLE ${notes.places}
      (side VARCHAR(8) NOT NULL, name VARCHAR(64) NOT NULL, aside VARCHAR(64) NOT NULL, PRIMARY KEY (side, name)) ${NOTE_OPTIONS}`,
  );
  await session.rows(
    `CREATE TABLE ${notes.storedObjects}
      (side VARCHAR(8) NOT NULL, number INT NOT NULL, object LONGTEXT NOT NULL, PRIMARY KEY (side, number)) ${NOTE_OPTIONS}`,
  );
}

export async function createMark(session: MysqlSession, table: string, id: string): Promise<void> {
  await session.rows(
    `CREATE TABLE ${table} (id VARCHAR(64) NOT NULL PRIMARY KEY, progress VARCHAR(16) NOT NULL) ${NOTE_OPTIONS}`,
  );
  await session.rows(`INSERT INTO ${table} VALUES (?, 'before')`, [id]);
}

/** null while the plan's own tables have just been made. */
export async function progressOf(session: MysqlSession, { notes }: Layout): Promise<Progress | null> {
  const progress = await session.value(`SELECT progress FROM ${notes.plan}`);
  return progress === null ? null : progressSchema.parse(progress);
}

export async function setProgress(session: MysqlSession, { notes }: Layout, progress: Progress): Promise<void> {
  await session.rows(`UPDATE ${notes.plan} SET progress = ?`, [progress]);
}

/** The tables of a side with their names aside, in the order of their names. */
export async function placesOf(session: MysqlSession, { notes }: Layout, side: Side): Promise<Place[]> {
  const rows = await session.rows(`SELECT name, aside AS inactive FROM ${notes.places} WHERE side = ? ORDER BY name`, [
    side,
  ]);
  return rows.map(({ name, inactive }) => ({ name: String(name), inactive: String(inactive) }));
}

/** Writes down what a side consists of; each table gets a name for the time when it is aside. */
export async function rememberTables(
  session: MysqlSession,
  layout: Layout,
  side: Side,
  tables: string[],
): Promise<Place[]> {
  const taken = await session.column(`SELECT aside FROM ${layout.notes.places} WHERE side <> ?`, [side]);
  const numbers = freeNumbers(layout, taken);
  const places = tables.map((name) => ({
    name,
    inactive: layout.strategy === 'names' ? inactiveName(layout, numbers.next().value) : name,
  }));
  await session.rows(`DELETE FROM ${layout.notes.places} WHERE side = ?`, [side]);
  await insertPlaces(session, layout, side, places);
  return places;
}

const ROWS_PER_INSERT = 500;

async function insertPlaces(session: MysqlSession, { notes }: Layout, side: Side, places: Place[]): Promise<void> {
  for (let at = 0; at < places.length; at += ROWS_PER_INSERT) {
    const batch = places.slice(at, at + ROWS_PER_INSERT);
    const values = batch.flatMap(({ name, inactive }) => [side, name, inactive]);
    await session.rows(`INSERT INTO ${notes.places} VALUES ${batch.map(() => '(?, ?, ?)').join(', ')}`, values);
  }
}

/** One more table of a side. */
export async function rememberTable(session: MysqlSession, layout: Layout, side: Side, name: string): Promise<Place> {
  const taken = await session.column(`SELECT aside FROM ${layout.notes.places}`);
  const place = { name, inactive: inactiveName(layout, freeNumbers(layout, taken).next().value) };
  await insertPlaces(session, layout, side, [place]);
  return place;
}

function* freeNumbers(layout: Layout, taken: string[]): Generator<number, never> {
  const used = new Set(taken);
  for (let number = 1; ; number += 1) if (!used.has(inactiveName(layout, number))) yield number;
}

export async function rememberStoredObjects(
  session: MysqlSession,
  { notes }: Layout,
  side: Side,
  storedObjects: StoredObject[],
): Promise<void> {
  await session.rows(`DELETE FROM ${notes.storedObjects} WHERE side = ?`, [side]);
  for (const [number, object] of storedObjects.entries()) {
    await session.rows(`INSERT INTO ${notes.storedObjects} VALUES (?, ?, ?)`, [side, number, JSON.stringify(object)]);
  }
}

export async function rememberedStoredObjects(
  session: MysqlSession,
  { notes }: Layout,
  side: Side,
): Promise<StoredObject[]> {
  const found = await session.column(`SELECT object FROM ${notes.storedObjects} WHERE side = ? ORDER BY number`, [
    side,
  ]);
  return found.map((json) => storedObjectSchema.extend({ sql: z.string() }).parse(JSON.parse(json)));
}
