/** The location of the data in an inactive slot, for describing or dumping it. */
import { SafekeepError } from '../../errors';
import type { DatabasePlan, DumpScope } from '../driver';
import { type Client, rows } from './connection';
import { databaseRow } from './database-settings';
import { inactiveOf } from './schema-switchover';
import * as slots from './slots';

/** Where the app's data is read. */
export interface Place {
  /** Instead of the app's database. */
  database?: string;
  /** Each of the app's schemas, with its name there. */
  schemas: ReadonlyMap<string, string>;
}

const WAIT_FOR_SWITCHOVER_MS = 30_000;

export function placeOf(scope: DumpScope, inactive?: DatabasePlan): Place {
  const named = (nameOf: (schema: string) => string) => new Map(scope.schemas.map((name) => [name, nameOf(name)]));
  if (!inactive) return { schemas: named((name) => name) };
  if (inactive.strategy === 'database') {
    return { database: slots.nameOf(inactive, 'inactive'), schemas: named((name) => name) };
  }
  // The slot lacks schemas that the app has used only since then.
  const kept = scope.schemas.filter((name) => slots.schemasOf(inactive).includes(name));
  return { schemas: new Map(kept.map((name) => [name, inactiveOf(inactive, name)])) };
}

/** The name in this place of a table that the app knows as schema.table. */
export function inPlace(table: string, { schemas }: Place): string {
  for (const [live, there] of schemas) if (table.startsWith(`${live}.`)) return there + table.slice(live.length);
  return table;
}

/**
 * Waits for a switchover in progress, and ensures that the slot contains complete data of this plan.
 * @throws NOTHING_TO_UNDO when it does not
 */
export async function requireInactive(client: Client, plan: DatabasePlan): Promise<void> {
  const ended = await slots.switchoversEnd(client, plan.id, WAIT_FOR_SWITCHOVER_MS);
  const contents = (await comments(client, plan)).map((comment) => slots.parseMark(plan.id, comment)?.content);
  const isWhole = contents.every((content) => content === 'previous' || content === 'staged');
  if (!ended || contents.length === 0 || !isWhole || new Set(contents).size > 1)
    throw new SafekeepError('NOTHING_TO_UNDO');
}

async function comments(client: Client, plan: DatabasePlan): Promise<(string | null)[]> {
  if (plan.strategy === 'database')
    return [(await databaseRow(client, slots.nameOf(plan, 'inactive')))?.comment ?? null];
  const names = slots.schemasOf(plan).map((schema) => inactiveOf(plan, schema));
  const found = await rows<{ name: string; comment: string | null }>(
    client,
    `SELECT nspname AS name, obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = ANY($1)`,
    [names],
  );
  return names.map((wanted) => found.find(({ name }) => name === wanted)?.comment ?? null);
}
