/** Chooses the strategy of a restore and reports obstacles. Changes nothing. */
import type { DatabaseExtension, ManifestDatabase } from '../../../shared/manifest';
import type { Message } from '../../../shared/runs';
import type { DatabaseConnection, DatabasePlan, DatabasePlanning } from '../driver';
import { type Client, connectRaw, quoteName, sqlState, withClient } from './connection';
import { type Available, availableExtensions, unionOf } from './extensions';
import { connectMaintenance } from './maintenance';
import { requireTools } from './tools';
import { ERRORS, messageOf, SafekeepError } from '../../errors';
import { majorOf } from '../tools';
import {
  databaseObstacles,
  liveSituation,
  type LiveSituation,
  missingRoles,
  ownTables,
  sessionObstacles,
} from './situation';
import { foreignKeysOut, schemasUsed } from './dependents';
import { switchoverBlockers, isRenamable, loadBlockers } from './schema-blockers';
import { slotName } from './slots';
import { allExtensions } from './sql';

type Blocker = DatabasePlanning['blockers'][number];

export interface PlanRequest {
  id: string;
  backup: ManifestDatabase;
  /** The app's schemas, its own first. */
  schemas: string[];
  /** 'verify' has no switchover: obstacles to one do not count. */
  purpose: 'restore' | 'verify';
}

export async function planPostgres(connection: DatabaseConnection, request: PlanRequest): Promise<DatabasePlanning> {
  return withClient(connection, {}, async (client) => {
    const { backup, schemas, purpose } = request;
    const situation = await liveSituation(client, schemas);
    const available = await availableExtensions(client);
    const blockers = [
      ...(await toolBlockers(backup)),
      ...(purpose === 'restore' ? await sessionObstacles(client) : []),
      ...extensionBlockers(backup, situation, available),
    ];
    const strategy = (await databaseFits(connection, client, request, situation, available))
      ? 'database'
      : isRenamable(situation, schemas)
        ? 'schema'
        : 'objects';
    const warnings = purpose === 'restore' ? await roleWarnings(client, backup) : [];
    if (strategy !== 'database') {
      blockers.push(...(await loadBlockers(client, backup, situation, schemas)));
      if (purpose === 'restore') {
        blockers.push(...(await switchoverBlockers(client, backup, situation, schemas, strategy)));
        warnings.push(...(await foreignKeyWarnings(client, schemas)));
      }
    }
    const names = {
      ...slotNames(request.id, situation.database, schemas),
      home: situation.databaseOid,
      witnesses: await witnesses(client, strategy, situation, schemas),
      ...(purpose === 'verify' ? { purpose } : {}),
    };
    const plan: DatabasePlan = { dialect: 'postgres', strategy, id: request.id, names };
    return { plan: blockers.length > 0 ? null : plan, blockers, warnings, ...descriptionOf(strategy, purpose) };
  });
}

type Strategy = 'database' | 'schema' | 'objects';

/** What is live when the plan is made, so that it can be recognized later without an inactive slot. */
async function witnesses(
  client: Client,
  strategy: Strategy,
  situation: LiveSituation,
  schemas: string[],
): Promise<string> {
  if (strategy === 'database') return situation.databaseOid;
  const oids = strategy === 'schema' ? situation.schemas.map(({ oid }) => oid) : await ownTables(client, schemas);
  return oids.join(' ');
}

function descriptionOf(strategy: Strategy, purpose: PlanRequest['purpose']): { summary: Message; downtime: Message } {
  if (purpose === 'verify') {
    const summary: Message =
      strategy === 'database'
        ? { text: 'The backup is loaded into a staging database, checked, and dropped again.' }
        : { text: 'The backup is loaded in one transaction, checked, and rolled back.' };
    return { summary, downtime: { text: 'The app stays available.' } };
  }
  switch (strategy) {
    case 'database':
      return {
        summary: {
          text: 'The backup is loaded into a staging database. The switchover renames both databases in one step and can be undone.',
        },
        downtime: RELOAD,
      };
    case 'schema':
      return {
        summary: {
          text: 'The backup is loaded in one open transaction. The switchover commits it and can be undone.',
        },
        downtime: RELOAD,
      };
    case 'objects':
      return {
        summary: {
          text: 'The backup is loaded into a staging schema in one open transaction. The switchover moves the tables of both schemas, commits, and can be undone.',
        },
        downtime: {
          text: 'The app is unavailable while its tables are moved and it reloads, usually a few seconds. The time depends on the number of tables, not on the size of the data.',
        },
      };
  }
}

