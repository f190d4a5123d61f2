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
import {
  placesOf,
  progressOf,
  rememberedStoredObjects,
  rememberStoredObjects,
  rememberTables,
  setProgress,
} from './notes';
import { createStoredObjects, dropStoredObjects, storedObjectsOf } from './stored-objects';
import type { StoredObject } from './stored-objects-file';
import { endOtherSessions, insist, takeOver } from './sessions';
import { liveSide, slotsThere, standingOf } from './slots';

interface Switchover {
  session: MysqlSession;
  connection: DatabaseConnection;
  layout: Layout;
  run: RunContext;
}

/**
 * Brings a side live, from the other side or from half way. Nothing to do when it is live; 'before' is also live when nothing
 * is aside, neither staged nor previous.
 * @throws SWITCHOVER_FAILED; everything is as it was, unless the detail says that the way back failed too
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
    const switchover = { session, connection, layout: layoutOf(session, plan), run };
    if (!(await begin(switchover, to))) return;
    try {
      await converge(switchover, to);
    } catch (error) {
      await switchBack(switchover, otherSide(to), error);
      throw error;
    }
  } catch (error) {
    const { message: detail } = toSafekeepError(asServerError(error, session.server));
    throw new SafekeepError('SWITCHOVER_FAILED', { detail }, { cause: error });
  } finally {
    await session.close();
  }
}

async function switchBack(switchover: Switchover, side: Side, reason: unknown): Promise<void> {
  try {
    await converge(switchover, side);
  } catch (error) {
    const said = (each: unknown) => (each as Error).message;
    throw new Error(`${said(reason)}; the way back failed too: ${said(error)}`, { cause: error });
  }
}

/** Writes down the side that is live, as it is now. @returns whether there is anything to do */
async function begin(switchover: Switchover, to: Side): Promise<boolean> {
  const { session, layout, run } = switchover;
  const there = await slotsThere(session, layout);
  if (there === 'none' && to === 'before') return false;
  if (there === 'none') throw new Error('the staged data is gone');
  const live = await liveSide(session, layout);
  if (live === to && there === 'some') return false;
  if (live === null || there === 'some') throw new Error('what was aside is gone');
  const progress = await progressOf(session, layout);
  if (progress !== live) return true; // Half way: it was all written down then.
  if (live === to) return false;
  const belongs = belongsTo(switchover.connection, session);
  const objects = await objectsIn(session, layout.live);
  const tables = objects.filter(({ kind, name }) => kind !== 'view' && belongs(name)).map(({ name }) => name);
  const { storedObjects, unreadable } = await storedObjectsOf(session, belongs);
  if (unreadable.length > 0) {
    run.log('warn', {
      text: 'The database user may not read these, so they stay as they are: {{objects}}',
      params: { objects: unreadable.join(', ') },
    });
  }
  await session.rows('START TRANSACTION');
  await rememberTables(session, layout, live, tables);
  await rememberStoredObjects(session, layout, live, storedObjects);
  await setProgress(session, layout, `to ${to}`);
  await session.rows('COMMIT');
  return true;
}

/** Whatever has been done of an exchange: afterwards the side is live, with its programs, and the plan says so. Repeatable. */
async function converge(switchover: Switchover, side: Side): Promise<void> {
  const { session, connection, layout, run } = switchover;
  if (connection.tablePrefix === '') await endOtherSessions(session, run);
  const { live, missing } = await standingOf(session, layout);
  if (live !== side) {
    if (missing.length > 0) throw new Error(`tables of the other side are gone: ${missing.join(', ')}`);
    await switchOverTables(switchover, side);
  }
  await bringStoredObjects(switchover, side);
  await setProgress(session, layout, side);
}

async function switchOverTables({ session, layout, run }: Switchover, side: Side): Promise<void> {
  const other = otherSide(side);
  if (layout.strategy === 'tables') {
    const triggers = (await rememberedStoredObjects(session, layout, other)).filter(({ kind }) => kind === 'trigger');
    await insist(session, run, () => dropStoredObjects(session, triggers));
  }
  const move = (from: [string, string], to: [string, string]) => `${quoteId(...from)} TO ${quoteId(...to)}`;
  const sign = (which: Side): [string, string] => [layout.sign[which].database, layout.sign[which].name];
  const leaving = await placesOf(session, layout, other);
  const coming = await placesOf(session, layout, side);
  const moves = [
    move(sign(other), sign(side)),
    ...leaving.map(({ name, inactive }) => move([layout.live, name], [layout.inactive[other], inactive])),
    ...coming.map(({ name, inactive }) => move([layout.inactive[side], inactive], [layout.live, name])),
  ];
  await insist(session, run, () => session.rows(`RENAME TABLE ${moves.join(', ')}`));
}

/** Makes the programs of a side whose tables are live. One that is there already, the same, stays as it is. */
async function bringStoredObjects(switchover: Switchover, side: Side): Promise<void> {
  const { session, connection, layout, run } = switchover;
  await insist(session, run, () => dropInactiveTriggers(switchover, otherSide(side)));
  const wanted = await rememberedStoredObjects(session, layout, side);
  const { storedObjects: current } = await storedObjectsOf(session, belongsTo(connection, session));
  const kept = current.filter((object) => wanted.some((other) => isSameObject(object, other)));
  const dropped = current.filter((object) => !kept.includes(object));
  await insist(session, run, () => dropStoredObjects(session, dropped));
  const missing = wanted.filter((object) => !kept.some((other) => isSameObject(object, other)));
  await createStoredObjects(session, missing, {
    onBroken: (view) => {
      run.log('warn', { text: 'The view {{view}} did not work before and is left out', params: { view } });
    },
  });
}

/** Within a database triggers follow their tables: those that did are dropped, since their names are needed. */
async function dropInactiveTriggers({ session, layout }: Switchover, side: Side): Promise<void> {
  if (layout.strategy === 'tables') return;
  const own = new Set(
    (await rememberedStoredObjects(session, layout, side)).map(({ kind, name }) => `${kind} ${name}`),
  );
  const inactive = new Set((await placesOf(session, layout, side)).map((place) => session.fold(place.inactive)));
  const triggers = await session.rows(
    'SELECT TRIGGER_NAME AS name, EVENT_OBJECT_TABLE AS tab FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?',
    [layout.live],
  );
  const followed = triggers.filter(
    ({ name, tab }) => inactive.has(session.fold(String(tab))) && own.has(`trigger ${name}`),
  );
  await dropStoredObjects(session, followed.map(({ name }) => ({ kind: 'trigger' as const, name: String(name) }))); // prettier-ignore
}

function isSameObject(one: StoredObject, other: StoredObject): boolean {
  const facts = ['kind', 'name', 'table', 'sqlMode', 'charset', 'collation', 'timeZone', 'sql'] as const;
  return facts.every((fact) => one[fact] === other[fact]);
}
