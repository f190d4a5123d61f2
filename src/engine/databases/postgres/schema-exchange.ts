/** Exchanges committed schemas: what undo does, and a switch after an undo. */
import { SafekeepError } from '../../errors';
import type { DatabaseConnection, DatabasePlan, SlotPosition } from '../driver';
import { type Client, inTransaction, quoteName, quoteText, rows, withClient } from './connection';
import { asSwitchFailed, notThere } from './database';
import * as slots from './slots';

const END_SESSIONS_MS = 10_000;
const LOCK_TIMEOUT_MS = 30_000;

/** The name that a live schema's counterpart has. */
export function asideOf(plan: DatabasePlan, schema: string): string {
  return slots.nameOf(plan, `aside${slots.schemasOf(plan).indexOf(schema)}`);
}

/** @throws SWITCH_FAILED (nothing changed) */
export async function exchangeSchemas(
  connection: DatabaseConnection,
  plan: DatabasePlan,
  wanted: slots.Content,
): Promise<void> {
  const schemas = slots.schemasOf(plan);
  try {
    await withClient(connection, {}, async (client) => {
      const find = () => slots.writersTo(client, schemas, 0);
      const left = await slots.endSessions(client, find, END_SESSIONS_MS);
      if (left) throw new SafekeepError('SWITCH_FAILED', { detail: `sessions could not be ended: ${left}` });
      await client.query(`SELECT set_config('lock_timeout', $1, false)`, [String(LOCK_TIMEOUT_MS)]);
      await inTransaction(client, async () => {
        for (const schema of schemas) await exchange(client, plan, schema, wanted);
      });
    });
  } catch (error) {
    const reached = wanted === 'staged' ? 'after switch' : 'before switch';
    const done =
      !(error instanceof SafekeepError) &&
      (await positionOfSchemas(connection, plan).then(
        (position) => position === reached,
        () => false,
      ));
    if (!done) throw asSwitchFailed(error);
  }
}

async function exchange(client: Client, plan: DatabasePlan, live: string, wanted: slots.Content): Promise<void> {
  const aside = asideOf(plan, live);
  const between = slots.slotName(live, `__safekeep_${plan.id}_x`);
  const facts = await slots.schemaFacts(client, [live, aside]);
  const outgoing = facts.find(({ name }) => name === live);
  const incoming = facts.find(({ name }) => name === aside);
  const mark = slots.parseMark(plan.id, incoming?.comment ?? null);
  if (!outgoing || mark?.content !== wanted) throw notThere(aside, wanted);
  const rename = (from: string, to: string) =>
    client.query(`ALTER SCHEMA ${quoteName(from)} RENAME TO ${quoteName(to)}`);
  await rename(live, between);
  await rename(aside, live);
  await rename(between, aside);
  const content = wanted === 'staged' ? 'previous' : 'staged';
  const newMark = slots.markText(plan.id, { content, comment: outgoing.comment });
  await client.query(`COMMENT ON SCHEMA ${quoteName(aside)} IS ${quoteText(newMark)}`);
  await client.query(`COMMENT ON SCHEMA ${quoteName(live)} IS ${slots.commentValue(mark.comment)}`);
  const extensions = await rows<{ name: string }>(
    client,
    `SELECT extname AS name FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE nspname = $1 ORDER BY 1`,
    [aside],
  );
  for (const { name } of extensions) {
    await client.query(`ALTER EXTENSION ${quoteName(name)} SET SCHEMA ${quoteName(live)}`);
  }
}

/** A load that is not committed is not to be seen here: nothing aside means before. */
export async function positionOfSchemas(connection: DatabaseConnection, plan: DatabasePlan): Promise<SlotPosition> {
  const schemas = slots.schemasOf(plan);
  const asides = schemas.map((schema) => asideOf(plan, schema));
  return withClient(connection, {}, async (client) => {
    const facts = await slots.schemaFacts(client, [...schemas, ...asides]);
    const find = (name: string) => facts.find((schema) => schema.name === name);
    if (!schemas.every(find)) return 'unclear';
    const contents = asides.map(
      (aside) => slots.parseMark(plan.id, find(aside)?.comment ?? null)?.content ?? (find(aside) ? 'foreign' : 'none'),
    );
    if (contents.every((content) => content === 'previous')) return 'after switch';
    return contents.every((content) => content === 'staged' || content === 'none') ? 'before switch' : 'unclear';
  });
}
