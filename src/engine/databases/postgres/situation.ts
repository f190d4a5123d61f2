/** Facts for a plan about the live database and the privileges of the app's role in it. */
import type { DatabasePlanning } from '../driver';
import { type Client, quoteName, rows } from './connection';
import { isMark } from './slots';
import { notOfExtension } from './sql';

type Blocker = DatabasePlanning['blockers'][number];

export interface LiveSituation {
  database: string;
  role: string;
  isSuperuser: boolean;
  databaseOid: string;
  mayCreateDatabases: boolean;
  mayRenameDatabase: boolean;
  mayCreateSchemas: boolean;
  /** The app's schemas that exist; `mine`: the role can rename and recreate them with the same owner; `open`: it can create objects in them. */
  schemas: { name: string; oid: string; owner: string; mine: boolean; open: boolean }[];
  /** Schemas with objects that come neither from the app nor from an extension; empty ones count, an empty public does not. */
  otherSchemas: string[];
  /** Schemas that contain the inactive slots of restores. */
  slots: string[];
  extensions: { name: string; schema: string; relocatable: boolean; mayMove: boolean }[];
}

export async function liveSituation(client: Client, schemas: string[]): Promise<LiveSituation> {
  const [role] = await rows<Omit<LiveSituation, 'schemas' | 'otherSchemas' | 'slots' | 'extensions'>>(
    client,
    `SELECT d.datname AS database, d.oid::text AS "databaseOid", r.rolname AS role, r.rolsuper AS "isSuperuser",
            r.rolsuper OR r.rolcreatedb AS "mayCreateDatabases",
            NOT d.datistemplate AND (r.rolsuper OR (r.rolcreatedb AND pg_has_role(d.datdba, 'MEMBER'))) AS "mayRenameDatabase",
            has_database_privilege(d.oid, 'CREATE') AS "mayCreateSchemas"
       FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = current_user`,
  );
  if (!role) throw new Error('pg_roles does not list the current user');
  return {
    ...role,
    schemas: await rows(
      client,
      `SELECT nspname AS name, n.oid::text AS oid, rolname AS owner, pg_has_role(nspowner, 'MEMBER') AS mine,
              has_schema_privilege(n.oid, 'CREATE') AND has_schema_privilege(n.oid, 'USAGE') AS open
         FROM pg_namespace n JOIN pg_roles r ON r.oid = nspowner WHERE nspname = ANY($1)`,
      [schemas],
    ),
    ...(await otherSchemas(client, schemas)),
    extensions: await extensionsHere(client),
  };
}

async function otherSchemas(client: Client, schemas: string[]): Promise<Pick<LiveSituation, 'otherSchemas' | 'slots'>> {
  const found = await rows<{ name: string; comment: string | null }>(
    client,
    `WITH content AS (
       SELECT d.refobjid AS schema, e.objid IS NOT NULL AS of_extension
         FROM pg_depend d LEFT JOIN pg_depend e ON e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e'
        WHERE d.refclassid = 'pg_namespace'::regclass AND d.deptype = 'n' AND d.classid <> 'pg_extension'::regclass
     )
     SELECT n.nspname AS name, obj_description(n.oid, 'pg_namespace') AS comment FROM pg_namespace n
      WHERE n.nspname <> ALL($1) AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
        AND ${notOfExtension('pg_namespace', 'n.oid')}
        AND (EXISTS (SELECT FROM content c WHERE c.schema = n.oid AND NOT c.of_extension)
             OR (n.nspname <> 'public' AND NOT EXISTS (SELECT FROM content c WHERE c.schema = n.oid)))
      ORDER BY 1`,
    [schemas],
  );
  const namesWhere = (isSlot: boolean) =>
    found.filter(({ comment }) => isMark(comment) === isSlot).map(({ name }) => name);
  return { otherSchemas: namesWhere(false), slots: namesWhere(true) };
}

/** Some of the role's own tables in these schemas: as long as one of them is there, the live data is that of now. */
export async function ownTables(client: Client, schemas: string[]): Promise<string[]> {
  const found = await rows<{ oid: string }>(
    client,
    `SELECT c.oid::text AS oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
      WHERE nspname = ANY($1) AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE') ORDER BY c.oid LIMIT 20`,
    [schemas],
  );
  return found.map(({ oid }) => oid);
}

/** Moving an extension requires owning it and each of its objects; those of a trusted one belong to the first superuser. */
function extensionsHere(client: Client): Promise<LiveSituation['extensions']> {
  return rows(
    client,
    `SELECT x.extname AS name, n.nspname AS schema, x.extrelocatable AS relocatable,
            pg_has_role(x.extowner, 'MEMBER') AND NOT EXISTS (
              SELECT FROM pg_depend d
                LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
                LEFT JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
                LEFT JOIN pg_operator o ON d.classid = 'pg_operator'::regclass AND o.oid = d.objid
                LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
               WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = x.oid AND d.deptype = 'e'
                 AND NOT pg_has_role(coalesce(p.proowner, t.typowner, o.oprowner, c.relowner, x.extowner), 'MEMBER')
            ) AS "mayMove"
       FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace WHERE x.extname <> 'plpgsql' ORDER BY x.oid`,
  );
}

