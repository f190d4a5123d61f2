import { describe, expect, it } from 'vitest';
import { requireAllowed } from './allowed';
import { statementsOf } from './script';

const SCHEMAS = ['public', 'Tenant "Ä"'];
const check = (sql: string, grants = false) => {
  const [statement, ...others] = statementsOf(Buffer.from(sql).toString('latin1'));
  if (!statement || others.length > 0) throw new Error('not one statement');
  return requireAllowed(statement, SCHEMAS, grants);
};

describe('statements of dump tools are allowed', () => {
  it.each([
    ['SET statement_timeout = 0;', 'parameter'],
    [`SET client_encoding = 'UTF8';`, 'parameter'],
    [`SET default_tablespace = '';`, 'parameter'],
    ['SET default_table_access_method = heap;', 'parameter'],
    ['SET check_function_bodies = false;', 'parameter'],
    [`SELECT pg_catalog.set_config('search_path', '', false);`, 'search path'],
    [`SELECT pg_catalog.setval('"public"."s"', 12, false);`, 'sequence'],
    [`SELECT pg_catalog.setval('public.s', -3, true);`, 'sequence'],
    ['CREATE TABLE "public"."t" ("a" integer);', 'other'],
    ['CREATE UNLOGGED TABLE "Tenant ""Ä"""."t" ();', 'other'],
    ['CREATE OR REPLACE VIEW "public"."v" AS SELECT 1;', 'other'],
    ['CREATE MATERIALIZED VIEW "public"."v" AS SELECT 1 WITH NO DATA;', 'other'],
    ['CREATE FUNCTION "public"."f"() RETURNS "trigger" LANGUAGE "plpgsql" AS $$ DROP TABLE x; $$;', 'routine'],
    ['CREATE AGGREGATE "public"."a"(int) (SFUNC = x, STYPE = y);', 'routine'],
    ['CREATE TYPE "public"."m" AS ENUM (\'a\');', 'other'],
    ['CREATE DEFAULT CONVERSION "public"."c" FOR \'UTF8\' TO \'LATIN1\' FROM "public"."f";', 'other'],
    ['CREATE OPERATOR "public".=== (FUNCTION = x);', 'other'],
    ['CREATE OPERATOR CLASS "public"."o" FOR TYPE int USING btree AS STORAGE int;', 'other'],
    ['CREATE TEXT SEARCH CONFIGURATION "public"."w" (PARSER = "pg_catalog"."default");', 'other'],
    ['CREATE STATISTICS "public"."s" ON a, b FROM "public"."t";', 'other'],
    ['CREATE UNIQUE INDEX "i" ON ONLY "public"."t" USING "btree" ("a");', 'other'],
    ['CREATE CONSTRAINT TRIGGER "g" AFTER INSERT ON "public"."t" EXECUTE FUNCTION "public"."f"();', 'other'],
    ['CREATE RULE "r" AS ON DELETE TO "public"."t" DO INSTEAD NOTHING;', 'other'],
    ['CREATE POLICY "p" ON "public"."t" USING (true);', 'other'],
    ['ALTER TABLE ONLY "public"."t" ADD CONSTRAINT "c" PRIMARY KEY ("a");', 'other'],
    ['ALTER TABLE public.t OWNER TO app;', 'other'],
    ['ALTER SEQUENCE "public"."s" OWNED BY "public"."t"."a";', 'other'],
    ['ALTER INDEX "public"."a" ATTACH PARTITION "public"."b";', 'other'],
    ['ALTER FUNCTION public.f() OWNER TO app;', 'other'],
    ['ALTER TRIGGER "g" ON "public"."t" DEPENDS ON EXTENSION "x";', 'other'],
    ['ALTER DEFAULT PRIVILEGES FOR ROLE "a" IN SCHEMA "public" GRANT SELECT ON TABLES TO "b";', 'other'],
    ['COMMENT ON COLUMN "public"."t"."a" IS \'x\';', 'other'],
    ['COMMENT ON CONSTRAINT "c" ON DOMAIN "public"."d" IS \'x\';', 'other'],
    ['COMMENT ON OPERATOR FAMILY "public"."o" USING "btree" IS \'x\';', 'other'],
    [`SECURITY LABEL FOR 'p' ON TABLE "public"."t" IS 'x';`, 'other'],
    ['REFRESH MATERIALIZED VIEW "public"."v";', 'other'],
    ['COPY "public"."t" ("a", "from") FROM stdin;', 'copy'],
    ['COPY "public"."t"  FROM stdin;', 'copy'],
    ['GRANT SELECT("a"),UPDATE("b") ON TABLE "public"."t" TO "x" WITH GRANT OPTION;', 'other'],
    ['REVOKE ALL ON FUNCTION "public"."f"("a" integer) FROM PUBLIC;', 'other'],
    ['GRANT USAGE ON SCHEMA "public" TO "x";', 'other'],
  ] as const)('%s', (sql, kind) => expect(check(sql)).toBe(kind));

  it('grants in the name of another role, where grants are loaded', () => {
    expect(check('SET SESSION AUTHORIZATION "x";', true)).toBe('parameter');
    expect(check('RESET SESSION AUTHORIZATION;', true)).toBe('parameter');
    expect(() => check('SET SESSION AUTHORIZATION "x";')).toThrow();
  });
});

