/** Chooses how a restore goes about it, and says why when it can't. Changes nothing. */
import type { ManifestDatabase } from '../../../shared/manifest';
import type { Message } from '../../../shared/runs';
import type { DatabaseConnection, DatabasePlan, DatabasePlanning, DumpScope } from '../driver';
import { type Client, connectRaw, quoteName, sqlState, withClient } from './connection';
import { type Available, availableExtensions, unionOf } from './extensions';
import { connectMaintenance } from './maintenance';
import { requirePrograms } from './programs';
import { SafekeepError, ERRORS } from '../../errors';
import { majorOf } from '../tools';
import {
  databaseObstacles,
  liveSituation,
  type LiveSituation,
  locksFor,
  missingRoles,
  sessionObstacles,
} from './situation';
import { foreignDependents } from './dependents';
import { slotName } from './slots';
import { allExtensions } from './sql';

type Blocker = DatabasePlanning['blockers'][number];

const MAX_NAMED = 5;

export async function planPostgres(
  connection: DatabaseConnection,
  id: string,
  backup: ManifestDatabase,
  scope: DumpScope,
): Promise<DatabasePlanning> {
  return withClient(connection, {}, async (client) => {
    const situation = await liveSituation(client, scope.schemas);
    const available = await availableExtensions(client);
    const always = [
      ...(await toolBlockers(backup)),
      ...(await sessionObstacles(client)),
      ...extensionBlockers(backup, situation, available),
    ];
    const warnings = await roleWarnings(client, backup);
    const names = slotNames(id, situation.database, scope.schemas);
    if (await databaseFits(connection, client, backup, situation, available, names)) {
      const plan: DatabasePlan = { dialect: 'postgres', strategy: 'database', id, names };
      return {
        plan: always.length > 0 ? null : plan,
        blockers: always,
        warnings,
        summary: SUMMARIES.database,
        downtime: DOWNTIME,
      };
    }
    const blockers = [...always, ...(await schemaBlockers(client, backup, situation, scope.schemas))];
    const plan: DatabasePlan = { dialect: 'postgres', strategy: 'schema', id, names };
    return {
      plan: blockers.length > 0 ? null : plan,
      blockers,
      warnings,
      summary: SUMMARIES.schema,
      downtime: DOWNTIME,
    };
  });
}

const DOWNTIME: Message = {
  text: 'The app is away while it loads again, usually a few seconds, however large the data is.',
};

const SUMMARIES: Record<'database' | 'schema', Message> = {
  database: {
    text: 'The backup is loaded into a new database beside the live one. The switch renames both within a moment, and it can be undone.',
  },
  schema: {
    text: 'The backup is loaded beside the live data within one open transaction. The switch is its commit, and it can be undone.',
  },
};

function slotNames(id: string, database: string, schemas: string[]): Record<string, string> {
  const names: Record<string, string> = {
    live: database,
    aside: slotName(database, `__safekeep_${id}`),
    between: slotName(database, `__safekeep_${id}_x`),
  };
  schemas.forEach((schema, i) => {
    names[`schema${i}`] = schema;
    names[`aside${i}`] = slotName(schema, `__safekeep_${id}${i === 0 ? '' : `_${i}`}`);
  });
  return names;
}

/** A database aside takes over from the live one as a whole: it must be able to hold all that the live one holds. */
async function databaseFits(
  connection: DatabaseConnection,
  client: Client,
  backup: ManifestDatabase,
  situation: LiveSituation,
  available: Available,
  names: Record<string, string>,
): Promise<boolean> {
  if (!situation.mayRenameDatabase || situation.otherSchemas.length > 0) return false;
  const extensions = unionOf(backup.extensions, await allExtensions(client));
  if (!extensions.every(({ name }) => mayCreate(name, situation, available))) return false;
  if ((await databaseObstacles(client)).length > 0) return false;
  const [live = '', aside = ''] = [names.live, names.aside];
  try {
    await (await connectMaintenance(connection, [live, aside])).end();
  } catch {
    return false; // No other database lets this role in: the other strategy needs none.
  }
  return wouldLetIn(connection, aside);
}

/** pg_hba.conf or a pooler in between may let the role into some databases only; the server checks that before it looks for the name. */
async function wouldLetIn(connection: DatabaseConnection, database: string): Promise<boolean> {
  try {
    await (await connectRaw(connection, { database })).end();
    return false; // It is there already: not ours to fill.
  } catch (error) {
    const INVALID_CATALOG_NAME = '3D000';
    return sqlState(error) === INVALID_CATALOG_NAME;
  }
}

/** A dump is read by tools of the release that made it or a newer one, whatever the server's. */
async function toolBlockers(backup: ManifestDatabase): Promise<Blocker[]> {
  try {
    await requirePrograms(majorOf(backup.tool.version));
    return [];
  } catch (error) {
    if (!(error instanceof SafekeepError)) throw error;
    const { params } = error;
    return [
      { reason: { text: ERRORS[error.code].message, params }, remedy: { text: ERRORS[error.code].hint, params } },
    ];
  }
}

function mayCreate(extension: string, situation: LiveSituation, available: Available): boolean {
  const facts = available.get(extension);
  return facts !== undefined && (situation.isSuperuser || !facts.needsSuperuser);
}

