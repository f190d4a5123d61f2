/** Warnings of a dump: data that is not backed up as it is, and statements that a restore may refuse. */
import type { Message } from '../../../shared/runs';
import type { RunContext } from '../../context';
import { holdsNoRows, isTransactional } from './catalog';
import type { MysqlSession } from './connection';
import type { FloatTable } from './floats';
import type { SourceTable } from './source';
import { isWholeStatement, kindOf, statementOf } from './statements';

/** Reports each kind of statement once that a restore under other names would refuse. */
export function warnUnknownStatements(run: RunContext): (statement: string) => void {
  const seen = new Set<string>();
  return (statement) => {
    const known = statementOf(statement);
    if (known !== null && (known.kind !== 'whole' || isWholeStatement(statement))) return;
    const kind = kindOf(statement);
    if (seen.has(kind)) return;
    seen.add(kind);
    run.log('warn', {
      text: 'The dump contains a statement that Safekeep does not recognize: {{statement}}. Only a database user with the privilege to create databases can restore this backup.',
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
      text: 'These tables use a storage engine without transactions; changes during the backup can make them inconsistent with the other tables: {{tables}}',
    },
    tables.filter((table) => !isTransactional(table) && !holdsNoRows(table)),
  );
  warn(
    { text: 'The rows of these tables are stored outside the database and were skipped: {{tables}}' },
    tables.filter(holdsNoRows),
  );
  warn(
    { text: 'Only the current rows of these system-versioned tables are backed up, not their history: {{tables}}' },
    tables.filter(({ systemVersioned }) => systemVersioned),
  );
  warn(
    {
      text: 'The FLOAT values of these tables are backed up with six digits because the tables have no primary key: {{tables}}',
    },
    named(floats.filter(({ key }) => key.length === 0).map(({ name }) => name)),
  );
  const sequenced = await session.column(
    "SELECT DISTINCT TABLE_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND COLUMN_DEFAULT LIKE '%nextval(%'",
    [session.database],
  );
  warn(
    {
      text: 'Defaults of these tables refer to a sequence by the name of this database; they work only in a database with the same name: {{tables}}',
    },
    named(sequenced),
  );
}
