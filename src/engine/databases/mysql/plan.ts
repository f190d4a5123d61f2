/** Chooses how a restore of a MySQL or MariaDB database goes, and tells what is in its way. Changes nothing. */
import type { ManifestDatabase } from '../../../shared/manifest';
import type { Message } from '../../../shared/runs';
import type { DatabaseConnection, DatabasePlanning } from '../driver';
import { belongsTo, crossingForeignKeys, everythingIn, objectsIn, OWN_TABLE_PREFIX } from './catalog';
import { ER_ACCESS_DENIED, ER_DATABASE_EXISTS, type MysqlSession, errnoOf, quoteId, quoteString } from './connection';
import { planNames, slotPrefix, type Strategy } from './layout';

type Blocker = DatabasePlanning['blockers'][number];
type Warning = DatabasePlanning['warnings'][number];

/**
 * 'tables' where databases may be created, 'names' otherwise. For 'verify' nothing is exchanged, so what would only be in the
 * way of that does not count.
 */
export async function planMysql(
  id: string,
  backup: ManifestDatabase,
  purpose: 'restore' | 'verify',
  connection: DatabaseConnection,
  session: MysqlSession,
): Promise<DatabasePlanning> {
  const mayCreate = await mayCreateDatabases(session);
  const strategy: Strategy = mayCreate ? 'tables' : 'names';
  const blockers = [
    ...(mayCreate ? [] : await missingPrivileges(session)),
    ...(purpose === 'restore' ? await crossingBlockers(session, connection) : []),
    ...collidingNames(session, backup),
  ];
  const names = planNames(strategy, session.database, id);
  return {
    plan: blockers.length > 0 ? null : { dialect: connection.dialect, strategy, id, names },
    blockers,
    warnings: await differences(session, backup),
    summary: mayCreate ? besideSummary(session) : withinSummary(session),
    downtime: {
      text: 'The app is away while it loads again, usually a few seconds, however large the data is.',
    },
  };
}

const besideSummary = ({ database }: MysqlSession): Message => ({
  text: 'The backup is loaded into a new database beside {{database}}; the tables of the two are then exchanged in one step.',
  params: { database },
});

const withinSummary = ({ database }: MysqlSession): Message => ({
  text: 'The backup is loaded into {{database}} under names that begin with {{prefix}}; the tables are then exchanged in one step. Foreign keys may get other names.',
  params: { database, prefix: OWN_TABLE_PREFIX },
});

/** What a plan tries rights with, left by a process that was killed meanwhile. */
export async function removeProbes(session: MysqlSession): Promise<void> {
  const { staged: database = '' } = planNames('tables', session.database, 'probe');
  const there = await session.value('SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?', [
    database,
  ]);
  if (Number(there) > 0 && (await everythingIn(session, database)).length === 0) {
    await session.rows(`DROP DATABASE IF EXISTS ${quoteId(database)}`);
  }
  const names = new Set((await everythingIn(session, session.database)).map(({ name }) => name));
  for (const name of PROBES) {
    if (names.has(name)) await session.rows(`DROP TABLE IF EXISTS ${quoteId(session.database, name)}`);
  }
}

const PROBES = ['probe1', 'probe2'].map((name) => OWN_TABLE_PREFIX + name);

/**
 * Tried rather than read from the grants: roles, wildcards and partial revokes make those hard to read right. The name is always
 * the same, so that what a killed process left goes the next time.
 */
async function mayCreateDatabases(session: MysqlSession): Promise<boolean> {
  const { staged: probe = '' } = planNames('tables', session.database, 'probe');
  try {
    await session.rows(`CREATE DATABASE ${quoteId(probe)}`);
  } catch (error) {
    if (ER_ACCESS_DENIED.includes(errnoOf(error))) return false;
    if (errnoOf(error) !== ER_DATABASE_EXISTS) throw error;
    if ((await everythingIn(session, probe)).length > 0) return true;
  }
  await session.rows(`DROP DATABASE IF EXISTS ${quoteId(probe)}`);
  return true;
}

