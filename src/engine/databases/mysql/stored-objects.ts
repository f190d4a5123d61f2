/** Reads the stored objects of a database (views, triggers, routines, events), creates them again and drops them. */
import type { RunContext } from '../../context';
import { type Belongs, objectsIn } from './catalog';
import { type MysqlRow, type MysqlServer, type MysqlSession, asServerError, errnoOf, quoteId } from './connection';
import { type StoredObject, dropStatement, sessionFor, triggerParts, withoutDefiner } from './stored-objects-file';
import { comparable, majorOf } from '../tools';

export interface StoredObjectsFound {
  /** In an order in which they can be created: views after the ones they use. */
  storedObjects: StoredObject[];
  /** Stored objects whose code is hidden from the app's user, as 'function x'; they are never touched. */
  unreadable: string[];
}

/** The app's stored objects in the session's own database; a trigger belongs to the app if its table does. */
export async function storedObjectsOf(session: MysqlSession, belongs: Belongs): Promise<StoredObjectsFound> {
  const found: (StoredObject | string)[] = [
    ...(await librariesOf(session, belongs)),
    ...(await routinesOf(session, belongs)),
    ...inOrder(await viewsOf(session, belongs)),
    ...(await triggersOf(session, belongs)),
    ...(await eventsOf(session, belongs)),
  ];
  return {
    storedObjects: found.filter((object) => typeof object !== 'string'),
    unreadable: found.filter((object) => typeof object === 'string'),
  };
}

/** Code shared by routines of MySQL 9.2 and newer. */
async function librariesOf(session: MysqlSession, belongs: Belongs): Promise<(StoredObject | string)[]> {
  const { flavour, version } = session.server;
  if (flavour !== 'mysql' || comparable(version).compare('9.2.0') < 0) return [];
  const names = await session.column(
    'SELECT LIBRARY_NAME AS name FROM information_schema.LIBRARIES WHERE LIBRARY_SCHEMA = ? ORDER BY LIBRARY_NAME',
    [session.database],
  );
  return inTurn(names.filter(belongs), (name) => shown(session, 'library', name));
}

async function routinesOf(session: MysqlSession, belongs: Belongs): Promise<(StoredObject | string)[]> {
  const rows = await session.rows(
    `SELECT ROUTINE_NAME AS name, ROUTINE_TYPE AS type FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?
      ORDER BY FIELD(ROUTINE_TYPE, 'PACKAGE', 'PACKAGE BODY', 'FUNCTION', 'PROCEDURE'), ROUTINE_NAME`,
    [session.database],
  );
  const own = rows.filter((row) => belongs(String(row.name)));
  return inTurn(own, (row) => shown(session, String(row.type).toLowerCase() as StoredObject['kind'], String(row.name)));
}

async function viewsOf(session: MysqlSession, belongs: Belongs): Promise<(StoredObject | string)[]> {
  const objects = await objectsIn(session, session.database);
  const views = objects.filter(({ kind, name }) => kind === 'view' && belongs(name));
  return inTurn(views, async ({ name }) => {
    const view = await shown(session, 'view', name);
    if (typeof view === 'string') return view;
    const works = await session.rows(`SELECT 1 FROM ${quoteId(name)} LIMIT 0`).then(
      () => true,
      (error: unknown) => {
        if (!errnoOf(error)) throw error;
        return false;
      },
    );
    return works ? view : { ...view, broken: true as const };
  });
}

async function triggersOf(session: MysqlSession, belongs: Belongs): Promise<(StoredObject | string)[]> {
  const rows = await session.rows(
    `SELECT TRIGGER_NAME AS name, EVENT_OBJECT_TABLE AS tab, ACTION_TIMING AS timing, EVENT_MANIPULATION AS event,
            ACTION_STATEMENT AS body FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?
      ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER`,
    [session.database],
  );
  // A trigger on several events may be listed once per event.
  const byName = new Map(rows.filter((row) => belongs(String(row.tab))).map((row) => [String(row.name), row]));
  return inTurn([...byName.values()], async (row) => {
    const trigger = await shown(session, 'trigger', String(row.name));
    if (typeof trigger === 'string') return trigger;
    const parts = triggerParts(trigger.sql);
    const table = String(row.tab);
    if (parts?.isPlain) return { ...trigger, table };
    // A database name in the body would be wrong in the staging database; the creation order preserves the trigger order.
    const { event, body } = parts ?? { event: `${row.timing} ${row.event}`, body: String(row.body) };
    const sql = `CREATE TRIGGER ${quoteId(trigger.name)} ${event} ON ${quoteId(table)} FOR EACH ROW ${body}`;
    return { ...trigger, table, sql };
  });
}

async function eventsOf(session: MysqlSession, belongs: Belongs): Promise<(StoredObject | string)[]> {
  const names = await session.column(
    'SELECT EVENT_NAME AS name FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ? ORDER BY EVENT_NAME',
    [session.database],
  );
  return inTurn(names.filter(belongs), (name) => shown(session, 'event', name));
}

