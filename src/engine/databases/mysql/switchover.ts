/**
 * Switches over between the live and the inactive tables. All tables move in ONE RENAME TABLE, which the server executes
 * completely or not at all; foreign keys follow. One of Safekeep's tables moves along, so that its name shows which side is
 * live. Views do not move, and tables with triggers cannot move to another database, so stored objects are created again.
 * Everything this requires is recorded first, and every step can be repeated: a later process completes a halfway switchover
 * (`switchOver`) or rolls it back (`switchBack`).
 */
import type { Message } from '../../../shared/runs';
import { messageOf, SafekeepError, toSafekeepError } from '../../errors';
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
 * Makes a side live, starting from the other side or from halfway. Does nothing when it is live already; 'before' counts as
 * live when there is neither staged nor previous data.
 * @throws SWITCHOVER_FAILED; nothing has changed, unless the detail reports that the rollback failed as well
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
    if (error instanceof SafekeepError && error.code === 'SWITCHOVER_FAILED') throw error;
    const detail = messageOf(toSafekeepError(asServerError(error, session.server)));
    throw new SafekeepError('SWITCHOVER_FAILED', { detail }, { cause: error });
  } finally {
    await session.close();
  }
}

/** @throws SWITCHOVER_FAILED with both reasons */
async function switchBack(switchover: Switchover, side: Side, reason: unknown): Promise<void> {
  try {
    await converge(switchover, side);
  } catch (error) {
    const described = (each: unknown) => messageOf(toSafekeepError(asServerError(each, switchover.session.server)));
    const detail: Message = {
      text: '{{reason}}; the rollback failed as well: {{failure}}',
      params: { reason: described(reason), failure: described(error) },
    };
    throw new SafekeepError('SWITCHOVER_FAILED', { detail }, { cause: error });
  }
}

const refused = (detail: Message) => new SafekeepError('SWITCHOVER_FAILED', { detail });

/** Records the contents of the live side. @returns whether there is anything to do */
async function begin(switchover: Switchover, to: Side): Promise<boolean> {
  const { session, layout, run } = switchover;
  const there = await slotsThere(session, layout);
  if (there === 'none' && to === 'before') return false;
  if (there === 'none') throw refused({ text: 'the staged data is missing' });
  const live = await liveSide(session, layout);
  if (live === to && there === 'some') return false;
  if (live === null || there === 'some') throw refused({ text: 'the inactive data is incomplete' });
  const progress = await progressOf(session, layout);
  if (progress !== live) return true; // Halfway: everything was recorded at the start.
  if (live === to) return false;
  const belongs = belongsTo(switchover.connection, session);
  const objects = await objectsIn(session, layout.live);
  const tables = objects.filter(({ kind, name }) => kind !== 'view' && belongs(name)).map(({ name }) => name);
  const { storedObjects, unreadable } = await storedObjectsOf(session, belongs);
  if (unreadable.length > 0) {
    run.log('warn', {
      text: 'The database user lacks the privilege to read these objects; they are left unchanged: {{objects}}',
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

/** Completes the switchover from any state: the side is live with its stored objects, and the plan records it. Repeatable. */
async function converge(switchover: Switchover, side: Side): Promise<void> {
  const { session, connection, layout, run } = switchover;
  if (connection.tablePrefix === '') await endOtherSessions(session, run);
  const { live, missing } = await standingOf(session, layout);
  if (live !== side) {
    if (missing.length > 0) {
      throw refused({ text: 'these inactive tables are missing: {{tables}}', params: { tables: missing.join(', ') } });
    }
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

/** Creates the stored objects of a side whose tables are live. Identical ones that exist are kept. */
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
      run.log('warn', { text: 'The view {{view}} was already broken and was skipped', params: { view } });
    },
  });
}

/** Within a database, triggers follow their tables. Those that did are dropped, because their names are needed. */
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