/** What a load under other names and the exchange need, tried with a table of ours. */
async function missingPrivileges(session: MysqlSession): Promise<Blocker[]> {
  const [one, other] = PROBES.map((name) => quoteId(name));
  try {
    // First of all whether it can be dropped again.
    await session.rows(`DROP TABLE IF EXISTS ${one}, ${other}`);
    await session.rows(`CREATE TABLE ${one} (a INT PRIMARY KEY, b INT REFERENCES ${one} (a))`);
    await session.rows(`RENAME TABLE ${one} TO ${other}`);
    await session.rows(`INSERT INTO ${other} VALUES (1, 1)`);
    return [];
  } catch (error) {
    // Anything else is another one who tries just now.
    if (errnoOf(error) && !ER_ACCESS_DENIED.includes(errnoOf(error))) return [];
    if (!errnoOf(error)) throw error;
    const user = String(await session.value('SELECT CURRENT_USER()'));
    const at = user.lastIndexOf('@');
    const account = `${quoteString(user.slice(0, at))}@${quoteString(user.slice(at + 1))}`;
    // In a grant these two characters stand for others unless they are escaped.
    const escaped = (name: string) => name.replace(/[_%]/g, '\\$&');
    const grants = [escaped(session.database), `${escaped(slotPrefix(session.database))}%`].map(
      (pattern) => `GRANT ALL PRIVILEGES ON ${quoteId(pattern)}.* TO ${account};`,
    );
    return [
      {
        reason: {
          text: 'The database user {{user}} may neither create a database to load the backup into nor make and rename tables in {{database}}.',
          params: { user, database: session.database },
        },
        remedy: {
          text: 'Have the administrator of the database server run: {{grant}}',
          params: { grant: grants.join(' ') },
        },
      },
    ];
  } finally {
    await session.rows(`DROP TABLE IF EXISTS ${one}, ${other}`).catch((error: unknown) => {
      if (!ER_ACCESS_DENIED.includes(errnoOf(error))) throw error;
    });
  }
}

async function crossingBlockers(session: MysqlSession, connection: DatabaseConnection): Promise<Blocker[]> {
  const keys = await crossingForeignKeys(session, session.database, belongsTo(connection, session));
  if (keys.length === 0) return [];
  return [
    {
      reason: {
        text: 'Foreign keys tie tables of the app to tables that are not the app’s: {{keys}}.',
        params: { keys: keys.join(', ') },
      },
      remedy: { text: 'Drop these foreign keys; they can not follow when the tables of the app are exchanged.' },
    },
  ];
}

/** Names that differ only in case are one name to some servers. */
function collidingNames(session: MysqlSession, backup: ManifestDatabase): Blocker[] {
  const seen = new Map<string, string>();
  for (const { name } of backup.tables) {
    const folded = session.fold(name);
    const other = seen.get(folded);
    if (other !== undefined) {
      return [
        {
          reason: {
            text: 'The backup holds the tables {{one}} and {{other}}; this database server takes them for the same.',
            params: { one: other, other: name },
          },
          remedy: { text: 'Restore on a database server with lower_case_table_names = 0.' },
        },
      ];
    }
    seen.set(folded, name);
  }
  return [];
}

async function differences(session: MysqlSession, backup: ManifestDatabase): Promise<Warning[]> {
  const warnings: Warning[] = [];
  const { flavour } = session.server;
  if (backup.flavour !== flavour) {
    warnings.push({
      code: 'flavour',
      backup: `${backup.flavour} ${backup.serverVersion}`,
      current: `${flavour} ${session.server.version}`,
      remedy: {
        text: 'MySQL and MariaDB differ in collations, JSON and more. What this server does not know makes the restore stop before live data is touched.',
      },
    });
  }
  const collation = String(await session.value('SELECT @@collation_database'));
  if (backup.collation !== collation) {
    warnings.push({
      code: 'collation',
      backup: backup.collation,
      current: collation,
      remedy: { text: 'Restored tables keep their own collation; tables made later get that of the current database.' },
    });
  }
  if (session.server.caseSensitive) {
    const current = (await objectsIn(session, session.database)).map(({ name }) => name);
    const names = new Set(backup.tables.map(({ name }) => name));
    const changed = current.find(
      (name) => !names.has(name) && name !== name.toLowerCase() && names.has(name.toLowerCase()),
    );
    if (changed !== undefined) {
      warnings.push({
        code: 'tableNameCase',
        backup: changed.toLowerCase(),
        current: changed,
        remedy: {
          text: 'The backup comes from a database server that writes table names in lower case; the app may not find them here. Restore on a server with lower_case_table_names = 1.',
        },
      });
    }
  }
  return warnings;
}