/** Things bound to the live data that a switchover would silently disconnect. */
export async function sessionObstacles(client: Client): Promise<Blocker[]> {
  const blockers: Blocker[] = [];
  const prepared = await rows<{ name: string }>(
    client,
    'SELECT gid AS name FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1',
  );
  for (const { name } of prepared) {
    blockers.push({
      reason: { text: 'The database contains the prepared transaction {{name}}.', params: { name } },
      remedy: { text: 'Finish it with COMMIT PREPARED or ROLLBACK PREPARED.' },
    });
  }
  const replicationSlots = await rows<{ name: string }>(
    client,
    'SELECT slot_name AS name FROM pg_replication_slots WHERE database = current_database() ORDER BY 1',
  );
  for (const { name } of replicationSlots) {
    const statement = `SELECT pg_drop_replication_slot('${name}')`;
    blockers.push({
      reason: { text: 'The replication slot {{name}} reads from this database.', params: { name } },
      remedy: {
        text: 'Its consumer would miss the restore. Drop the slot before the restore and set up replication again afterwards: {{statement}}',
        params: { statement },
      },
    });
  }
  const subscriptions = await rows<{ name: string }>(
    client,
    `SELECT subname AS name FROM pg_subscription
      WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1`,
  );
  for (const { name } of subscriptions) {
    blockers.push({
      reason: { text: 'The subscription {{name}} writes to this database.', params: { name } },
      remedy: {
        text: 'Drop it before the restore and create it again afterwards: {{statement}}',
        params: { statement: `DROP SUBSCRIPTION ${quoteName(name)}` },
      },
    });
  }
  return blockers;
}

/** Kinds of objects that belong to the database and to no schema: dumps of schemas do not contain them, so a new database would lack them. */
export async function databaseObstacles(client: Client): Promise<string[]> {
  const found = await rows<{ kind: string }>(
    client,
    `SELECT kind FROM (
       SELECT 'large objects' AS kind, EXISTS (SELECT FROM pg_largeobject_metadata) AS there
       UNION ALL SELECT 'event triggers', EXISTS (SELECT FROM pg_event_trigger t WHERE ${notOfExtension('pg_event_trigger', 't.oid')})
       UNION ALL SELECT 'publications', EXISTS (SELECT FROM pg_publication)
       UNION ALL SELECT 'foreign servers', EXISTS (SELECT FROM pg_foreign_server t WHERE ${notOfExtension('pg_foreign_server', 't.oid')})
       UNION ALL SELECT 'foreign data wrappers', EXISTS (SELECT FROM pg_foreign_data_wrapper t WHERE ${notOfExtension('pg_foreign_data_wrapper', 't.oid')})
       UNION ALL SELECT 'casts', EXISTS (SELECT FROM pg_cast t WHERE t.oid >= 16384 AND ${notOfExtension('pg_cast', 't.oid')})
       UNION ALL SELECT 'languages', EXISTS (SELECT FROM pg_language t WHERE t.oid >= 16384 AND ${notOfExtension('pg_language', 't.oid')})
       UNION ALL SELECT 'default privileges', EXISTS (SELECT FROM pg_default_acl WHERE defaclnamespace = 0)
     ) kinds WHERE there`,
  );
  return found.map(({ kind }) => kind);
}

export async function missingRoles(client: Client, roles: string[]): Promise<string[]> {
  const found = await rows<{ name: string }>(
    client,
    `SELECT wanted AS name FROM unnest($1::text[]) wanted WHERE wanted NOT IN (SELECT rolname FROM pg_roles)`,
    [roles],
  );
  return found.map(({ name }) => name);
}

/** Relations that come with a table: itself, its key's index, its sequence, its TOAST table and that one's index, one more. */
const LOCKS_PER_TABLE = 6;

/** @see https://www.postgresql.org/docs/current/runtime-config-locks.html */
export async function locksFor(
  client: Client,
  tables: number,
): Promise<{ needed: number; room: number; setting: number }> {
  const [row] = await rows<{ setting: number; room: number }>(
    client,
    `SELECT s AS setting, s * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int) AS room
       FROM (SELECT current_setting('max_locks_per_transaction')::int AS s) t`,
  );
  return { needed: tables * LOCKS_PER_TABLE, room: row?.room ?? 0, setting: row?.setting ?? 64 };
}
