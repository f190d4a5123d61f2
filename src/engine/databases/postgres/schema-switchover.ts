/** Switches over within one database: whole schemas by name, or their contents object by object. */
import type { DatabaseConnection, DatabasePlan, SlotPosition } from '../driver';
import { type Client, inTransaction, quoteName, quoteText, rows, withClient } from './connection';
import { notThere, requireReached, sessionsRemain } from './database';
import { moveSteps, type Step } from './objects';
import * as slots from './slots';

/** How long a step of the switchover waits for a lock. */
export const LOCK_TIMEOUT_MS = 30_000;
const SESSIONS_AGAIN_MS = 50;

/** The name of a live schema's counterpart. */
export function inactiveOf(plan: DatabasePlan, schema: string): string {
  return slots.nameOf(plan, `aside${slots.schemasOf(plan).indexOf(schema)}`);
}

const betweenOf = (plan: DatabasePlan, live: string) => slots.slotName(live, `__safekeep_${plan.id}_x`);

/** 'objects' moves live objects, so sessions that read them block it; renaming a schema is blocked by no session, but rows of writers would be lost. */
export function sessionsInTheWay(client: Client, plan: DatabasePlan, exceptPid: number): Promise<slots.Session[]> {
  const schemas = slots.schemasOf(plan);
  return plan.strategy === 'objects'
    ? slots.holdersOf(client, schemas, exceptPid)
    : slots.writersTo(client, schemas, exceptPid);
}

/** Swaps the contents of both sides; afterwards the formerly live one carries the mark. */
export function switchoverSteps(plan: DatabasePlan, live: slots.SchemaFacts, mark: slots.Mark | null): Step[] {
  const [inactive, between] = [inactiveOf(plan, live.name), betweenOf(plan, live.name)];
  const content = mark?.content === 'previous' ? 'staged' : 'previous';
  const comment = (schema: string, value: string) => `COMMENT ON SCHEMA ${quoteName(schema)} IS ${value}`;
  if (plan.strategy === 'objects') {
    return [
      `CREATE SCHEMA ${quoteName(between)}`,
      ...moveSteps(live.name, between),
      ...moveSteps(inactive, live.name),
      // Without CASCADE: the drop fails if anything is left.
      `DROP SCHEMA ${quoteName(inactive)}`,
      `ALTER SCHEMA ${quoteName(between)} RENAME TO ${quoteName(inactive)}`,
      comment(inactive, quoteText(slots.markText(plan.id, { content, comment: null }))),
    ];
  }
  const rename = (from: string, to: string) => `ALTER SCHEMA ${quoteName(from)} RENAME TO ${quoteName(to)}`;
  return [
    rename(live.name, between),
    rename(inactive, live.name),
    rename(between, inactive),
    comment(inactive, quoteText(slots.markText(plan.id, { content, comment: live.comment }))),
    comment(live.name, slots.commentValue(mark?.comment ?? null)),
    // Renamed with its schema, an extension would become inactive: the data must find it in the old place.
    {
      each: `SELECT format('ALTER EXTENSION %I SET SCHEMA %I', extname, ${quoteText(live.name)}::text)
               FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE nspname = ${quoteText(inactive)} ORDER BY extname`,
    },
  ];
}

/** Makes the inactive slots live if they contain `wanted`; does nothing if that is live already. @throws SWITCHOVER_FAILED (nothing changed) */
export async function switchOverSchemas(
  connection: DatabaseConnection,
  plan: DatabasePlan,
  wanted: slots.Content,
  endSessionsMs: number,
): Promise<void> {
  const reached: SlotPosition = wanted === 'staged' ? 'after switchover' : 'before switchover';
  const endEarlier = () => withClient(connection, {}, (client) => slots.endSwitchovers(client, plan.id, endSessionsMs));
  try {
    await endEarlier();
    if ((await positionOfSchemas(connection, plan, endSessionsMs)) === reached) return;
    const options = { applicationName: slots.switchoverName(plan.id) };
    await withClient(connection, options, (client) => switchOver(connection, client, plan, wanted, endSessionsMs));
  } catch (error) {
    await requireReached(reached, error, async () => {
      await endEarlier();
      return positionOfSchemas(connection, plan, endSessionsMs);
    });
  }
}

