/** Chooses the strategy for a restore of a MySQL or MariaDB database and reports obstacles. Changes nothing. */
import type { ManifestDatabase } from '../../../shared/manifest';
import type { Message } from '../../../shared/runs';
import type { DatabaseConnection, DatabasePlanning } from '../driver';
import { belongsTo, crossingForeignKeys, everythingIn, objectsIn, OWN_TABLE_PREFIX } from './catalog';
import { ER_ACCESS_DENIED, ER_DATABASE_EXISTS, type MysqlSession, errnoOf, quoteId, quoteString } from './connection';
import { planNames, slotPrefix, type Strategy } from './layout';

type Blocker = DatabasePlanning['blockers'][number];
type Warning = DatabasePlanning['warnings'][number];

/**
 * 'tables' where databases can be created, 'names' otherwise. 'verify' has no switchover, so obstacles to one do not count.
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
    summary: mayCreate ? tablesSummary(session) : namesSummary(session),
    downtime: {
      text: 'The app is unavailable while it reloads, usually a few seconds, whatever the size of the data.',
    },
  };
}

const tablesSummary = ({ database }: MysqlSession): Message => ({
  text: 'The backup is loaded into a staging database; the switchover then swaps its tables with those of {{database}} in one step.',
  params: { database },
});

const namesSummary = ({ database }: MysqlSession): Message => ({
  text: 'The backup is loaded into {{database}} under names that begin with {{prefix}}; the switchover then swaps the tables in one step. Some foreign keys may be renamed.',
  params: { database, prefix: OWN_TABLE_PREFIX },
});

/** Removes probes for privileges that were left by a killed process. */
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
 * Tried out rather than read from the grants: roles, wildcards and partial revokes make those hard to interpret. The name is
 * always the same, so the next probe replaces the remains of a killed process.
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

/** Tries out, with a table of Safekeep's, what a load under other names and the switchover require. */
async function missingPrivileges(session: MysqlSession): Promise<Blocker[]> {
  const [one, other] = PROBES.map((name) => quoteId(name));
  try {
    // Drop first: this shows whether the table can be dropped at all.
    await session.rows(`DROP TABLE IF EXISTS ${one}, ${other}`);
    await session.rows(`CREATE TABLE ${one} (a INT PRIMARY KEY, b INT REFERENCES ${one} (a))`);
    await session.rows(`RENAME TABLE ${one} TO ${other}`);
    await session.rows(`INSERT INTO ${other} VALUES (1, 1)`);
    return [];
  } catch (error) {
    // Any other error means that another process is probing at this moment.
    if (errnoOf(error) && !ER_ACCESS_DENIED.includes(errnoOf(error))) return [];
    if (!errnoOf(error)) throw error;
    const user = String(await session.value('SELECT CURRENT_USER()'));
    const at = user.lastIndexOf('@');
    const account = `${quoteString(user.slice(0, at))}@${quoteString(user.slice(at + 1))}`;
    // In a grant these two characters are wildcards unless they are escaped.
    const escaped = (name: string) => name.replace(/[_%]/g, '\\$&');
    const grants = [escaped(session.database), `${escaped(slotPrefix(session.database))}%`].map(
      (pattern) => `GRANT ALL PRIVILEGES ON ${quoteId(pattern)}.* TO ${account};`,
    );
    return [
      {
        reason: {
          text: 'The database user {{user}} lacks the privilege to create a staging database, and those to create and rename tables in {{database}}.',
          params: { user, database: session.database },
        },
        remedy: {
          text: 'Ask the administrator of the database server to run: {{grant}}',
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
        text: 'Foreign keys connect tables of the app with other tables: {{keys}}.',
        params: { keys: keys.join(', ') },
      },
      remedy: { text: 'Drop these foreign keys; they cannot follow the app’s tables in a switchover.' },
    },
  ];
}

/** Some servers treat names that differ only in case as one name. */
function collidingNames(session: MysqlSession, backup: ManifestDatabase): Blocker[] {
  const seen = new Map<string, string>();
  for (const { name } of backup.tables) {
    const folded = session.fold(name);
    const other = seen.get(folded);
    if (other !== undefined) {
      return [
        {
          reason: {
            text: 'The backup contains the tables {{one}} and {{other}}; this database server treats their names as the same.',
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
        text: 'MySQL and MariaDB differ in collations, JSON and other features. If the backup uses a feature that this server lacks, the restore stops before live data is changed.',
      },
    });
  }
  const collation = String(await session.value('SELECT @@collation_database'));
  if (backup.collation !== collation) {
    warnings.push({
      code: 'collation',
      backup: backup.collation,
      current: collation,
      remedy: {
        text: 'Restored tables keep their own collation; tables created later get that of the current database.',
      },
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
          text: 'The backup comes from a database server that stores table names in lower case; the app might not find them here. Restore on a server with lower_case_table_names = 1.',
        },
      });
    }
  }
  return warnings;
}