/** The result of SHOW CREATE; the object's kind and name when its code is hidden from the user. */
async function shown(session: MysqlSession, kind: StoredObject['kind'], name: string): Promise<StoredObject | string> {
  let row: MysqlRow | undefined;
  try {
    [row] = await session.rows(`SHOW CREATE ${kind.toUpperCase()} ${quoteId(name)}`);
  } catch (error) {
    if (!errnoOf(error)) throw error;
  }
  const sql = kind === 'trigger' ? row?.['SQL Original Statement'] : valueStarting(row, 'Create ');
  if (!row || typeof sql !== 'string') return `${kind} ${name}`;
  return {
    kind,
    name,
    sqlMode: String(row.sql_mode ?? ''),
    // Libraries have none.
    charset: String(row.character_set_client ?? 'utf8mb4'),
    collation: String(row.collation_connection ?? 'utf8mb4_general_ci'),
    ...(kind === 'event' && { timeZone: String(row.time_zone) }),
    sql: withoutDefiner(sql),
  };
}

function valueStarting(row: MysqlRow | undefined, start: string) {
  return Object.entries(row ?? {}).find(([column]) => column.startsWith(start))?.[1];
}

/** Views after those whose names they mention. */
function inOrder(views: (StoredObject | string)[]): (StoredObject | string)[] {
  const byName = new Map(
    views.flatMap((view) => (typeof view === 'string' ? [] : [[quoteId(view.name), view] as const])),
  );
  const ordered = new Set<StoredObject | string>(views.filter((view) => typeof view === 'string'));
  const visiting = new Set<StoredObject>();
  const visit = (view: StoredObject) => {
    if (ordered.has(view) || visiting.has(view)) return;
    visiting.add(view);
    for (const [name, other] of byName) if (other !== view && view.sql.includes(name)) visit(other);
    ordered.add(view);
  };
  for (const view of byName.values()) visit(view);
  return [...ordered];
}

async function inTurn<T, R>(items: T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

/** Modes that MySQL 8 no longer supports; none of them changes a stored object once it is parsed. */
const GONE_MODES =
  /^(?:NO_AUTO_CREATE_USER|DB2|MAXDB|MSSQL|MYSQL323|MYSQL40|ORACLE|POSTGRESQL|NO_(?:FIELD|KEY|TABLE)_OPTIONS)$/;

/**
 * Creates stored objects in the session's own database and replaces existing ones. Views that depend on others wait for them.
 * `onBroken` receives views that were broken when they were backed up and still are; any other failure is thrown.
 * `asTrial`: events do not run.
 * @throws TOOL_FAILED naming the stored object
 */
export async function createStoredObjects(
  session: MysqlSession,
  storedObjects: StoredObject[],
  options: { asTrial?: boolean; onBroken?: (name: string) => void } = {},
): Promise<void> {
  let waiting = storedObjects;
  while (waiting.length > 0) {
    const failed: { object: StoredObject; error: unknown }[] = [];
    for (const object of waiting) {
      try {
        await createStoredObject(session, object, options.asTrial ?? false);
      } catch (error) {
        if (object.kind !== 'view') throw namingObject(object, error, session.server);
        failed.push({ object, error });
      }
    }
    if (failed.length === waiting.length) {
      for (const { object, error } of failed) {
        if (!object.broken) throw namingObject(object, error, session.server);
        options.onBroken?.(object.name);
      }
      return;
    }
    waiting = failed.map(({ object }) => object);
  }
}

/** Creates one stored object. `asTrial`: an event does not run. */
export async function createStoredObject(session: MysqlSession, object: StoredObject, asTrial: boolean): Promise<void> {
  const forgetsModes = session.server.flavour === 'mysql' && majorOf(session.server.version) >= 8;
  const modes = object.sqlMode.split(',').filter((mode) => !(forgetsModes && GONE_MODES.test(mode)));
  const sql = asTrial && object.kind === 'event' ? disabled(object.sql) : object.sql;
  await dropStoredObjects(session, [object]);
  await session.rows(sessionFor({ ...object, sqlMode: modes.join(',') }));
  try {
    await session.rows(sql);
  } finally {
    await session.rows("SET SESSION sql_mode = '', character_set_client = utf8mb4, time_zone = DEFAULT");
  }
}

export async function dropStoredObjects(
  session: MysqlSession,
  storedObjects: Pick<StoredObject, 'kind' | 'name'>[],
): Promise<void> {
  for (const object of storedObjects) await session.rows(dropStatement(object));
}

/** Disables an enabled event. The server generates these words itself, before all free text. */
function disabled(sql: string): string {
  return sql.replace(/( ON COMPLETION (?:NOT )?PRESERVE) ENABLE\b/, '$1 DISABLE');
}

/** A server error, as returned by `asServerError`, that names the stored object. */
export function namingObject({ kind, name }: StoredObject, error: unknown, server: MysqlServer): unknown {
  return asServerError(error, server, `${kind} ${name}: `);
}

/** Logs the stored objects that cannot be backed up or do not work. */
export function warnUnreadable(found: StoredObjectsFound, run: Pick<RunContext, 'log'>): void {
  for (const name of found.unreadable) {
    run.log('warn', {
      text: 'The database user lacks the privilege to read {{object}}; it was skipped',
      params: { object: name },
    });
  }
  for (const { name } of found.storedObjects.filter(({ broken }) => broken)) {
    run.log('warn', {
      text: 'The view {{view}} is broken: it refers to an object that does not exist',
      params: { view: name },
    });
  }
}
