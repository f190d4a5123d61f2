/** Compares loaded data with the manifest. */
import type { ManifestDatabase, TableRows } from '../../../shared/manifest';
import type { Message } from '../../../shared/runs';
import type { RunContext } from '../../context';
import { SafekeepError } from '../../errors';
import { otherRowCount, tableMissing } from '../differences';
import { quoteName, quoteText, tableName } from './connection';

const TABLES_PER_QUESTION = 50;
const MAX_LISTED = 10;

/** Runs one query and returns its rows. */
export type Ask = (sql: string) => Promise<unknown[][]>;

/**
 * Every table of the manifest exists and has the same number of rows. The load has checked foreign keys and constraints.
 * @param schemas those of the backup, and the ones they were loaded into
 * @param count runs row counts with a search path in which functions of indexes find unqualified names
 * @throws STAGED_DATA_DIFFERS
 */
export async function checkTables(
  { ask, count }: { ask: Ask; count: Ask },
  schemas: ReadonlyMap<string, string>,
  backup: ManifestDatabase,
  run: RunContext,
): Promise<void> {
  const list = [...schemas.values()].map((schema) => quoteText(schema)).join(', ');
  const found = await ask(
    `SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname IN (${list}) AND c.relkind = 'r'`,
  );
  const present = new Map<string, string>();
  const inBackup = new Map([...schemas].map(([name, target]) => [target, name]));
  for (const [schema, name] of found.map((row) => row.map(String) as [string, string])) {
    present.set(tableName(inBackup.get(schema) ?? schema, name), `${quoteName(schema)}.${quoteName(name)}`);
  }
  const differences: Message[] = [];
  for (let from = 0; from < backup.tables.length; from += TABLES_PER_QUESTION) {
    run.signal.throwIfAborted();
    const tables = backup.tables.slice(from, from + TABLES_PER_QUESTION);
    differences.push(...(await differencesIn(tables, present, count)));
    run.progress({ done: from + tables.length, total: backup.tables.length, unit: 'steps' });
  }
  if (differences.length === 0) return;
  const unlisted = differences.length - MAX_LISTED;
  const more: Message[] = unlisted > 0 ? [{ text: '{{count}} more differences', params: { count: unlisted } }] : [];
  const detail = [...differences.slice(0, MAX_LISTED), ...more];
  throw new SafekeepError('STAGED_DATA_DIFFERS', { detail });
}

async function differencesIn(tables: TableRows[], present: Map<string, string>, count: Ask): Promise<Message[]> {
  const missing = tables.filter(({ name }) => !present.has(name)).map(({ name }) => tableMissing(name));
  const counted = tables.filter(({ name, rows }) => present.has(name) && rows !== null);
  if (counted.length === 0) return missing;
  // Numbered: a UNION returns its parts in any order.
  const answers = await count(
    counted
      .map(({ name }, i) => `SELECT ${i}, pg_catalog.count(*) FROM ONLY ${present.get(name)}`)
      .join('\nUNION ALL\n'),
  );
  const counts = new Map(answers.map((answer) => answer.map(Number) as [number, number]));
  const other = counted.flatMap(({ name, rows }, i) =>
    counts.get(i) === rows ? [] : [otherRowCount(name, counts.get(i) ?? 0, rows ?? 0)],
  );
  return [...missing, ...other];
}