const RELOAD: Message = {
  text: 'The app is unavailable while it reloads, usually a few seconds, whatever the size of the data.',
};

function slotNames(id: string, database: string, schemas: string[]): Record<string, string> {
  const names: Record<string, string> = {
    live: database,
    inactive: slotName(database, `__safekeep_${id}`),
    between: slotName(database, `__safekeep_${id}_x`),
  };
  schemas.forEach((schema, i) => {
    names[`schema${i}`] = schema;
    names[`aside${i}`] = slotName(schema, `__safekeep_${id}${i === 0 ? '' : `_${i}`}`);
  });
  return names;
}

/** Objects that a dump of schemas can depend on and a new database lacks. */
const NEEDED_BY_DUMPS = ['foreign servers', 'foreign data wrappers', 'casts', 'languages'];

/** An inactive database replaces the live one as a whole: it must be able to contain all that the live one contains. */
async function databaseFits(
  connection: DatabaseConnection,
  client: Client,
  { id, backup, schemas, purpose }: PlanRequest,
  situation: LiveSituation,
  available: Available,
): Promise<boolean> {
  const obstacles = await databaseObstacles(client);
  const creatable = (extensions: DatabaseExtension[]) =>
    extensions.every(({ name }) => mayCreate(name, situation, available));
  if (purpose === 'restore') {
    if (!situation.mayRenameDatabase || situation.otherSchemas.length > 0 || obstacles.length > 0) return false;
    // Previous data in this database would become inactive with it: undo would not reach it, and it would be dropped in the end.
    if (situation.slots.length > 0) return false;
    if (!creatable(unionOf(backup.extensions, await allExtensions(client)))) return false;
  } else {
    if (!situation.mayCreateDatabases || obstacles.some((kind) => NEEDED_BY_DUMPS.includes(kind))) return false;
    if (!creatable(backup.extensions) || (await schemasUsed(client, schemas)).length > 0) return false;
  }
  const { live = '', inactive = '' } = slotNames(id, situation.database, schemas);
  try {
    await (await connectMaintenance(connection, [live, inactive])).end();
  } catch {
    return false; // No other database accepts this role; the other strategies need none.
  }
  return wouldLetIn(connection, inactive);
}

/** pg_hba.conf or a pooler can restrict the role to some databases; the server checks that before it looks for the name. */
async function wouldLetIn(connection: DatabaseConnection, database: string): Promise<boolean> {
  try {
    await (await connectRaw(connection, { database })).end();
    return false; // A database of this name exists; it is not Safekeep's.
  } catch (error) {
    const INVALID_CATALOG_NAME = '3D000';
    return sqlState(error) === INVALID_CATALOG_NAME;
  }
}

/** A dump requires tools of the release that made it or a newer one, whatever the server's version. */
async function toolBlockers(backup: ManifestDatabase): Promise<Blocker[]> {
  try {
    await requireTools(majorOf(backup.tool.version));
    return [];
  } catch (error) {
    if (!(error instanceof SafekeepError)) throw error;
    return [{ reason: messageOf(error), remedy: { text: ERRORS[error.code].hint, params: error.params } }];
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
              text: 'Install it on the database server (often with the package postgresql-contrib or one of its own), then try again.',
            },
          },
        ];
      }
      if (mayCreate(name, situation, available)) return [];
      const statement = `CREATE EXTENSION ${quoteName(name)}`;
      return [
        {
          reason: {
            text: 'The app’s database role lacks the privilege to create the extension {{extension}}.',
            params: { extension: name },
          },
          remedy: {
            text: 'Have a superuser run this in the database {{database}}: {{statement}}',
            params: { database: situation.database, statement },
          },
        },
      ];
    });
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
        text: 'Objects of these roles will belong to the app’s role; their privileges and policies are skipped. To keep them, create the roles first: {{statements}}',
        params: { statements },
      },
    },
  ];
}

/** Previous data still references tables of other apps and blocks the deletion of the referenced rows. */
async function foreignKeyWarnings(client: Client, schemas: string[]): Promise<DatabasePlanning['warnings']> {
  const found = await foreignKeysOut(client, schemas);
  if (found.length === 0) return [];
  const tables = [...new Set(found.map(({ table }) => table))].join(', ');
  return [
    {
      code: 'foreignKeys',
      backup: '–',
      current: found.map(({ name }) => name).join(', '),
      remedy: {
        text: 'While the previous data is kept for an undo, rows of {{tables}} that it references cannot be deleted.',
        params: { tables },
      },
    },
  ];
}
