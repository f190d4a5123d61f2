/**
 * The exchange of the live tables with those of a slot. All tables move in ONE RENAME TABLE, which the server does completely
 * or not at all; foreign keys follow. Tables with triggers can not move and views do not, so programs are dropped before
 * and made again after it. What is needed for that is written down first, and every step can be repeated: whoever finds the
 * plan half way finishes it (`switch`) or takes it back (`undo`).
 */
import { SafekeepError, toSafekeepError } from '../../errors';
import type { RunContext } from '../../context';
import type { DatabaseConnection, DatabasePlan } from '../driver';
import { belongsTo, objectsIn } from './catalog';
import { ER_LOCK_WAIT_TIMEOUT, MysqlSession, asServerError, errnoOf, quoteId } from './connection';
import { createPrograms, dropPrograms, programsOf } from './programs';
import type { MysqlProgram } from './programs-file';
import {
  type Side,
  type SideTables,
  type SlotNames,
  beginExchange,
  createSlot,
  namesOf,
  ownershipOf,
  progressOf,
  rememberPrograms,
  rememberedPrograms,
  rememberedTables,
  setProgress,
} from './slots';

/** How often a statement is tried while other sessions hold the tables; each attempt waits as long as the session says. */
const ATTEMPTS = 3;

interface Exchange {
  session: MysqlSession;
  connection: DatabaseConnection;
  names: SlotNames;
  run: RunContext;
}

/**
 * Brings a side live, from the other side or from half way; nothing to do when it is live, or before the switch with nothing aside.
 * @throws SWITCH_FAILED; everything is as it was, unless the detail says that the way back failed too
 */
export async function bringLive(
  to: Side,
  plan: DatabasePlan,
  connection: DatabaseConnection,
  run: RunContext,
): Promise<void> {
  const session = await MysqlSession.open(connection);
  try {
    const exchange = { session, connection, names: namesOf(session, plan), run };
    const begun = await begin(exchange, to, plan.id);
    if (!begun) return;
    try {
      await converge(exchange, to);
    } catch (error) {
      await takeBack(exchange, to === 'after' ? 'before' : 'after', error);
      throw error;
    }
  } catch (error) {
    const { message: detail } = toSafekeepError(asServerError(error, session.server));
    throw new SafekeepError('SWITCH_FAILED', { detail }, { cause: error });
  } finally {
    await session.close();
  }
}

async function takeBack(exchange: Exchange, side: Side, reason: unknown): Promise<void> {
  try {
    await converge(exchange, side);
  } catch (error) {
    const said = (each: unknown) => (each as Error).message;
    throw new Error(`${said(reason)}; the way back failed too: ${said(error)}`, { cause: error });
  }
}

/** Writes down both sides as they are now. @returns whether there is anything to do */
async function begin(exchange: Exchange, to: Side, id: string): Promise<boolean> {
  const { session, names } = exchange;
  const staged = await ownershipOf(session, names.staged, id);
  const previous = await ownershipOf(session, names.previous, id);
  if (previous === 'foreign') throw new Error(`the database ${names.previous} is not Safekeep’s`);
  const progress = previous === 'ours' ? await progressOf(session, names, id) : 'before';
  if (progress === to) return false;
  if (progress !== 'before' && progress !== 'after') return true; // Half way: it was all written down then.
  if (staged !== 'ours') throw new Error('the staged data is gone');
  if (previous === 'empty') await session.rows(`DROP DATABASE ${quoteId(names.previous)}`);
  if (previous !== 'ours') {
    await createSlot(session, names.previous, id);
    await rememberPrograms(session, names.previous, 'after', await rememberedPrograms(session, names.staged, 'after'));
  }
  const aside = progress === 'before' ? names.staged : names.previous;
  const live = await movableTables(exchange, names.live);
  const away = await movableTables(exchange, aside);
  const tables: SideTables = progress === 'before' ? { before: live, after: away } : { before: away, after: live };
  const { programs, unreadable } = await programsOf(session, belongsTo(exchange.connection, session));
  if (unreadable.length > 0) {
    exchange.run.log('warn', {
      text: 'The database user may not read these, so they stay as they are: {{programs}}',
      params: { programs: unreadable.join(', ') },
    });
  }
  await rememberPrograms(session, names.previous, progress, programs);
  await beginExchange(session, names, to, tables);
  return true;
}

