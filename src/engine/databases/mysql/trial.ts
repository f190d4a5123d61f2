/**
 * Tries out stored objects in the live database, where their own names are taken: each is created under a name of Safekeep's, a
 * trigger on the staged table, and dropped at once. Views and packages cannot be tried this way, because their code names the
 * objects they use; if the server rejects them after the tables have moved, the switchover is rolled back.
 */
import { type MysqlSession, quoteId } from './connection';
import type { Layout, Place } from './layout';
import { createStoredObject, dropStoredObjects, namingObject } from './stored-objects';
import { type StoredObject, triggerParts, underName } from './stored-objects-file';

export const trialName = ({ id }: Pick<Layout, 'id'>) => `__safekeep_${id}_trial`;

/** @throws TOOL_FAILED naming the stored object */
export async function tryUnderOtherNames(
  session: MysqlSession,
  storedObjects: StoredObject[],
  layout: Layout,
  places: Place[],
): Promise<void> {
  const inactiveOf = new Map(places.map(({ name, inactive }) => [session.fold(name), inactive]));
  for (const object of storedObjects) {
    const sql =
      object.kind === 'trigger' ? triggerOn(object, inactiveOf, session, layout) : underName(object, trialName(layout));
    if (sql === null) continue;
    const trial: StoredObject = { ...object, name: trialName(layout), sql };
    try {
      await createStoredObject(session, trial, true);
      await dropStoredObjects(session, [trial]);
    } catch (error) {
      // `dropTrials` drops anything left behind.
      throw namingObject(object, error, session.server);
    }
  }
}

function triggerOn(
  { sql, table = '' }: StoredObject,
  inactiveOf: Map<string, string>,
  session: MysqlSession,
  layout: Layout,
): string | null {
  const parts = triggerParts(sql);
  const inactive = inactiveOf.get(session.fold(table));
  if (!parts || inactive === undefined) return null;
  return `CREATE TRIGGER ${quoteId(trialName(layout))} ${parts.event} ON ${quoteId(inactive)} FOR EACH ROW ${parts.body}`;
}

/** Drops the remains of a killed trial. */
export async function dropTrials(session: MysqlSession, layout: Layout): Promise<void> {
  const name = trialName(layout);
  const left = await session.rows(
    `SELECT LOWER(ROUTINE_TYPE) AS kind FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? AND ROUTINE_NAME = ?
      UNION SELECT 'event' FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ? AND EVENT_NAME = ?`,
    [session.database, name, session.database, name],
  );
  await dropStoredObjects(session, left.map(({ kind }) => ({ kind: String(kind) as StoredObject['kind'], name }))); // prettier-ignore
}
