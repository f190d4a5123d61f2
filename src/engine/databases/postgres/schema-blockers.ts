/** Obstacles to an inactive slot in the live database. */
import type { ManifestDatabase } from '../../../shared/manifest';
import type { Message } from '../../../shared/runs';
import type { DatabasePlanning } from '../driver';
import { type Client, quoteName, rows, tableName } from './connection';
import { foreignDependents } from './dependents';
import { foreignObjectsIn, foreignObjectsUsingOurs } from './objects';
import { type LiveSituation, locksFor } from './situation';

type Blocker = DatabasePlanning['blockers'][number];

const MAX_NAMED = 5;

/** Reasons why the live schemas cannot be renamed: without any they are renamed, otherwise their objects are moved. */
export function isRenamable({ schemas: here, extensions, isSuperuser }: LiveSituation, schemas: string[]): boolean {
  // Extensions are in a schema; those of the live schemas must move to the new schema of the same name.
  const inTheWay = extensions
    .filter(({ schema }) => schemas.includes(schema))
    .filter(({ relocatable, mayMove }) => !relocatable || !(isSuperuser || mayMove));
  return here.every(({ mine }) => mine) && inTheWay.length === 0;
}

/** Obstacles to loading the backup into schemas of the live database. */
export async function loadBlockers(
  client: Client,
  backup: ManifestDatabase,
  situation: LiveSituation,
  schemas: string[],
): Promise<Blocker[]> {
  const { database, role } = situation;
  const blockers: Blocker[] = [];
  for (const schema of schemas.filter((wanted) => !situation.schemas.some(({ name }) => name === wanted))) {
    blockers.push({
      reason: { text: 'The schema {{schema}} does not exist.', params: { schema } },
      remedy: bySuperuser(database, `CREATE SCHEMA ${quoteName(schema)} AUTHORIZATION ${quoteName(role)}`),
    });
  }
  if (!situation.mayCreateSchemas) {
    blockers.push({
      reason: { text: 'The app’s database role lacks the privilege to create schemas.' },
      remedy: bySuperuser(database, `GRANT CREATE ON DATABASE ${quoteName(database)} TO ${quoteName(role)}`),
    });
  }
  return [...blockers, ...(await lockBlockers(client, backup))];
}

/** Objects that a switchover would disconnect, or that would collide. */
export async function switchoverBlockers(
  client: Client,
  backup: ManifestDatabase,
  situation: LiveSituation,
  schemas: string[],
  strategy: 'schema' | 'objects',
): Promise<Blocker[]> {
  const dependents = await foreignDependents(client, schemas);
  const outside: Blocker[] =
    dependents.length === 0
      ? []
      : [
          {
            reason: {
              text: 'Objects outside the app’s schemas depend on its tables: {{objects}}.',
              params: { objects: someOf(dependents) },
            },
            remedy: { text: 'Drop them before the restore and create them again afterwards.' },
          },
        ];
  return strategy === 'schema' ? outside : [...outside, ...(await moveBlockers(client, backup, situation, schemas))];
}

/** The app's objects leave the schema, and those of others stay in it. */
async function moveBlockers(
  client: Client,
  backup: ManifestDatabase,
  { database, role, schemas: here }: LiveSituation,
  schemas: string[],
): Promise<Blocker[]> {
  const blockers: Blocker[] = here
    .filter(({ open }) => !open)
    .map(({ name, owner }) => ({
      reason: {
        text: 'The schema {{schema}} belongs to the role {{owner}}, and the app’s role lacks the privilege to create objects in it.',
        params: { schema: name, owner },
      },
      remedy: bySuperuser(database, `GRANT CREATE, USAGE ON SCHEMA ${quoteName(name)} TO ${quoteName(role)}`),
    }));
  const tables = new Set(backup.tables.map(({ name }) => name));
  for (const schema of schemas) {
    const using = await rows<{ name: string }>(client, foreignObjectsUsingOurs(schema));
    if (using.length > 0) {
      blockers.push({
        reason: {
          text: 'Objects of other roles in the schema {{schema}} depend on the app’s tables: {{objects}}.',
          params: { schema, objects: someOf(using.map(({ name }) => name)) },
        },
        remedy: { text: 'Drop them before the restore and create them again afterwards.' },
      });
    }
    const others = await rows<{ table: string; owner: string }>(
      client,
      `SELECT relname AS table, pg_get_userbyid(relowner) AS owner FROM pg_class c JOIN (${foreignObjectsIn(schema)}) o
           ON o.classid = 'pg_class'::regclass AND o.objid = c.oid WHERE relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1`,
    );
    for (const { table, owner } of others.filter((other) => tables.has(tableName(schema, other.table)))) {
      const statement = `ALTER TABLE ${quoteName(schema)}.${quoteName(table)} OWNER TO ${quoteName(role)}`;
      blockers.push({
        reason: {
          text: 'The table {{table}} of the backup belongs to the role {{owner}} here, and the app’s role cannot replace it.',
          params: { table: tableName(schema, table), owner },
        },
        remedy: bySuperuser(database, statement),
      });
    }
  }
  return blockers;
}

function someOf(names: string[]): string {
  return [...names.slice(0, MAX_NAMED), ...(names.length > MAX_NAMED ? ['…'] : [])].join(', ');
}

function bySuperuser(database: string, statement: string): Message {
  return {
    text: 'Have a superuser run this in the database {{database}}: {{statement}}',
    params: { database, statement },
  };
}

/** Everything one transaction creates stays locked until its end, and the server has room for a limited number of locks. */
async function lockBlockers(client: Client, backup: ManifestDatabase): Promise<Blocker[]> {
  const { needed, room, setting } = await locksFor(client, backup.tables.length);
  if (needed <= room) return [];
  const wanted = Math.ceil((setting * needed) / room / 64) * 64;
  return [
    {
      reason: {
        text: 'The backup contains {{tables}} tables, more than the database server can load in one transaction.',
        params: { tables: backup.tables.length },
      },
      remedy: {
        text: 'Have a superuser run this, then restart the database server: {{statement}}',
        params: { statement: `ALTER SYSTEM SET max_locks_per_transaction = ${wanted}` },
      },
    },
  ];
}
