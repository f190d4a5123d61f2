/** Catalog queries shared by several parts of the PostgreSQL driver. All of them work on PostgreSQL 12 to 18. */
import type { DatabaseExtension } from '../../../shared/manifest';
import { type Client, rows } from './connection';

/** Objects of an extension are dumped and restored by naming the extension, never one by one. */
export const notOfExtension = (catalog: string, oid: string) =>
  `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`;

/** server_version_num, 150018 for 15.18. */
export async function serverVersionNumber(client: Client): Promise<number> {
  const [row] = await rows<{ number: number }>(client, `SELECT current_setting('server_version_num')::int AS number`);
  return row?.number ?? 0;
}

/** '15.18' for 150018. */
export function dottedVersion(versionNumber: number): string {
  return `${Math.floor(versionNumber / 10_000)}.${versionNumber % 10_000}`;
}

export interface GeneralFacts {
  versionNumber: number;
  encoding: string;
  collation: string;
  timeZone: string;
}

export async function generalFacts(client: Client): Promise<GeneralFacts> {
  const [row] = await rows<GeneralFacts>(
    client,
    `SELECT current_setting('server_version_num')::int AS "versionNumber", pg_encoding_to_char(encoding) AS encoding,
            datcollate AS collation, current_setting('TimeZone') AS "timeZone"
       FROM pg_database WHERE datname = current_database()`,
  );
  if (!row) throw new Error('pg_database does not list the current database');
  return row;
}

/** Bytes of the schemas' tables with their TOAST parts, without indexes. */
export async function dataBytes(client: Client, schemas: string[]): Promise<number> {
  const [row] = await rows<{ bytes: string }>(
    client,
    `SELECT coalesce(sum(pg_table_size(c.oid)), 0)::text AS bytes
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'm') AND ${notOfExtension('pg_class', 'c.oid')}`,
    [schemas],
  );
  return Number(row?.bytes ?? 0);
}

/**
 * Extensions for server administration: no app's data or code depends on them, and few roles can create them. They count only when
 * something in the app's schemas depends on one.
 */
const OPERATIONS_EXTENSIONS = [
  ...['adminpack', 'amcheck', 'auth_delay', 'hypopg', 'old_snapshot', 'pageinspect', 'pg_buffercache', 'pg_cron'],
  ...['pg_freespacemap', 'pg_hint_plan', 'pg_partman_bgw', 'pg_prewarm', 'pg_qualstats', 'pg_repack', 'pg_squeeze'],
  ...['pg_stat_kcache', 'pg_stat_monitor', 'pg_stat_statements', 'pg_surgery', 'pg_visibility', 'pg_wait_sampling'],
  ...['pg_walinspect', 'pgaudit', 'pgrowlocks', 'pgstattuple', 'system_stats'],
];

/** The extensions that a dump of these schemas needs, in the order of creation: each after those it needs. Every database has plpgsql. */
export async function neededExtensions(client: Client, schemas: string[]): Promise<DatabaseExtension[]> {
  return rows(
    client,
    `WITH ours AS (
       SELECT 'pg_class'::regclass::oid AS class, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = ANY($1)
       UNION ALL SELECT 'pg_proc'::regclass, p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = ANY($1)
       UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE nspname = ANY($1)
       UNION ALL SELECT 'pg_trigger'::regclass, g.oid FROM pg_trigger g JOIN pg_class c ON c.oid = tgrelid
                   JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = ANY($1)
     ), used AS (
       SELECT DISTINCT m.refobjid AS oid
         FROM pg_depend m JOIN pg_depend d ON d.refclassid = m.classid AND d.refobjid = m.objid
         JOIN ours o ON o.class = d.classid AND o.oid = d.objid
        WHERE m.deptype = 'e' AND m.refclassid = 'pg_extension'::regclass
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
     )
     SELECT extname AS name, extversion AS version, nspname AS schema
       FROM pg_extension x JOIN pg_namespace n ON n.oid = extnamespace
      WHERE extname <> 'plpgsql' AND (extname <> ALL($2) OR x.oid IN (SELECT oid FROM used)) ORDER BY x.oid`,
    [schemas, OPERATIONS_EXTENSIONS],
  );
}

