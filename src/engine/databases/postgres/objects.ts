/** The objects of a schema, and how they move to another schema one by one. Everything here is SQL for other modules to run. */
import { quoteText } from './connection';
import { notOfExtension } from './sql';

/** Every object of the schema itself that no extension created; sequences of columns and parts of tables move along. */
const objectsIn = (schema: string) => `
  SELECT d.classid, d.objid, i.type, i.identity, t.typtype,
         coalesce(c.relowner, p.proowner, t.typowner, o.oprowner, b.opcowner, a.opfowner, l.collowner, v.conowner, f.cfgowner,
                  k.dictowner, s.stxowner) AS owner
    FROM pg_depend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) i
         LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
         LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
         LEFT JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
         LEFT JOIN pg_operator o ON d.classid = 'pg_operator'::regclass AND o.oid = d.objid
         LEFT JOIN pg_opclass b ON d.classid = 'pg_opclass'::regclass AND b.oid = d.objid
         LEFT JOIN pg_opfamily a ON d.classid = 'pg_opfamily'::regclass AND a.oid = d.objid
         LEFT JOIN pg_collation l ON d.classid = 'pg_collation'::regclass AND l.oid = d.objid
         LEFT JOIN pg_conversion v ON d.classid = 'pg_conversion'::regclass AND v.oid = d.objid
         LEFT JOIN pg_ts_config f ON d.classid = 'pg_ts_config'::regclass AND f.oid = d.objid
         LEFT JOIN pg_ts_dict k ON d.classid = 'pg_ts_dict'::regclass AND k.oid = d.objid
         LEFT JOIN pg_statistic_ext s ON d.classid = 'pg_statistic_ext'::regclass AND s.oid = d.objid
   WHERE d.refclassid = 'pg_namespace'::regclass AND d.deptype = 'n' AND d.classid <> 'pg_extension'::regclass
     AND d.refobjid = (SELECT oid FROM pg_namespace WHERE nspname = ${quoteText(schema)})
     AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
     AND NOT (coalesce(c.relkind = 'S', false) AND EXISTS (
           SELECT FROM pg_depend q WHERE q.classid = d.classid AND q.objid = d.objid AND q.refclassid = 'pg_class'::regclass
              AND q.deptype IN ('a', 'i')))`;

/** Those that the connecting role is allowed to move; an unknown owner counts as another role. */
const IS_MINE = `coalesce(pg_has_role(owner, 'USAGE'), false)`;

/** A statement, or a query whose results are statements. */
export type Step = string | { each: string };

/**
 * Moves what the connecting role owns. Routines and operators go first, while the types in their signatures are still in their old
 * schema; a multirange type goes last, because some releases move it with its range type.
 */
export function moveSteps(from: string, to: string): Step[] {
  const move = (which: string): Step => ({
    each: `SELECT format('ALTER %s %s SET SCHEMA %I',
             CASE WHEN classid = 'pg_proc'::regclass THEN 'ROUTINE' WHEN type = 'statistics object' THEN 'STATISTICS' ELSE upper(type) END,
             identity, ${quoteText(to)}::text)
        FROM (${objectsIn(from)}) o WHERE ${IS_MINE} AND ${which} ORDER BY objid`,
  });
  const named = `classid IN ('pg_proc'::regclass, 'pg_operator'::regclass)`;
  return [move(named), move(`typtype IS DISTINCT FROM 'm'`), move('true'), defaultPrivileges(from, to)];
}

/** Default privileges for future objects of the role in the schema: they are not part of any object. */
function defaultPrivileges(from: string, to: string): Step {
  const about = `CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' ELSE 'TYPES' END`;
  const grantee = `CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END`;
  const change = `'ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I '`;
  return {
    each: `SELECT format(${change} || 'GRANT %s ON %s TO %s%s', pg_get_userbyid(defaclrole), ${quoteText(to)}::text, a.privilege_type,
                         ${about}, ${grantee}, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END),
                  format(${change} || 'REVOKE ALL ON %s FROM %s', pg_get_userbyid(defaclrole), ${quoteText(from)}::text, ${about}, ${grantee})
             FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a
            WHERE n.nspname = ${quoteText(from)} AND pg_has_role(d.defaclrole, 'USAGE')`,
  };
}

/** Objects of other roles in the schema. */
export const foreignObjectsIn = (schema: string) =>
  `SELECT type || ' ' || identity AS name, identity, classid, objid FROM (${objectsIn(schema)}) o WHERE NOT ${IS_MINE}`;

