import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { renameIn, type Renaming } from './rename';
import { beginsRows, ScriptReader, statementsOf, textOf } from './script';

const renaming: Renaming = {
  schemas: new Map([
    ['public', 'inactive'],
    ['Tenant "Ä" 😀', 'other'],
  ]),
  staying: new Map([['public', new Set(['hstore', '@>'])]]),
};

const bytes = (text: string) => Buffer.from(text).toString('latin1');
const rename = (script: string) =>
  Buffer.from(
    statementsOf(bytes(script))
      .map(({ tokens }) => textOf(renameIn(tokens, renaming)))
      .join(''),
    'latin1',
  ).toString();

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
    [`GRANT USAGE ON SCHEMA "public" TO "public";`, `GRANT USAGE ON SCHEMA "inactive" TO "public";`],
  ])('names their objects: %s', (script, renamed) => expect(rename(script)).toBe(renamed));

  it.each([
    `COMMENT ON COLUMN "x"."t" IS 'of "public"."t"';`,
    `DEFAULT 'public.t'::"text";`,
    `AS $_$ SELECT * FROM "public"."t"; $_$;`,
    `SELECT E'\\' "public"."t"', $1, 1$2;`,
    `SELECT "republic"."t", "a""public"."t", publics.t;`,
  ])('keeps everything else unchanged: %s', (script) => expect(rename(script)).toBe(script));

  it('never sets a sequence elsewhere', () => {
    expect(() => rename(`SELECT pg_catalog.setval('"sibling"."s"', 9);`)).toThrow('sequence "sibling"."s"');
  });
});

/** The statements that the server would see, as far as a script of pg_restore can contain them. */
const split = (script: string) => statementsOf(bytes(script)).map(({ tokens }) => textOf(tokens));

describe('a script', () => {
  it.each<[string, string[]]>([
    [`SET a = 'x;''y'; SET b = $t$;$$;$t$;`, [`SET a = 'x;''y';`, `SET b = $t$;$$;$t$;`]],
    [`SET a = E'\\';'; SET b = E'\\\\';`, [`SET a = E'\\';';`, `SET b = E'\\\\';`]],
    [`SET a = '\\'; SET b = '\\';`, [`SET a = '\\';`, `SET b = '\\';`]],
    [`-- it's; "\nSET a = 1; -- $$\rSET b = 2;`, ['SET a = 1;', 'SET b = 2;']],
    [`SET a = ";""--"; SET "b;";`, [`SET a = ";""--";`, `SET "b;";`]],
    [
      `CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SET b = 1;`,
      [`CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);`, 'SET b = 1;'],
    ],
    [
      `CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN x THEN 1 END; SELECT 2; END; SET b = 1;`,
      [
        `CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN x THEN 1 END; SELECT 2; END;`,
        'SET b = 1;',
      ],
    ],
    // A name that resembles the beginning of a body hides nothing.
    [
      `CREATE FUNCTION "s".begin() RETURNS int; COMMIT; END;`,
      [`CREATE FUNCTION "s".begin() RETURNS int;`, 'COMMIT;', 'END;'],
    ],
    [`SET a = $1$$;$$; SET b = a$b$; SET c = 1;`, [`SET a = $1$$;$$;`, 'SET b = a$b$;', 'SET c = 1;']],
    [`\\restrict aB3\nSET a = 1;\n\\unrestrict aB3\n\n-- end\n`, ['SET a = 1;']],
  ])('is split where the server splits it: %s', (script, statements) => {
    expect(split(script)).toEqual(statements);
  });

  it('is read with backslashes as they are set', () => {
    const [off, on] = ['off', 'on'].map((value) => `SET standard_conforming_strings = ${value};`);
    const script = `${off} SET a = '\\'; SET b = '; ${on} SET c = '\\';`;
    expect(split(script)).toEqual([off, `SET a = '\\'; SET b = ';`, on, `SET c = '\\';`]);
  });

  it.each([
    ['a block comment', 'SET a = 1; /* x */ SET b = 2;'],
    ['nested comments', 'SET a = 1; /* /* */ DROP TABLE t; */'],
    ['a comment within a statement', 'SET a -- x\n = 1;'],
    ['a text that continues on the next line', `SET a = E'x'\n'\\'; DROP TABLE t; --';`],
    ['a text without an end', `SET a = 'x;`],
    ['a body without an end', `SET a = $x$ ; $y$;`],
    ['a name without an end', `SET "a = 1;`],
    ['a psql command', 'SET a = 1;\n\\! touch file\n'],
    ['a psql command after a statement', 'SET a = 1 \\gexec\n'],
    ['a guard in the middle', 'SET a = 1;\n\\restrict x\nSET b = 1;'],
    ['the end of another guard', '\\restrict x\nSET a = 1;\n\\unrestrict y\n'],
    ['a statement after the guard', '\\restrict x\nSET a = 1;\n\\unrestrict x\nSET b = 1;'],
    ['text after a guard’s key', '\\restrict x \\! touch file\nSET a = 1;'],
    ['a NUL', 'SET a = "x\0y";'],
  ])('is refused with %s', (_what, script) => {
    expect(() => statementsOf(bytes(script))).toThrow(/which dump tools never write/);
  });
});

