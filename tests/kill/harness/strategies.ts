/** The strategies of a restore, and the databases for which each one is chosen. */
import type { DatabasePlan } from '../../../src/engine/databases/driver';
import { mariadbStates } from '../data/mariadb';
import { postgresStates } from '../data/postgres';
import { sqliteStates } from '../data/sqlite';
import type { Place } from '../protocol';
import { freshDatabase, type FreshDatabase } from '../../support/servers';

export interface Strategy {
  kind: Place['kind'];
  name: `${DatabasePlan['dialect']} ${DatabasePlan['strategy']}`;
  /** A new database; null for SQLite. */
  create(): Promise<FreshDatabase | null>;
  /** Which part of how many it takes of the boundaries that the strategies of a dialect share. */
  share: [part: number, parts: number];
  /** How many databases, schemas or files besides the live one hold previous data. */
  copies: number;
  /** Statements that make the state that is backed up, and from it the one that is live when a restore begins. */
  states: { a: string[]; b: string[] };
}

const none = () => Promise.resolve(null);
const postgres = () => freshDatabase('postgres');
const postgresWithoutRights = () => freshDatabase('postgres', { mayCreateDatabases: false });
/** The app may work in its schema, which is another's. */
const postgresOfAnother = async () => {
  const fresh = await postgresWithoutRights();
  await fresh.asAdmin('ALTER SCHEMA public OWNER TO postgres');
  await fresh.asAdmin(`GRANT CREATE, USAGE ON SCHEMA public TO "${fresh.username}"`);
  return fresh;
};
const mariadb = () => freshDatabase('mariadb');
const mariadbWithoutRights = () => freshDatabase('mariadb', { mayCreateDatabases: false });
const kind = 'engine' as const;

export const STRATEGIES = {
  file: { kind, name: 'sqlite file', share: [0, 1], create: none, copies: 1, states: sqliteStates },
  database: { kind, name: 'postgres database', share: [0, 3], create: postgres, copies: 1, states: postgresStates },
  schema: {
    kind,
    name: 'postgres schema',
    share: [1, 3],
    create: postgresWithoutRights,
    copies: 1,
    states: postgresStates,
  },
  objects: {
    kind,
    name: 'postgres objects',
    share: [2, 3],
    create: postgresOfAnother,
    copies: 1,
    states: postgresStates,
  },
  names: { kind, name: 'mariadb names', share: [0, 2], create: mariadbWithoutRights, copies: 1, states: mariadbStates },
  tables: { kind, name: 'mariadb tables', share: [1, 2], create: mariadb, copies: 2, states: mariadbStates },
} satisfies Record<string, Strategy>;

/** The app itself makes what is backed up. */
export function asApp(strategy: Strategy): Strategy {
  const things = strategy.name.startsWith('mariadb') ? '`things`' : '"things"';
  const b = [
    `UPDATE ${things} SET title = 'of b' WHERE title = 'first'`,
    `DELETE FROM ${things} WHERE title = 'second'`,
    'CREATE TABLE only_in_b (id int)',
    'INSERT INTO only_in_b VALUES (1), (2)',
    `CREATE VIEW seen_in_b AS SELECT title FROM ${things}`,
  ];
  return { ...strategy, kind: 'app', states: { a: [], b } };
}