function extensionBlockers(backup: ManifestDatabase, situation: LiveSituation, available: Available): Blocker[] {
  return backup.extensions
    .filter(({ name }) => !situation.extensions.some((present) => present.name === name))
    .flatMap(({ name }): Blocker[] => {
      if (!available.has(name)) {
        return [
          {
            reason: {
              text: 'The extension {{extension}} is not installed on the database server.',
              params: { extension: name },
            },
            remedy: {
              text: 'Install it there (often the package postgresql-contrib, or one of its own), then try again.',
            },
          },
        ];
      }
      if (mayCreate(name, situation, available)) return [];
      const statement = `CREATE EXTENSION ${quoteName(name)}`;
      return [
        {
          reason: {
            text: 'The app’s database role may not create the extension {{extension}}.',
            params: { extension: name },
          },
          remedy: {
            text: 'Let a superuser run this in the database {{database}}: {{statement}}',
            params: { database: situation.database, statement },
          },
        },
      ];
    });
}

/** What keeps the live schemas from being renamed and made anew. */
async function schemaBlockers(
  client: Client,
  backup: ManifestDatabase,
  situation: LiveSituation,
  schemas: string[],
): Promise<Blocker[]> {
  const { database, role } = situation;
  const run = (statement: string): Message => ({
    text: 'Let a superuser run this in the database {{database}}: {{statement}}',
    params: { database, statement },
  });
  const blockers: Blocker[] = [];
  for (const { name, owner, mine } of situation.schemas) {
    if (mine) continue;
    blockers.push({
      reason: { text: 'The schema {{schema}} belongs to the role {{owner}}.', params: { schema: name, owner } },
      remedy: run(`ALTER SCHEMA ${quoteName(name)} OWNER TO ${quoteName(role)}`),
    });
  }
  for (const schema of schemas.filter((wanted) => !situation.schemas.some(({ name }) => name === wanted))) {
    blockers.push({
      reason: { text: 'The schema {{schema}} does not exist.', params: { schema } },
      remedy: run(`CREATE SCHEMA ${quoteName(schema)} AUTHORIZATION ${quoteName(role)}`),
    });
  }
  if (!situation.mayCreateSchemas) {
    blockers.push({
      reason: { text: 'The app’s database role may not create schemas.' },
      remedy: run(`GRANT CREATE ON DATABASE ${quoteName(database)} TO ${quoteName(role)}`),
    });
  }
  blockers.push(...extensionsInTheWay(situation, schemas));
  const dependents = await foreignDependents(client, schemas);
  if (dependents.length > 0) {
    const named = [...dependents.slice(0, MAX_NAMED), ...(dependents.length > MAX_NAMED ? ['…'] : [])].join(', ');
    blockers.push({
      reason: {
        text: 'Objects outside of the app’s schemas depend on its tables: {{objects}}.',
        params: { objects: named },
      },
      remedy: { text: 'Drop them before the restore and create them again after it.' },
    });
  }
  blockers.push(...(await lockBlockers(client, backup)));
  return blockers;
}

/** Extensions live in a schema; the live ones must move to the new schema of the same name. */
function extensionsInTheWay({ extensions, isSuperuser, role }: LiveSituation, schemas: string[]): Blocker[] {
  return extensions
    .filter(({ schema }) => schemas.includes(schema))
    .filter(({ relocatable, mayMove }) => !relocatable || !(isSuperuser || mayMove))
    .map(({ name, schema }) => ({
      reason: {
        text: 'The extension {{extension}} lives in the schema {{schema}} and can not be moved by the app’s database role.',
        params: { extension: name, schema },
      },
      remedy: {
        text: 'Let the app’s role create databases, so that a database of its own can be staged: {{statement}}',
        params: { statement: `ALTER ROLE ${quoteName(role)} CREATEDB` },
      },
    }));
}

/** Everything one transaction makes stays locked until its end, and the server has room for so many locks only. */
async function lockBlockers(client: Client, backup: ManifestDatabase): Promise<Blocker[]> {
  const { needed, room, setting } = await locksFor(client, backup.tables.length);
  if (needed <= room) return [];
  const wanted = Math.ceil((setting * needed) / room / 64) * 64;
  return [
    {
      reason: {
        text: 'The backup holds {{tables}} tables, more than the database server can load in one transaction.',
        params: { tables: backup.tables.length },
      },
      remedy: {
        text: 'Let a superuser run this and restart the database server: {{statement}}',
        params: { statement: `ALTER SYSTEM SET max_locks_per_transaction = ${wanted}` },
      },
    },
  ];
}

async function roleWarnings(client: Client, backup: ManifestDatabase): Promise<DatabasePlanning['warnings']> {
  const missing = await missingRoles(client, backup.roles);
  if (missing.length === 0) return [];
  const statements = missing.map((role) => `CREATE ROLE ${quoteName(role)}`).join('; ');
  return [
    {
      code: 'roles',
      backup: backup.roles.join(', '),
      current: backup.roles.filter((role) => !missing.includes(role)).join(', ') || '–',
      remedy: {
        text: 'What these roles own goes to the app’s role and their rights are left out. To keep both, create them first: {{statements}}',
        params: { statements },
      },
    },
  ];
}