describe('a script that arrives in pieces', () => {
  const script = [
    `-- "public"."t"; it's\n\nSET x = 'a;b''c';\n-- Name: f(int); Type: FUNCTION; Schema: public; Owner: me\n`,
    `CREATE FUNCTION "public"."f"(int) AS $_$ it's "public".t; $_$;\n`,
    `CREATE FUNCTION f2() BEGIN ATOMIC SELECT $1 FROM "public"."t"; END;\n`,
    `-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: me\n\n`,
    `COPY "public"."t" ("v") FROM stdin;\n"public"."t" it's $_$ -- é\n\\.x\n\\.\n\n\n`,
    `COPY "public"."empty" ("v") FROM stdin;\n\\.\n\nSELECT E'\\'' || "public"."f"(1), 7 - 1 / 2;\n-- done; it's\n\n`,
  ].join('');

  it.each([1, 2, 3, 7, 50, 10_000])('of %i bytes is the same statements and rows', async (size) => {
    const all = Buffer.from(script);
    const pieces: Buffer[] = [];
    for (let at = 0; at < all.length; at += size) pieces.push(all.subarray(at, at + size));
    const reader = new ScriptReader(Readable.from(pieces));
    const read: [string, string, string?][] = [];
    for (let found = await reader.next(); found; found = await reader.next()) {
      const entry: [string, string, string?] = [found.object, textOf(found.tokens)];
      if (beginsRows(found.tokens)) {
        const rows: Buffer[] = [];
        for await (const chunk of reader.rows()) rows.push(chunk);
        entry.push(Buffer.concat(rows).toString());
      }
      read.push(entry);
    }
    expect(read).toEqual([
      ['', `SET x = 'a;b''c';`],
      ['FUNCTION public.f(int)', `CREATE FUNCTION "public"."f"(int) AS $_$ it's "public".t; $_$;`],
      ['FUNCTION public.f(int)', `CREATE FUNCTION f2() BEGIN ATOMIC SELECT $1 FROM "public"."t"; END;`],
      ['TABLE DATA public.t', 'COPY "public"."t" ("v") FROM stdin;', `"public"."t" it's $_$ -- é\n\\.x\n`],
      ['TABLE DATA public.t', 'COPY "public"."empty" ("v") FROM stdin;', ''],
      ['TABLE DATA public.t', `SELECT E'\\'' || "public"."f"(1), 7 - 1 / 2;`],
    ]);
  });

  it.each([
    ['COPY t FROM stdin;\n1\n2\n', /rows without an end/],
    ['COPY t FROM stdin; garbage\n\\.\n', /text after COPY/],
  ])('is refused when rows are not whole: %s', async (text, why) => {
    const reader = new ScriptReader(Readable.from([Buffer.from(text)]));
    await reader.next();
    await expect(
      (async () => {
        for await (const _chunk of reader.rows());
      })(),
    ).rejects.toThrow(why);
  });
});
