/** Compares loaded data with what the manifest says was dumped. */
import type { ManifestDatabase, TableRows } from '../../../shared/manifest';
import type { RunContext } from '../../context';
import { SafekeepError } from '../../errors';
import { quoteName, quoteText, tableName } from './connection';

const TABLES_PER_QUESTION = 50;
const MAX_TOLD = 10;

/** Runs one query and returns its rows. */
export type Ask = (sql: string) => Promise<unknown[][]>;

/**
 * Every table of the manifest is there and holds as many rows. Foreign keys and constraints were checked by the load.
 * @param schemas those of the backup, and where each was loaded to
 * @param count asks for row counts, where functions in indexes find what they name without a schema
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
  const differences: string[] = [];
  for (let from = 0; from < backup.tables.length; from += TABLES_PER_QUESTION) {
    run.signal.throwIfAborted();
    const tables = backup.tables.slice(from, from + TABLES_PER_QUESTION);
    differences.push(...(await differencesIn(tables, present, count)));
    run.progress({ done: from + tables.length, total: backup.tables.length, unit: 'steps' });
  }
  if (differences.length === 0) return;
  const more = differences.length > MAX_TOLD ? [`+${differences.length - MAX_TOLD}`] : [];
  const detail = [...differences.slice(0, MAX_TOLD), ...more].join('; ');
  throw new SafekeepError('STAGED_DATA_DIFFERS', { detail });
}

async function differencesIn(tables: TableRows[], present: Map<string, string>, count: Ask): Promise<string[]> {
  const missing = tables.filter(({ name }) => !present.has(name)).map(({ name }) => `${name} is missing`);
  const counted = tables.filter(({ name, rows }) => present.has(name) && rows !== null);
  if (counted.length === 0) return missing;
  // Numbered: the parts of a UNION may be answered in any order.
  const answers = await count(
    counted
      .map(({ name }, i) => `SELECT ${i}, pg_catalog.count(*) FROM ONLY ${present.get(name)}`)
      .join('\nUNION ALL\n'),
  );
  const counts = new Map(answers.map((answer) => answer.map(Number) as [number, number]));
  const other = counted.flatMap(({ name, rows }, i) =>
    counts.get(i) === rows ? [] : [`${name}: ${counts.get(i) ?? '?'} / ${rows}`],
  );
  return [...missing, ...other];
}
