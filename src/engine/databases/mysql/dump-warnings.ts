/** What a dump tells the log: what it does not take along as it is, and what a restore may refuse. */
import type { Message } from '../../../shared/runs';
import type { RunContext } from '../../context';
import { holdsNoRows, isTransactional } from './catalog';
import type { MysqlSession } from './connection';
import type { FloatTable } from './floats';
import type { SourceTable } from './source';
import { isWholeStatement, kindOf, statementOf } from './statements';

/** Names each kind of statement once that a restore under other names would refuse. */
export function warnUnknownStatements(run: RunContext): (statement: string) => void {
  const seen = new Set<string>();
  return (statement) => {
    const known = statementOf(statement);
    if (known !== null && (known.kind !== 'whole' || isWholeStatement(statement))) return;
    const kind = kindOf(statement);
    if (seen.has(kind)) return;
    seen.add(kind);
    run.log('warn', {
      text: 'The dump holds a statement that Safekeep does not know: {{statement}}. Only a database user with the privilege to create databases can restore this backup.',
      params: { statement: kind },
    });
  };
}

export async function warnSpecialTables(
  session: MysqlSession,
  tables: SourceTable[],
  floats: FloatTable[],
  run: RunContext,
): Promise<void> {
  const warn = (message: Message, named: SourceTable[]) => {
    const names = named.map(({ liveName }) => liveName).join(', ');
    if (named.length > 0) run.log('warn', { ...message, params: { tables: names } });
  };
  const named = (names: string[]) => tables.filter(({ name }) => names.includes(name));
  warn(
    {
      text: 'These tables have a storage engine without transactions; changes while the backup runs can make them differ from the rest: {{tables}}',
    },
    tables.filter((table) => !isTransactional(table) && !holdsNoRows(table)),
  );
  warn(
    { text: 'The rows of these tables lie outside of the database and are left out: {{tables}}' },
    tables.filter(holdsNoRows),
  );
  warn(
    { text: 'Of these system-versioned tables the current rows are backed up, not their history: {{tables}}' },
    tables.filter(({ systemVersioned }) => systemVersioned),
  );
  warn(
    {
      text: 'The FLOAT values of these tables are backed up with six digits, since the tables have no primary key: {{tables}}',
    },
    named(floats.filter(({ key }) => key.length === 0).map(({ name }) => name)),
  );
  const sequenced = await session.column(
    "SELECT DISTINCT TABLE_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND COLUMN_DEFAULT LIKE '%nextval(%'",
    [session.database],
  );
  warn(
    {
      text: 'Defaults of these tables use a sequence under the name of this database; they work only in a database of the same name: {{tables}}',
    },
    named(sequenced),
  );
}