async function switchOver(
  connection: DatabaseConnection,
  client: Client,
  plan: DatabasePlan,
  wanted: slots.Content,
  endSessionsMs: number,
): Promise<void> {
  await client.query(`SELECT set_config('lock_timeout', $1, false)`, [String(LOCK_TIMEOUT_MS)]);
  const [self] = await rows<{ pid: number }>(client, 'SELECT pg_backend_pid() AS pid');
  await whileEndingSessions(connection, plan, self?.pid ?? 0, endSessionsMs, () =>
    inTransaction(client, async () => {
      for (const live of slots.schemasOf(plan)) {
        const inactive = inactiveOf(plan, live);
        const facts = await slots.schemaFacts(client, [live, inactive]);
        const outgoing = facts.find(({ name }) => name === live);
        const mark = slots.parseMark(plan.id, facts.find(({ name }) => name === inactive)?.comment ?? null);
        if (!outgoing || mark?.content !== wanted) throw notThere(inactive, wanted);
        for (const step of switchoverSteps(plan, outgoing, mark)) await take(client, step);
      }
    }),
  );
}

async function take(client: Client, step: Step): Promise<void> {
  if (typeof step === 'string') {
    await client.query(step);
    return;
  }
  const answers = await client.query<string[]>({ text: step.each, rowMode: 'array' });
  for (const statement of answers.rows.flat()) await client.query(statement);
}

/** Terminates blocking sessions before the switchover, and again while it is in progress: those of a pool reconnect at once. */
export async function whileEndingSessions(
  connection: DatabaseConnection,
  plan: DatabasePlan,
  exceptPid: number,
  endSessionsMs: number,
  work: () => Promise<void>,
): Promise<void> {
  await withClient(connection, {}, async (ender) => {
    const find = () => sessionsInTheWay(ender, plan, exceptPid);
    const left = await slots.endSessions(ender, find, endSessionsMs);
    if (left) throw sessionsRemain(left);
    let working = true;
    const worked = work().finally(() => (working = false));
    const ending = (async () => {
      while (working && plan.strategy === 'objects') {
        await slots.endSessions(ender, find, 0);
        await new Promise((resolve) => setTimeout(resolve, SESSIONS_AGAIN_MS));
      }
    })();
    const [outcome] = await Promise.allSettled([worked, ending]);
    if (outcome.status === 'rejected') throw outcome.reason;
  });
}

/** An uncommitted load is not visible here: without inactive slots, the position is 'before' as long as the live data is the same. */
export async function positionOfSchemas(
  connection: DatabaseConnection,
  plan: DatabasePlan,
  waitMs: number,
): Promise<SlotPosition> {
  const schemas = slots.schemasOf(plan);
  const inactives = schemas.map((schema) => inactiveOf(plan, schema));
  return withClient(connection, {}, async (client) => {
    if (!(await slots.switchoversEnd(client, plan.id, waitMs))) return 'unclear';
    // Both slots are in one database, which the switchover of another plan may have made inactive.
    if ((await homeOf(client, plan))?.isLive === false) return 'unclear';
    const facts = await slots.schemaFacts(client, [...schemas, ...inactives]);
    const find = (name: string) => facts.find((schema) => schema.name === name);
    if (!schemas.every(find)) return 'unclear';
    const contents = inactives.map(
      (inactive) =>
        slots.parseMark(plan.id, find(inactive)?.comment ?? null)?.content ?? (find(inactive) ? 'foreign' : 'none'),
    );
    if (contents.every((content) => content === 'previous')) return 'after switchover';
    if (contents.every((content) => content === 'staged')) return 'before switchover';
    return contents.every((content) => content === 'none') && (await isStillLive(client, plan))
      ? 'before switchover'
      : 'unclear';
  });
}

/** The database that contains both slots of a plan; null when it is gone. */
export async function homeOf(client: Client, plan: DatabasePlan): Promise<{ name: string; isLive: boolean } | null> {
  const [found] = await rows<{ name: string; isLive: boolean }>(
    client,
    `SELECT datname AS name, datname = current_database() AS "isLive" FROM pg_database
      WHERE oid::text = $1 OR ($1 = '' AND datname = current_database())`,
    [plan.names.home ?? ''],
  );
  return found ?? null;
}

/** Whether the data that was live when the plan was made is live now. */
async function isStillLive(client: Client, plan: DatabasePlan): Promise<boolean> {
  const { witnesses } = plan.names;
  if (witnesses === undefined) return true;
  const catalog = plan.strategy === 'objects' ? 'pg_class' : 'pg_namespace';
  const place = plan.strategy === 'objects' ? 'relnamespace' : 'oid';
  const found = await rows(
    client,
    `SELECT FROM ${catalog} t JOIN pg_namespace n ON n.oid = t.${place}
      WHERE t.oid::text = ANY(string_to_array($1, ' ')) AND n.nspname = ANY($2)`,
    [witnesses, slots.schemasOf(plan)],
  );
  return witnesses === '' || found.length > 0;
}