/** Every extension of the database but plpgsql, in the order of creation. */
export async function allExtensions(client: Client): Promise<DatabaseExtension[]> {
  return rows(
    client,
    `SELECT extname AS name, extversion AS version, nspname AS schema
       FROM pg_extension x JOIN pg_namespace n ON n.oid = extnamespace WHERE extname <> 'plpgsql' ORDER BY x.oid`,
  );
}

/**
 * Roles other than the connecting one that own objects in these schemas, have grants or a policy there. Owners of the schemas
 * themselves do not count: a restore keeps the owner of a schema.
 */
export async function rolesOf(client: Client, schemas: string[]): Promise<string[]> {
  const found = await rows<{ name: string }>(
    client,
    `WITH ours AS (SELECT oid, nspacl, nspowner FROM pg_namespace WHERE nspname = ANY($1)),
     things AS (
       SELECT relowner AS owner, relacl AS acl FROM pg_class c
        WHERE relnamespace IN (SELECT oid FROM ours) AND ${notOfExtension('pg_class', 'c.oid')}
       UNION ALL SELECT proowner, proacl FROM pg_proc p
        WHERE pronamespace IN (SELECT oid FROM ours) AND ${notOfExtension('pg_proc', 'p.oid')}
       UNION ALL SELECT typowner, typacl FROM pg_type t
        WHERE typnamespace IN (SELECT oid FROM ours) AND ${notOfExtension('pg_type', 't.oid')}
     ), named AS (
       SELECT owner AS role FROM things
       UNION SELECT a.grantee FROM things, aclexplode(acl) a
       UNION SELECT a.grantee FROM pg_attribute t JOIN pg_class c ON c.oid = attrelid, aclexplode(attacl) a
              WHERE relnamespace IN (SELECT oid FROM ours) AND ${notOfExtension('pg_class', 'c.oid')}
       UNION SELECT a.grantee FROM ours, aclexplode(nspacl) a WHERE a.grantee <> nspowner
       UNION SELECT unnest(polroles) FROM pg_policy p JOIN pg_class c ON c.oid = polrelid
              WHERE relnamespace IN (SELECT oid FROM ours) AND ${notOfExtension('pg_class', 'c.oid')}
       UNION SELECT defaclrole FROM pg_default_acl WHERE defaclnamespace IN (SELECT oid FROM ours)
       UNION SELECT a.grantee FROM pg_default_acl, aclexplode(defaclacl) a WHERE defaclnamespace IN (SELECT oid FROM ours)
     )
     SELECT rolname AS name FROM pg_roles JOIN named ON role = oid WHERE rolname <> current_user ORDER BY 1`,
    [schemas],
  );
  return found.map(({ name }) => name);
}

export interface DumpedTable {
  schema: string;
  name: string;
  excluded: boolean;
  /** Bytes of its rows: an estimate of their size in the dump. */
  bytes: number;
}

/**
 * The tables that have rows: ordinary ones, and of partitioned ones the leaves. `excludeRowsOf` names tables as schema.table; a
 * partitioned table stands for all its leaves.
 */
export async function tablesWithRows(
  client: Client,
  schemas: string[],
  excludeRowsOf: string[],
): Promise<DumpedTable[]> {
  const found = await rows<Omit<DumpedTable, 'bytes'> & { bytes: string }>(
    client,
    `WITH RECURSIVE excluded AS (
       SELECT c.oid, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND n.nspname || '.' || c.relname = ANY($2)
       UNION SELECT c.oid, c.relkind FROM excluded p JOIN pg_inherits i ON i.inhparent = p.oid AND p.relkind = 'p'
             JOIN pg_class c ON c.oid = i.inhrelid
     )
     SELECT n.nspname AS schema, c.relname AS name, c.oid IN (SELECT oid FROM excluded) AS excluded,
            coalesce(pg_table_size(c.oid), 0)::text AS bytes
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = ANY($1) AND c.relkind = 'r' AND c.relpersistence <> 't'
        AND ${notOfExtension('pg_class', 'c.oid')} ORDER BY 1, 2`,
    [schemas, excludeRowsOf],
  );
  return found.map((table) => ({ ...table, bytes: Number(table.bytes) }));
}

export async function largeObjectCount(client: Client): Promise<number> {
  const [row] = await rows<{ count: number }>(client, 'SELECT count(*)::int AS count FROM pg_largeobject_metadata');
  return row?.count ?? 0;
}