/** Objects that stay in the schema and depend on objects of ours that leave it: they would keep using the old data. */
export const foreignObjectsUsingOurs = (schema: string) => `
  WITH ours AS (SELECT classid, objid FROM (${objectsIn(schema)}) o WHERE ${IS_MINE}),
       others AS (SELECT name, classid, objid FROM (${foreignObjectsIn(schema)}) o),
       parts AS (
         SELECT name, classid, objid FROM others
         UNION SELECT name, 'pg_rewrite'::regclass, r.oid FROM others JOIN pg_rewrite r ON classid = 'pg_class'::regclass AND ev_class = objid
         UNION SELECT name, 'pg_constraint'::regclass, k.oid FROM others JOIN pg_constraint k ON classid = 'pg_class'::regclass AND conrelid = objid
         UNION SELECT name, 'pg_attrdef'::regclass, a.oid FROM others JOIN pg_attrdef a ON classid = 'pg_class'::regclass AND adrelid = objid
         UNION SELECT name, 'pg_trigger'::regclass, g.oid FROM others JOIN pg_trigger g ON classid = 'pg_class'::regclass AND tgrelid = objid
         UNION SELECT name, 'pg_policy'::regclass, y.oid FROM others JOIN pg_policy y ON classid = 'pg_class'::regclass AND polrelid = objid
       ), used AS (
         SELECT classid, objid FROM ours
         UNION SELECT 'pg_type'::regclass, t.oid FROM ours JOIN pg_class c ON classid = 'pg_class'::regclass AND c.oid = objid
                 JOIN pg_type t ON t.typrelid = c.oid
         UNION SELECT 'pg_type'::regclass, t.typarray FROM ours JOIN pg_type t ON classid = 'pg_type'::regclass AND t.oid = objid
       )
  SELECT DISTINCT name FROM parts p JOIN pg_depend d ON d.classid = p.classid AND d.objid = p.objid
    JOIN used u ON u.classid = d.refclassid AND u.objid = d.refobjid ORDER BY 1`;

/** Staged objects that cannot move to the live schema, because an object of another role with that name stays there. */
export const collisions = (live: string, inactive: string) => {
  const names = (schema: string) =>
    `SELECT substr(identity, length(quote_ident(${quoteText(schema)})) + 2) AS local, o.* FROM (${objectsIn(schema)}) o`;
  return `
  SELECT DISTINCT s.type || ' ' || s.local FROM (${names(inactive)}) s JOIN (${names(live)}) l
      ON l.local = replace(s.local, quote_ident(${quoteText(inactive)}) || '.', quote_ident(${quoteText(live)}) || '.')
     AND (l.classid = s.classid OR (l.classid IN ('pg_class'::regclass, 'pg_type'::regclass) AND s.classid IN ('pg_class'::regclass, 'pg_type'::regclass)))
   WHERE NOT coalesce(pg_has_role(l.owner, 'USAGE'), false)`;
};

/** Functions with a text body that the load itself runs: for an index, a rule about rows, a generated column, a materialized view. */
const runByTheLoad = (inactive: string) => `
  WITH RECURSIVE place AS (SELECT oid FROM pg_namespace WHERE nspname = ${quoteText(inactive)}),
  rules AS (SELECT r.oid AS rule, c.oid AS rel, c.relkind FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class WHERE relnamespace = (SELECT oid FROM place)),
  used (class, oid) AS (
    SELECT 'pg_rewrite'::regclass::oid, rule FROM rules WHERE relkind = 'm'
    UNION SELECT 'pg_class'::regclass, oid FROM pg_class WHERE relkind = 'i' AND relnamespace = (SELECT oid FROM place)
    UNION SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE contype IN ('c', 'x') AND connamespace = (SELECT oid FROM place)
    UNION SELECT 'pg_attrdef'::regclass, a.oid FROM pg_attrdef a JOIN pg_attribute t ON attrelid = adrelid AND attnum = adnum
            JOIN pg_class c ON c.oid = adrelid WHERE attgenerated <> '' AND relnamespace = (SELECT oid FROM place)
    UNION SELECT CASE WHEN r.rule IS NULL THEN d.refclassid ELSE 'pg_rewrite'::regclass END, coalesce(r.rule, d.refobjid)
      FROM used u JOIN pg_depend d ON d.classid = u.class AND d.objid = u.oid
           LEFT JOIN rules r ON d.refclassid = 'pg_class'::regclass AND r.rel = d.refobjid AND r.relkind = 'v'
     WHERE d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
  )
  SELECT DISTINCT p.proname, p.prosrc, p.proconfig FROM used u JOIN pg_proc p ON u.class = 'pg_proc'::regclass AND p.oid = u.oid
         JOIN pg_language l ON l.oid = p.prolang
   WHERE p.pronamespace = (SELECT oid FROM place) AND l.lanname NOT IN ('c', 'internal') AND ${notOfExtension('pg_proc', 'p.oid')}
     AND to_jsonb(p) ->> 'prosqlbody' IS NULL`;

