/** The subject of a description or a dump: the live database, or the data in the inactive slot of a plan. */
import { SafekeepError } from '../../errors';
import type { DatabaseConnection, DatabasePlan } from '../driver';
import { belongsTo, everythingIn, type MysqlObject } from './catalog';
import { type MysqlSession, withMysql } from './connection';
import { layoutOf, otherSide, type Place } from './layout';
import { rememberedStoredObjects } from './notes';
import { takeOver } from './sessions';
import { inactiveTables, positionIn } from './slots';
import { type StoredObjectsFound, storedObjectsOf } from './stored-objects';
import type { StoredObject } from './stored-objects-file';

export interface Source {
  /** To the database that contains the tables. */
  connection: DatabaseConnection;
  /** Null for live data: everything that belongs to the app. */
  inactive: { places: Place[]; storedObjects: StoredObject[] } | null;
}

/** A table or sequence of the app. `name` is its current name, `liveName` its name while it is live. */
export interface SourceTable extends MysqlObject {
  liveName: string;
}

/** @throws NOTHING_TO_UNDO when the slot is empty, INTERNAL when its content is not that of the plan */
export async function sourceOf(connection: DatabaseConnection, plan?: DatabasePlan): Promise<Source> {
  if (!plan) return { connection, inactive: null };
  return await withMysql(connection, async (session) => {
    await takeOver(session, plan.id);
    const layout = layoutOf(session, plan);
    const position = await positionIn(session, layout);
    if (position === 'unclear') throw new SafekeepError('NOTHING_TO_UNDO');
    const side = otherSide(position === 'before switchover' ? 'before' : 'after');
    return {
      connection: { ...connection, database: layout.inactive[side] },
      inactive: {
        places: await inactiveTables(session, layout, side),
        storedObjects: await rememberedStoredObjects(session, layout, side),
      },
    };
  });
}

/** All objects in the session's database: those of the source, and the names of the rest. */
export async function objectsOf(
  session: MysqlSession,
  { connection, inactive }: Source,
): Promise<{ own: SourceTable[]; others: string[] }> {
  const belongs = belongsTo(connection, session);
  const liveNames = inactive && new Map(inactive.places.map((place) => [session.fold(place.inactive), place.name]));
  const own: SourceTable[] = [];
  const others: string[] = [];
  for (const object of await everythingIn(session, session.database)) {
    const isOwn = belongs(object.name) && object.kind !== 'view';
    const liveName = liveNames ? liveNames.get(session.fold(object.name)) : isOwn ? object.name : undefined;
    if (liveName === undefined) others.push(object.name);
    else own.push({ ...object, liveName });
  }
  return { own, others };
}

export async function storedObjectsIn(session: MysqlSession, source: Source): Promise<StoredObjectsFound> {
  if (source.inactive) return { storedObjects: source.inactive.storedObjects, unreadable: [] };
  return await storedObjectsOf(session, belongsTo(source.connection, session));
}
