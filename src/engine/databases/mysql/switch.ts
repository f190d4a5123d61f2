/**
 * The exchange of the live tables with those aside. All tables move in ONE RENAME TABLE, which the server does completely or not
 * at all; foreign keys follow. A table of ours moves along, so that its name tells which side is live. Views do not
 * move, and tables with triggers can not move to another database, so programs are made again. What is needed for that
 * is written down first, and every step can be repeated: whoever finds the plan half way finishes it (`switch`) or takes it
 * back (`undo`).
 */
import { SafekeepError, toSafekeepError } from '../../errors';
import type { RunContext } from '../../context';
import type { DatabaseConnection, DatabasePlan } from '../driver';
import { belongsTo, objectsIn } from './catalog';
import { MysqlSession, asServerError, quoteId } from './connection';
import { type Layout, layoutOf, otherSide, type Side } from './layout';
import { placesOf, progressOf, rememberedPrograms, rememberPrograms, rememberTables, setProgress } from './notes';
import { createPrograms, dropPrograms, programsOf } from './programs';
import type { MysqlProgram } from './programs-file';
import { endOtherSessions, insist, takeOver } from './sessions';
import { liveSide, slotsThere, standingOf } from './slots';

interface Exchange {
  session: MysqlSession;
  connection: DatabaseConnection;
  layout: Layout;
  run: RunContext;
}

/**
 * Brings a side live, from the other side or from half way. Nothing to do when it is live; 'before' is also live when nothing
 * is aside, neither staged nor previous.
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
    await takeOver(session, plan.id);
    const exchange = { session, connection, layout: layoutOf(session, plan), run };
    if (!(await begin(exchange, to))) return;
    try {
      await converge(exchange, to);
    } catch (error) {
      await takeBack(exchange, otherSide(to), error);
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

/** Writes down the side that is live, as it is now. @returns whether there is anything to do */
async function begin(exchange: Exchange, to: Side): Promise<boolean> {
  const { session, layout, run } = exchange;
  const there = await slotsThere(session, layout);
  if (there === 'none' && to === 'before') return false;
  if (there === 'none') throw new Error('the staged data is gone');
  const live = await liveSide(session, layout);
  if (live === to && there === 'some') return false;
  if (live === null || there === 'some') throw new Error('what was aside is gone');
  const progress = await progressOf(session, layout);
  if (progress !== live) return true; // Half way: it was all written down then.
  if (live === to) return false;
  const belongs = belongsTo(exchange.connection, session);
  const objects = await objectsIn(session, layout.live);
  const tables = objects.filter(({ kind, name }) => kind !== 'view' && belongs(name)).map(({ name }) => name);
  const { programs, unreadable } = await programsOf(session, belongs);
  if (unreadable.length > 0) {
    run.log('warn', {
      text: 'The database user may not read these, so they stay as they are: {{programs}}',
      params: { programs: unreadable.join(', ') },
    });
  }
  await session.rows('START TRANSACTION');
  await rememberTables(session, layout, live, tables);
  await rememberPrograms(session, layout, live, programs);
  await setProgress(session, layout, `to ${to}`);
  await session.rows('COMMIT');
  return true;
}

/** Whatever has been done of an exchange: afterwards the side is live, with its programs, and the plan says so. Repeatable. */
async function converge(exchange: Exchange, side: Side): Promise<void> {
  const { session, connection, layout, run } = exchange;
  if (connection.tablePrefix === '') await endOtherSessions(session, run);
  const { live, missing } = await standingOf(session, layout);
  if (live !== side) {
    if (missing.length > 0) throw new Error(`tables of the other side are gone: ${missing.join(', ')}`);
    await exchangeTables(exchange, side);
  }
  await bringPrograms(exchange, side);
  await setProgress(session, layout, side);
}

async function exchangeTables({ session, layout, run }: Exchange, side: Side): Promise<void> {
  const other = otherSide(side);
  if (layout.strategy === 'tables') {
    const triggers = (await rememberedPrograms(session, layout, other)).filter(({ kind }) => kind === 'trigger');
    await insist(session, run, () => dropPrograms(session, triggers));
  }
  const move = (from: [string, string], to: [string, string]) => `${quoteId(...from)} TO ${quoteId(...to)}`;
  const sign = (which: Side): [string, string] => [layout.sign[which].database, layout.sign[which].name];
  const leaving = await placesOf(session, layout, other);
  const coming = await placesOf(session, layout, side);
  const moves = [
    move(sign(other), sign(side)),
    ...leaving.map(({ name, aside }) => move([layout.live, name], [layout.aside[other], aside])),
    ...coming.map(({ name, aside }) => move([layout.aside[side], aside], [layout.live, name])),
  ];
  await insist(session, run, () => session.rows(`RENAME TABLE ${moves.join(', ')}`));
}

/** Makes the programs of a side whose tables are live. One that is there already, the same, stays as it is. */
async function bringPrograms(exchange: Exchange, side: Side): Promise<void> {
  const { session, connection, layout, run } = exchange;
  await insist(session, run, () => dropTriggersAside(exchange, otherSide(side)));
  const wanted = await rememberedPrograms(session, layout, side);
  const { programs: current } = await programsOf(session, belongsTo(connection, session));
  const kept = current.filter((program) => wanted.some((other) => isSameProgram(program, other)));
  const dropped = current.filter((program) => !kept.includes(program));
  await insist(session, run, () => dropPrograms(session, dropped));
  const missing = wanted.filter((program) => !kept.some((other) => isSameProgram(program, other)));
  await createPrograms(session, missing, {
    onBroken: (view) => {
      run.log('warn', { text: 'The view {{view}} did not work before and is left out', params: { view } });
    },
  });
}

/** Within a database triggers follow their tables: those that did are dropped, since their names are needed. */
async function dropTriggersAside({ session, layout }: Exchange, side: Side): Promise<void> {
  if (layout.strategy === 'tables') return;
  const own = new Set((await rememberedPrograms(session, layout, side)).map(({ kind, name }) => `${kind} ${name}`));
  const aside = new Set((await placesOf(session, layout, side)).map((place) => session.fold(place.aside)));
  const triggers = await session.rows(
    'SELECT TRIGGER_NAME AS name, EVENT_OBJECT_TABLE AS tab FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?',
    [layout.live],
  );
  const followed = triggers.filter(
    ({ name, tab }) => aside.has(session.fold(String(tab))) && own.has(`trigger ${name}`),
  );
  await dropPrograms(session, followed.map(({ name }) => ({ kind: 'trigger' as const, name: String(name) }))); // prettier-ignore
}

function isSameProgram(one: MysqlProgram, other: MysqlProgram): boolean {
  const facts = ['kind', 'name', 'table', 'sqlMode', 'charset', 'collation', 'timeZone', 'sql'] as const;
  return facts.every((fact) => one[fact] === other[fact]);
}
