/**
 * The two databases beside the live one: the staged slot, and the slot of the previous state. Each carries a table that says
 * whose it is; what has no such table, or another plan's, is never touched. The previous slot also remembers, for both sides,
 * which tables belong to it and its programs, and how far an exchange has come.
 */
import { SafekeepError } from '../../errors';
import type { DatabasePlan, SlotPosition } from '../driver';
import { type MysqlSession, quoteId, quoteString } from './connection';
import { type MysqlProgram, programSchema } from './programs-file';
import { z } from 'zod';

/** Which state is live. */
export type Side = 'before' | 'after';
/** 'to …': an exchange was begun and has not ended. */
export type Progress = Side | `to ${Side}`;

export interface SlotNames {
  live: string;
  staged: string;
  previous: string;
}

const PLAN_TABLE = '__safekeep_plan';
const PROGRAMS_TABLE = '__safekeep_programs';
const MAX_NAME = 64;

/** Start of the names of all slots beside a database, for the right to create them. */
export const slotPrefix = (live: string) => `${live}__safekeep_`;

/** Databases have names of up to 64 characters; a long one is cut, the id keeps the slot apart. */
export function slotNames(live: string, id: string): SlotNames {
  const named = (ending: string) => live.slice(0, MAX_NAME - ending.length) + ending;
  return { live, staged: named(`__safekeep_${id}`), previous: named(`__safekeep_${id}_prev`) };
}

/** @throws INTERNAL for a plan whose names are not those of its id */
export function namesOf(session: MysqlSession, plan: DatabasePlan): SlotNames {
  const names = slotNames(session.database, plan.id);
  const fits = (name: string | undefined, wanted: string) => session.fold(name ?? '') === session.fold(wanted);
  if (!fits(plan.names.staged, names.staged) || !fits(plan.names.previous, names.previous)) {
    throw new SafekeepError('INTERNAL', { detail: `the plan ${plan.id} is for another database than ${names.live}` });
  }
  return names;
}

export async function createSlot(session: MysqlSession, database: string, id: string): Promise<void> {
  const [live] = await session.rows(
    `SELECT DEFAULT_CHARACTER_SET_NAME AS encoding, DEFAULT_COLLATION_NAME AS collation
       FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?`,
    [session.database],
  );
  await session.rows(`CREATE DATABASE ${quoteId(database)} CHARACTER SET ${live?.encoding} COLLATE ${live?.collation}`);
  const options = 'ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin';
  await session.rows(
    `CREATE TABLE ${quoteId(database, PROGRAMS_TABLE)}
      (side VARCHAR(8) NOT NULL, number INT NOT NULL, program LONGTEXT NOT NULL, PRIMARY KEY (side, number)) ${options}`,
  );
  await session.rows(
    `CREATE TABLE ${quoteId(database, PLAN_TABLE)}
      (id VARCHAR(64) NOT NULL PRIMARY KEY, progress VARCHAR(16) NOT NULL, tables LONGTEXT NOT NULL) ${options}`,
  );
  await session.rows(`INSERT INTO ${quoteId(database, PLAN_TABLE)} VALUES (?, 'before', '{}')`, [id]);
}

/** 'ours' also for an empty database: whoever made it was killed before it was marked. */
export async function ownershipOf(
  session: MysqlSession,
  database: string,
  id: string,
): Promise<'absent' | 'empty' | 'ours' | 'foreign'> {
  const present = await session.value('SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?', [
    database,
  ]);
  if (!Number(present)) return 'absent';
  const tables = await session.column('SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?', [
    database,
  ]);
  if (tables.includes(PLAN_TABLE)) {
    const found = await session.column(`SELECT id FROM ${quoteId(database, PLAN_TABLE)}`);
    if (found.includes(id)) return 'ours';
  }
  return tables.every((name) => name === PLAN_TABLE || name === PROGRAMS_TABLE) ? 'empty' : 'foreign';
}

/** Drops a slot. A database that does not carry this plan's mark is left alone. */
export async function dropSlot(session: MysqlSession, database: string, id: string): Promise<void> {
  const ownership = await ownershipOf(session, database, id);
  if (ownership === 'absent' || ownership === 'foreign') return;
  await session.rows(`DROP DATABASE ${quoteId(database)}`);
}

export async function progressOf(session: MysqlSession, names: SlotNames, id: string): Promise<Progress | null> {
  if ((await ownershipOf(session, names.previous, id)) !== 'ours') return null;
  return progressSchema.parse(await session.value(`SELECT progress FROM ${quoteId(names.previous, PLAN_TABLE)}`));
}

const progressSchema = z.enum(['before', 'after', 'to before', 'to after']);

export async function setProgress(session: MysqlSession, names: SlotNames, progress: Progress): Promise<void> {
  await session.rows(`UPDATE ${quoteId(names.previous, PLAN_TABLE)} SET progress = ?`, [progress]);
}

/** Where a plan stands, by its slots alone. */
export async function positionIn(session: MysqlSession, names: SlotNames, id: string): Promise<SlotPosition> {
  const staged = (await ownershipOf(session, names.staged, id)) === 'ours';
  const previous = await ownershipOf(session, names.previous, id);
  if (previous === 'foreign' || !staged) return 'unclear';
  const progress = previous === 'ours' ? await progressOf(session, names, id) : 'before';
  if (progress === 'after') return 'after switch';
  return progress === 'before' ? 'before switch' : 'unclear';
}

const tablesSchema = z.object({ before: z.array(z.string()).default([]), after: z.array(z.string()).default([]) });
export type SideTables = z.infer<typeof tablesSchema>;

/** The tables of both sides, as they were when the exchange began. */
export async function rememberedTables(session: MysqlSession, names: SlotNames): Promise<SideTables> {
  const json = await session.value(`SELECT tables FROM ${quoteId(names.previous, PLAN_TABLE)}`);
  return tablesSchema.parse(JSON.parse(String(json)));
}

/** Remembers both sides' tables and begins an exchange, in one step. */
export async function beginExchange(
  session: MysqlSession,
  names: SlotNames,
  to: Side,
  tables: SideTables,
): Promise<void> {
  await session.rows(`UPDATE ${quoteId(names.previous, PLAN_TABLE)} SET tables = ?, progress = ?`, [
    JSON.stringify(tables),
    `to ${to}`,
  ]);
}

export async function rememberPrograms(
  session: MysqlSession,
  database: string,
  side: Side,
  programs: MysqlProgram[],
): Promise<void> {
  const table = quoteId(database, PROGRAMS_TABLE);
  await session.rows('START TRANSACTION');
  await session.rows(`DELETE FROM ${table} WHERE side = ?`, [side]);
  for (const [number, program] of programs.entries()) {
    await session.rows(`INSERT INTO ${table} VALUES (?, ?, ?)`, [side, number, JSON.stringify(program)]);
  }
  await session.rows('COMMIT');
}

export async function rememberedPrograms(session: MysqlSession, database: string, side: Side): Promise<MysqlProgram[]> {
  const found = await session.column(
    `SELECT program FROM ${quoteId(database, PROGRAMS_TABLE)} WHERE side = ${quoteString(side)} ORDER BY number`,
  );
  return found.map((json) => programSchema.extend({ sql: z.string() }).parse(JSON.parse(json)));
}