/** Those that name the live schema: they would have used live objects instead of those of the backup. */
export const functionsRunByTheLoad = (live: string, inactive: string) => `
  SELECT proname FROM (${runByTheLoad(inactive)}) run
   WHERE strpos(lower(prosrc), lower(${quoteText(live)})) > 0 OR proconfig::text LIKE '%search_path%'`;

/** Those that name a live function that the backup lacks: an unqualified name would have run it. */
export const functionsNamingLiveOnes = (live: string, inactive: string) => `
  SELECT DISTINCT run.proname FROM (${runByTheLoad(inactive)}) run
    JOIN pg_proc f ON run.prosrc ~* ('\\m' || regexp_replace(f.proname, '(\\W)', '\\\\\\1', 'g') || '\\M')
   WHERE f.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = ${quoteText(live)}) AND ${notOfExtension('pg_proc', 'f.oid')}
     AND NOT EXISTS (SELECT FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace
                      WHERE n.nspname = ${quoteText(inactive)} AND o.proname = f.proname)`;

/** Columns whose values are object references, stored by name in the dump: in a staging schema they would refer to live objects. */
export const columnsOfObjects = (inactive: string) => `
  SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
   WHERE nspname = ${quoteText(inactive)} AND relkind IN ('r', 'm') AND attnum > 0 AND NOT attisdropped
     AND atttypid IN ('regclass'::regtype, 'regproc'::regtype, 'regprocedure'::regtype, 'regoper'::regtype, 'regoperator'::regtype,
                      'regtype'::regtype, 'regconfig'::regtype, 'regdictionary'::regtype)`;

/** Relations outside these schemas that the current transaction has locked for more than reading. */
export const relationsTouchedOutside = (schemas: readonly string[]) => `
  SELECT DISTINCT n.nspname || '.' || c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE l.pid = pg_backend_pid() AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND nspname NOT IN (${schemas.map((schema) => quoteText(schema)).join(', ')}) AND nspname NOT LIKE 'pg\\_%'
     AND nspname <> 'information_schema' AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
     AND ${notOfExtension('pg_class', 'c.oid')}`;

/** Relations of these schemas that the current transaction has at least read. */
export const relationsRead = (schemas: readonly string[]) => `
  SELECT DISTINCT n.nspname || '.' || c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE l.pid = pg_backend_pid() AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND nspname IN (${schemas.map((schema) => quoteText(schema)).join(', ')}) AND ${notOfExtension('pg_class', 'c.oid')}`;

/** Names in the schemas that extensions created: schema and name, as two columns. */
export const EXTENSION_NAMES = `
  SELECT n.nspname AS schema, coalesce(p.proname, t.typname, c.relname, o.oprname, b.opcname, a.opfname, l.collname, f.cfgname, k.dictname) AS name
    FROM pg_depend d
         LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
         LEFT JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
         LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
         LEFT JOIN pg_operator o ON d.classid = 'pg_operator'::regclass AND o.oid = d.objid
         LEFT JOIN pg_opclass b ON d.classid = 'pg_opclass'::regclass AND b.oid = d.objid
         LEFT JOIN pg_opfamily a ON d.classid = 'pg_opfamily'::regclass AND a.oid = d.objid
         LEFT JOIN pg_collation l ON d.classid = 'pg_collation'::regclass AND l.oid = d.objid
         LEFT JOIN pg_ts_config f ON d.classid = 'pg_ts_config'::regclass AND f.oid = d.objid
         LEFT JOIN pg_ts_dict k ON d.classid = 'pg_ts_dict'::regclass AND k.oid = d.objid
         JOIN pg_namespace n ON n.oid = coalesce(p.pronamespace, t.typnamespace, c.relnamespace, o.oprnamespace, b.opcnamespace,
                                                 a.opfnamespace, l.collnamespace, f.cfgnamespace, k.dictnamespace)
   WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass`;
