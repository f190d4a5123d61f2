import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { renameIn, renameInScript, type Renaming } from './rename';
import { rewriting } from './script';

const renaming: Renaming = {
  schemas: new Map([
    ['public', 'inactive'],
    ['Tenant "Ä" 😀', 'other'],
  ]),
  staying: new Map([['public', new Set(['hstore', '@>'])]]),
};
const rename = (script: string) => renameInScript(script, renaming);

describe('a script that is loaded into other schemas', () => {
  it.each([
    ['CREATE TABLE "public"."t" ("public" int);', 'CREATE TABLE "inactive"."t" ("public" int);'],
    ['ALTER TABLE public.t OWNER TO public;', 'ALTER TABLE "inactive".t OWNER TO public;'],
    ['SELECT * FROM "Tenant ""Ä"" 😀"."é";', 'SELECT * FROM "other"."é";'],
    [
      `SET DEFAULT "nextval"('"public"."s'' q"'::"regclass");`,
      `SET DEFAULT "nextval"('"inactive"."s'' q"'::"regclass");`,
    ],
    [`DEFAULT 'public.s'::pg_catalog.regclass;`, `DEFAULT '"inactive".s'::pg_catalog.regclass;`],
    [`SELECT pg_catalog.setval('"public"."s"', 9, true);`, `SELECT pg_catalog.setval('"inactive"."s"', 9, true);`],
    [`CREATE TABLE "public"."b" (h "public"."hstore");`, `CREATE TABLE "inactive"."b" (h "public"."hstore");`],
    [
      `SELECT a OPERATOR("public".@>) b, c OPERATOR("public".@>>) d;`,
      `SELECT a OPERATOR("public".@>) b, c OPERATOR("inactive".@>>) d;`,
    ],
    [
      `ALTER DEFAULT PRIVILEGES IN SCHEMA "public" GRANT SELECT ON TABLES TO "public";`,
      `ALTER DEFAULT PRIVILEGES IN SCHEMA "inactive" GRANT SELECT ON TABLES TO "public";`,
    ],
  ])('names what is in them: %s', (script, renamed) => expect(rename(script)).toBe(renamed));

  it.each([
    `COMMENT ON COLUMN "x"."public"."t" IS 'of "public"."t"';`,
    `DEFAULT 'public.t'::"text";`,
    `AS $_$ SELECT * FROM "public"."t"; $_$;`,
    `AS $$ it's "public".t; $$; -- "public"."t"\n`,
    `/* "public"."t" */ SELECT E'\\' "public"."t"', $1, 1$2;`,
    `SELECT "republic"."t", "a""public"."t", publics.t;`,
  ])('keeps everything else as it is: %s', (script) => expect(rename(script)).toBe(script));

  it('never sets a counter elsewhere', () => {
    expect(() => rename(`SELECT pg_catalog.setval('"sibling"."s"', 9);`)).toThrow('counter "sibling"."s"');
  });
});

describe('a script that arrives in pieces', () => {
  const script = [
    `-- "public"."t"; it's\nSET x = 'a;b''c';\nCREATE FUNCTION "public"."f"(int) AS $_$ it's "public".t; $_$;\n`,
    `CREATE FUNCTION f2() BEGIN ATOMIC SELECT $1 FROM "public"."t"; END;\n`,
    `COPY "public"."t" ("v") FROM stdin;\n"public"."t" it's $_$ -- é\n\\.x\n\\.\n\n\n`,
    `COPY "public"."empty" ("v") FROM stdin;\n\\.\n\nSELECT E'\\'' || "public"."f"(1), 7 - 1 / 2;\n-- done; it's\n\n`,
  ].join('');
  const wanted = script
    .replace('CREATE FUNCTION "public"', 'CREATE FUNCTION "inactive"')
    .replace('FROM "public"', 'FROM "inactive"')
    .replaceAll('COPY "public"', 'COPY "inactive"')
    .replace('|| "public"', '|| "inactive"');

  it.each([1, 2, 3, 7, 50, 10_000])('of %i bytes comes out the same', async (size) => {
    const bytes = Buffer.from(script);
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
    const out: Buffer[] = [];
    for await (const chunk of Readable.from(pieces).pipe(rewriting((tokens) => renameIn(tokens, renaming)))) {
      out.push(chunk as Buffer);
    }
    expect(Buffer.concat(out).toString()).toBe(wanted);
  });
});