describe('everything else is refused with its beginning', () => {
  it.each([
    ...['BEGIN;', 'COMMIT;', 'END;', 'ABORT;', 'ROLLBACK;', 'SAVEPOINT x;', 'RELEASE x;', `PREPARE TRANSACTION 'x';`],
    ...['START TRANSACTION;', 'PREPARE x AS SELECT 1;', 'EXECUTE x;', 'DO $$ BEGIN END $$;', 'CALL f();', 'SELECT 1;'],
    ...[`SELECT pg_read_file('x');`, `SELECT pg_catalog.setval('"sibling"."s"', 1, true);`],
    ...[`SELECT pg_catalog.setval('s', 1, true);`, `SELECT pg_catalog.setval('public.s', (SELECT f()), true);`],
    ...[`SELECT pg_catalog.set_config('search_path', 'x', false);`, `SELECT pg_catalog.set_config('role', '', false);`],
    ...[`SET search_path = x;`, `SET ROLE x;`, `SET LOCAL statement_timeout = 0;`, `SET statement_timeout = 0, 1;`],
    ...[`SET client_encoding = 'SJIS';`, `SET session_replication_role = replica;`, 'RESET ALL;'],
    ...[
      `COPY "public"."t" FROM PROGRAM 'touch x';`,
      `COPY "public"."t" FROM '/etc/passwd';`,
      `COPY "public"."t" TO '/x';`,
    ],
    ...[
      `COPY "public"."t" FROM stdin WITH (FORMAT csv);`,
      `COPY (SELECT 1) TO stdout;`,
      'COPY "sibling"."t" FROM stdin;',
    ],
    ...['INSERT INTO "public"."t" VALUES (1);', 'UPDATE "public"."t" SET a = 1;', 'DELETE FROM "public"."t";'],
    ...['DROP TABLE "public"."t";', 'TRUNCATE "public"."t";', 'CREATE EXTENSION hstore;', 'CREATE DATABASE x;'],
    ...[
      'CREATE ROLE x;',
      'CREATE SCHEMA x;',
      'CREATE SERVER x FOREIGN DATA WRAPPER y;',
      'CREATE EVENT TRIGGER x ON y EXECUTE FUNCTION z();',
    ],
    ...[
      "CREATE SUBSCRIPTION x CONNECTION '' PUBLICATION y;",
      "CREATE TABLESPACE x LOCATION '/x';",
      'CREATE LANGUAGE x;',
    ],
    ...[
      'ALTER SYSTEM SET a = 1;',
      'ALTER ROLE x SUPERUSER;',
      'ALTER DATABASE x SET a = 1;',
      'ALTER SCHEMA "public" RENAME TO x;',
    ],
    ...[
      'ALTER TABLE "sibling"."t" ADD COLUMN a int;',
      'ALTER TABLE t ADD COLUMN a "public"."m";',
      'CREATE TABLE "x" ();',
    ],
    ...[
      'CREATE INDEX "i" ON "sibling"."t" ("a");',
      'CREATE TRIGGER "g" BEFORE INSERT ON "sibling"."t" EXECUTE FUNCTION "public"."f"();',
    ],
    ...[
      'CREATE RULE "r" AS ON DELETE TO "sibling"."t" DO ALSO DELETE FROM "public"."t";',
      'COMMENT ON TABLE "sibling"."t" IS \'\';',
    ],
    ...[
      'GRANT "admin" TO "x";',
      'GRANT ALL ON ALL TABLES IN SCHEMA "public" TO x;',
      'GRANT ALL ON TABLE "sibling"."t" TO x;',
    ],
    ...['GRANT ALL ON DATABASE "x" TO y;', 'GRANT USAGE ON SCHEMA "sibling" TO x;', 'SET SESSION AUTHORIZATION x;'],
    ...[
      'LOCK TABLE "public"."t";',
      'VACUUM;',
      'CHECKPOINT;',
      `LOAD 'x';`,
      'NOTIFY x;',
      'EXPLAIN SELECT 1;',
      'WITH x AS (SELECT 1) SELECT 1;',
    ],
    ...['create table "sibling"."t" ();', 'CREATE TABLE "public"."t" ()'],
  ])('%s', (sql) => {
    const beginning = sql.slice(0, 30).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    expect(() => check(sql)).toThrow(new RegExp(`The backup is damaged: .*never write: ${beginning}`));
  });
});
