/**
 * Tries programs out in the live database, where their own names are taken: each is made under a name of ours, a trigger on
 * the staged table, and dropped at once. Views and packages can not be tried so, since their code names what they are built on;
 * whether the server takes them shows after the exchange, which is taken back if not.
 */
import { type MysqlSession, quoteId } from './connection';
import type { Layout, Place } from './layout';
import { createProgram, dropPrograms, namingProgram } from './programs';
import { type MysqlProgram, triggerParts, underName } from './programs-file';

export const trialName = ({ id }: Pick<Layout, 'id'>) => `__safekeep_${id}_trial`;

/** @throws TOOL_FAILED naming the program */
export async function tryUnderOtherNames(
  session: MysqlSession,
  programs: MysqlProgram[],
  layout: Layout,
  places: Place[],
): Promise<void> {
  const asideOf = new Map(places.map(({ name, aside }) => [session.fold(name), aside]));
  for (const program of programs) {
    const sql =
      program.kind === 'trigger' ? triggerOn(program, asideOf, session, layout) : underName(program, trialName(layout));
    if (sql === null) continue;
    const trial: MysqlProgram = { ...program, name: trialName(layout), sql };
    try {
      await createProgram(session, trial, true);
    } catch (error) {
      throw namingProgram(program, error, session.server);
    } finally {
      await dropPrograms(session, [trial]);
    }
  }
}

function triggerOn(
  { sql, table = '' }: MysqlProgram,
  asideOf: Map<string, string>,
  session: MysqlSession,
  layout: Layout,
): string | null {
  const parts = triggerParts(sql);
  const aside = asideOf.get(session.fold(table));
  if (!parts || aside === undefined) return null;
  return `CREATE TRIGGER ${quoteId(trialName(layout))} ${parts.event} ON ${quoteId(aside)} FOR EACH ROW ${parts.body}`;
}

/** Drops what a killed trial left. */
export async function dropTrials(session: MysqlSession, layout: Layout): Promise<void> {
  const name = trialName(layout);
  const left = await session.rows(
    `SELECT LOWER(ROUTINE_TYPE) AS kind FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? AND ROUTINE_NAME = ?
      UNION SELECT 'event' FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ? AND EVENT_NAME = ?`,
    [session.database, name, session.database, name],
  );
  await dropPrograms(session, left.map(({ kind }) => ({ kind: String(kind) as MysqlProgram['kind'], name }))); // prettier-ignore
}