/** Tables and sequences of the app in a database. */
async function movableTables({ session, connection }: Exchange, database: string): Promise<string[]> {
  const belongs = belongsTo(connection, session);
  const objects = await objectsIn(session, database);
  return objects.filter(({ kind, name }) => kind !== 'view' && belongs(name)).map(({ name }) => name);
}

/**
 * Whatever has been done of an exchange: afterwards the side is live, with its programs, and the plan says so. Repeatable.
 * A program that is the same on both sides stays as it is, unless it is a trigger of a table that moves.
 */
async function converge(exchange: Exchange, side: Side): Promise<void> {
  const { session, connection, names, run } = exchange;
  if (connection.tablePrefix === '') await endOtherSessions(exchange);
  const moves = await missingMoves(exchange, side);
  const wanted = await rememberedPrograms(session, names.previous, side);
  const { programs: current } = await programsOf(session, belongsTo(connection, session));
  const isKept = (program: MysqlProgram) =>
    !(program.kind === 'trigger' && moves.length > 0) && wanted.some((other) => isSameProgram(program, other));
  const kept = current.filter(isKept);
  const dropped = current.filter((program) => !kept.includes(program));
  await insist(exchange, () => dropPrograms(session, dropped));
  if (moves.length > 0) await insist(exchange, () => session.rows(`RENAME TABLE ${moves.join(', ')}`));
  const missing = wanted.filter((program) => !kept.some((other) => isSameProgram(program, other)));
  await createPrograms(session, missing, {
    onBroken: (view) => {
      run.log('warn', { text: 'The view {{view}} did not work before and is left out', params: { view } });
    },
  });
  await setProgress(session, names, side);
}

function isSameProgram(one: MysqlProgram, other: MysqlProgram): boolean {
  const facts = ['kind', 'name', 'table', 'sqlMode', 'charset', 'collation', 'timeZone', 'sql'] as const;
  return facts.every((fact) => one[fact] === other[fact]);
}

/** What one RENAME TABLE has to do so that a side is live. A table that is in its slot has moved, or has not come, respectively. */
async function missingMoves(exchange: Exchange, side: Side): Promise<string[]> {
  const { session, names } = exchange;
  const tables = await rememberedTables(session, names);
  const other: Side = side === 'before' ? 'after' : 'before';
  const slotOf = { before: names.previous, after: names.staged };
  const inSlot = {
    before: new Set(await movableTables(exchange, names.previous)),
    after: new Set(await movableTables(exchange, names.staged)),
  };
  const leaving = tables[other].filter((name) => !inSlot[other].has(name));
  const coming = tables[side].filter((name) => inSlot[side].has(name));
  const move = (name: string, from: string, to: string) => `${quoteId(from, name)} TO ${quoteId(to, name)}`;
  return [
    ...leaving.map((name) => move(name, names.live, slotOf[other])),
    ...coming.map((name) => move(name, slotOf[side], names.live)),
  ];
}

/** Runs what needs tables that other sessions may hold; those sessions are ended when it does not get them. */
async function insist(exchange: Exchange, work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work();
      return;
    } catch (error) {
      if (errnoOf(error) !== ER_LOCK_WAIT_TIMEOUT || attempt === ATTEMPTS) throw error;
      await endOtherSessions(exchange);
    }
  }
}

/** Ends all other sessions in the live database that our user may end. */
async function endOtherSessions({ session, names, run }: Exchange): Promise<void> {
  const own = Number(await session.value('SELECT CONNECTION_ID()'));
  const sessions = (await session.rows('SHOW PROCESSLIST')).filter(
    (row) => Number(row.Id) !== own && row.db !== null && session.fold(String(row.db)) === session.fold(names.live),
  );
  for (const { Id: id, User: user } of sessions) {
    try {
      await session.rows(`KILL ${Number(id)}`);
      run.log('info', { text: 'A session of {{user}} on the database was ended', params: { user: String(user) } });
    } catch (error) {
      // It has ended by itself, or is another user's: whether that one is in the way shows at the exchange.
      if (!errnoOf(error)) throw error;
    }
  }
}
