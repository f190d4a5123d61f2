/** Objects outside the app's schemas that depend on objects inside: a switchover would leave them on the old data. */
import { type Client, quoteText, rows } from './connection';

/** Objects with their schema; parts of a table or view (rules, triggers, defaults, policies) have that of the table or view. */
const PLACES = `
  SELECT 'pg_class'::regclass::oid AS class, oid, relnamespace AS place FROM pg_class
  UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace FROM pg_proc
  UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace FROM pg_type
  UNION ALL SELECT 'pg_operator'::regclass, oid, oprnamespace FROM pg_operator
  UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace FROM pg_collation
  UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgnamespace FROM pg_ts_config
  UNION ALL SELECT 'pg_constraint'::regclass, oid, connamespace FROM pg_constraint
  UNION ALL SELECT 'pg_rewrite'::regclass, r.oid, relnamespace FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class
  UNION ALL SELECT 'pg_trigger'::regclass, g.oid, relnamespace FROM pg_trigger g JOIN pg_class c ON c.oid = tgrelid
  UNION ALL SELECT 'pg_attrdef'::regclass, a.oid, relnamespace FROM pg_attrdef a JOIN pg_class c ON c.oid = adrelid
  UNION ALL SELECT 'pg_policy'::regclass, p.oid, relnamespace FROM pg_policy p JOIN pg_class c ON c.oid = polrelid
  UNION ALL SELECT 'pg_event_trigger'::regclass, oid, 0 FROM pg_event_trigger
  UNION ALL SELECT 'pg_publication_rel'::regclass, oid, 0 FROM pg_publication_rel
  UNION ALL SELECT 'pg_cast'::regclass, oid, 0 FROM pg_cast
  UNION ALL SELECT 'pg_transform'::regclass, oid, 0 FROM pg_transform`;

/** In the server's words, 'view reports.users_per_day'; members of extensions are not listed. */
export const dependentsSql = (schemas: readonly string[]) => `
  WITH places AS MATERIALIZED (${PLACES}), ours AS (SELECT oid FROM pg_namespace WHERE nspname IN (${schemas.map((schema) => quoteText(schema)).join(', ')}))
  SELECT DISTINCT CASE d.classid
           WHEN 'pg_rewrite'::regclass THEN (SELECT pg_describe_object('pg_class'::regclass, ev_class, 0) FROM pg_rewrite WHERE oid = d.objid)
           WHEN 'pg_attrdef'::regclass THEN (SELECT pg_describe_object('pg_class'::regclass, adrelid, adnum) FROM pg_attrdef WHERE oid = d.objid)
           ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS name
    FROM pg_depend d
    JOIN places used ON used.class = d.refclassid AND used.oid = d.refobjid
    JOIN places user_ ON user_.class = d.classid AND user_.oid = d.objid
   WHERE used.place IN (SELECT oid FROM ours) AND user_.place NOT IN (SELECT oid FROM ours)
     AND d.deptype IN ('n', 'a') AND user_.place NOT IN (SELECT oid FROM pg_namespace WHERE nspname = 'pg_toast')
     AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
     AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e')
   ORDER BY 1`;

export async function foreignDependents(client: Client, schemas: string[]): Promise<string[]> {
  return (await rows<{ name: string }>(client, dependentsSql(schemas))).map(({ name }) => name);
}

/** Foreign keys from the app's tables to others: 'orders.customer (sibling.customers)'. */
export async function foreignKeysOut(client: Client, schemas: string[]): Promise<{ name: string; table: string }[]> {
  return rows(
    client,
    `SELECT c.relname || '.' || k.conname AS name, m.nspname || '.' || r.relname AS table
       FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace m ON m.oid = r.relnamespace
      WHERE k.contype = 'f' AND n.nspname = ANY($1) AND m.nspname <> ALL($1) ORDER BY 1`,
    [schemas],
  );
}

/** Other schemas that the app's objects depend on: a database with only the app's schemas would not work. */
export async function schemasUsed(client: Client, schemas: string[]): Promise<string[]> {
  const found = await rows<{ name: string }>(
    client,
    `WITH places AS MATERIALIZED (${PLACES}), ours AS (SELECT oid FROM pg_namespace WHERE nspname = ANY($1))
     SELECT DISTINCT n.nspname AS name FROM pg_depend d
       JOIN places used ON used.class = d.refclassid AND used.oid = d.refobjid
       JOIN places user_ ON user_.class = d.classid AND user_.oid = d.objid
       JOIN pg_namespace n ON n.oid = used.place
      WHERE user_.place IN (SELECT oid FROM ours) AND used.place NOT IN (SELECT oid FROM ours) AND d.deptype IN ('n', 'a')
        AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e')
        AND NOT EXISTS (SELECT FROM pg_constraint k WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid AND k.contype = 'f')`,
    [schemas],
  );
  return found.map(({ name }) => name);
}
