/**
 * What a plan records in tables of its own: the progress of the switchover, the tables of each side with their inactive names,
 * and the stored objects of both sides. After a crash, these notes allow the switchover to be completed or rolled back.
 */
import { z } from 'zod';
import { inactiveName, type Layout, type Place, type Side } from './layout';
import { type MysqlSession } from './connection';
import { type StoredObject, storedObjectSchema } from './stored-objects-file';

/** 'to …': a switchover has begun and has not ended. Not reliable alone: `standingOf` determines what is live. */
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

/** null when the plan's own tables have only just been created. */
export async function progressOf(session: MysqlSession, { notes }: Layout): Promise<Progress | null> {
  const progress = await session.value(`SELECT progress FROM ${notes.plan}`);
  return progress === null ? null : progressSchema.parse(progress);
}

export async function setProgress(session: MysqlSession, { notes }: Layout, progress: Progress): Promise<void> {
  await session.rows(`UPDATE ${notes.plan} SET progress = ?`, [progress]);
}

/** The tables of a side with their inactive names, ordered by name. */
export async function placesOf(session: MysqlSession, { notes }: Layout, side: Side): Promise<Place[]> {
  const rows = await session.rows(`SELECT name, aside AS inactive FROM ${notes.places} WHERE side = ? ORDER BY name`, [
    side,
  ]);
  return rows.map(({ name, inactive }) => ({ name: String(name), inactive: String(inactive) }));
}

/** Records the contents of a side; each table gets an inactive name. */
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

/** Adds a table to a side. */
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
