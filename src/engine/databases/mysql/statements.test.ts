/** Dumps of real tools (tests/fixtures/dumps) are recognized, counted, and renamed to other names and back. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { DumpRewriter, type NewNames } from './rewrite';
import { DumpScanner } from './scan';
import { correction, createTable, isWholeStatement, kindOf, statementOf } from './statements';

const FOLDER = path.join(__dirname, '../../../../tests/fixtures/dumps');

const COMMON = {
  'many `odd" \'names; -- ü': 2,
  checked: 2,
  egg: 1,
  empty: 0,
  files: 4,
  hashed: 3,
  hen: 1,
  kinds: 2,
  latin: 1,
  listed: 2,
  pair: 4,
  plain: 2,
  ranges: 2,
  tree: 2,
};
const MARIADB = { booked: 1, history: 1, numbered: 2, 'own types': 1, safe: 1, versions: 1 };
const FIXTURES: [file: string, rows: Record<string, number>][] = [
  ['mariadb-10.11.sql', { ...COMMON, ...MARIADB }],
  ['mariadb-11.8.sql', { ...COMMON, ...MARIADB, vectors: 2, far: 1 }],
  ['mariadb-11.8-more.sql', { versions: 2, history: 1, numbered: 2, tree: 2 }],
  ['mysql-9.7.sql', { ...COMMON, later: 2, lazy: 2, placed: 1, sampled: 2, vectors: 1 }],
  ['mysql-9.7-more.sql', { sampled: 2, tree: 2 }],
];

/** Other names by number, or the other way round. */
function naming(prefix: string, names: string[]): NewNames {
  const others = new Map(names.map((name, at) => [name, `${prefix}${at}`]));
  return {
    tableName: async (name) => others.get(name) ?? `unexpected ${name}`,
    isTable: (name) => others.has(name),
    isTaken: () => false,
    shared: { foreignKeys: true, checks: true },
    onRenamedConstraint: () => undefined,
  };
}
function back(prefix: string, names: string[]): NewNames {
  return {
    ...naming(prefix, names),
    tableName: async (name) => names[Number(name.slice(prefix.length))] ?? `unexpected ${name}`,
    isTable: (name) => name.startsWith(prefix),
  };
}

async function rewritten(dump: Buffer, names: NewNames, size: number): Promise<Buffer> {
  const rewriter = new DumpRewriter(new DumpScanner(), names);
  const out: Buffer[] = [];
  for (let at = 0; at < dump.length; at += size) out.push(await rewriter.rewrite(dump.subarray(at, at + size)));
  out.push(await rewriter.end());
  return Buffer.concat(out);
}

/** The start of every line that names a table, up to that name. */
const NAMED =
  /^(?:(?:INSERT|DROP|CREATE|DO|LOCK|\/\*!\d+ A(?:LTER|NALYZE)) [^`\n]*| {2}CONSTRAINT `[^`]*` FOREIGN [^\n]* REFERENCES )`[^`\n]*`/gm;

describe.each(FIXTURES)('the dump %s', (file, rows) => {
  // The first line is removed before anything else reads the dump (`withoutSandboxLine`).
  const dump = Buffer.from(readFileSync(path.join(FOLDER, file), 'utf8').replace(/^\/\*M!999999.*\n/, ''));
  const names = [...Object.keys(rows), 'numbers'];

  it('is counted, and every statement of it is recognized', () => {
    const statements: string[] = [];
    const scanner = new DumpScanner({ onStatement: (text) => statements.push(text) });
    scanner.read(dump);
    expect(scanner.isComplete).toBe(true);
    expect(scanner.hasOddValues).toBe(false);
    expect(Object.fromEntries(scanner.tables.map((table) => [table.name, table.rows]))).toEqual(rows);
    expect(statements.filter((text) => statementOf(text) === null)).toEqual([]);
    const whole = statements.filter((text) => statementOf(text)?.kind === 'whole');
    expect(whole.filter((text) => !isWholeStatement(text))).toEqual([]);
    expect(whole.map((text) => createTable(text)?.name).sort()).toEqual(Object.keys(rows).sort());
  });

  it.each([1, 13, 1 << 20])(
    'is the same after renaming to other names and back, in pieces of %d bytes',
    async (size) => {
      const away = await rewritten(dump, naming('s_', names), size);
      // Texts can contain anything; no line begins within one.
      const named = away.toString('utf8').matchAll(NAMED);
      expect([...named].map(([found]) => found).filter((found) => !found.includes('`s_'))).toEqual([]);
      expect((await rewritten(away, back('s_', names), size)).toString('utf8')).toBe(dump.toString('utf8'));
    },
  );
});

describe('statements that other tools and flags write', () => {
  it.each([
    ['LOCK TABLES `a` WRITE;\n', 'table'],
    ['UNLOCK TABLES;\n', 'plain'],
    ['set autocommit=0;\n', 'plain'],
    ['START TRANSACTION;\n', 'plain'],
    ['/*M!100101 SET LOCAL SQL_LOG_OFF=0, LOCAL LOG_SLOW_QUERY=0 */;\n', 'plain'],
    ['INSERT  IGNORE INTO `a` (`b`, `c``d`) VALUES (1,2);\n', 'table'],
    ['CREATE SEQUENCE `s` as int unsigned start with 1 nocache nocycle ENGINE=InnoDB COMMENT=\'it\'\'s\';\n', 'table'], // prettier-ignore
    ["/*!50717 SELECT COUNT(*) INTO @rocksdb_has_p_s_session_variables FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'performance_schema' AND TABLE_NAME = 'session_variables' */;\n", 'dropped'], // prettier-ignore
    ["/*!50717 SET @rocksdb_get_is_supported = IF (@rocksdb_has_p_s_session_variables, 'SELECT COUNT(*) INTO @rocksdb_is_supported FROM performance_schema.session_variables WHERE VARIABLE_NAME=\\'rocksdb_bulk_load\\'', 'SELECT 0') */;\n", 'dropped'], // prettier-ignore
    ["/*!50112 SET @disable_bulk_load = IF (@is_rocksdb_supported, 'SET SESSION rocksdb_bulk_load = @old_rocksdb_bulk_load', 'SET @dummy_rocksdb_bulk_load = 0') */;\n", 'dropped'], // prettier-ignore
    ['/*!50717 EXECUTE s */;\n', 'dropped'],
  ])('are known: %s', (text, kind) => {
    expect(statementOf(text)?.kind).toBe(kind);
  });

  it.each([
    'SET GLOBAL sql_mode = 1;\n',
    'SET @old_x = f();\n',
    'SET @old_x = (SELECT 1);\n',
    "SET PASSWORD = 'x';\n",
    'SET sql_mode = @@sql_mode; DROP TABLE `a`;\n',
    'COMMIT; DELETE FROM `a`;\n',
    'LOCK TABLES `a` WRITE, `b` WRITE;\n',
    'INSERT INTO `a` SELECT * FROM `b`;\n',
    'INSERT INTO `a` (`b`) SELECT 1;\n',
    '--DELETE FROM `a`;\n',
    'EXECUTE s;\n',
    'CALL p();\n',
    'DO f();\n',
  ])('are not mistaken for others: %s', (text) => {
    expect([null, 'unknown yet']).toContain(statementOf(text)?.kind ?? null);
  });
});

it.each([
  'CREATE TABLE `a` (\n  `b` int\n) SELECT f() AS b;\n',
  'CREATE TABLE `a` (\n  `b` int\n) ENGINE=InnoDB AS TABLE `c`;\n',
  'CREATE TABLE `a` (\n  `b` int\n) VALUES ROW(f());\n',
  'CREATE TABLE `a` LIKE `b`;\n',
])('a table that takes rows from elsewhere is not from a dump tool: %s', (statement) => {
  expect(createTable(statement)).toBeNull();
});

it('a table with a constraint that cannot be parsed is not recognized', () => {
  const table = (line: string) => `CREATE TABLE \`a\` (\n  \`b\` int,\n  ${line}\n);\n`;
  expect(isWholeStatement(table('CONSTRAINT `c` CHECK (`b` > 0)'))).toBe(true);
  expect(isWholeStatement(table('CONSTRAINT `c` FOREIGN KEY (`b`) REFERENCES `d` (`e`)'))).toBe(true);
  expect(isWholeStatement(table('CONSTRAINT `c` SOMETHING (`b`)'))).toBe(false);
  // MariaDB does not double the backtick in a name.
  expect(isWholeStatement(table('CONSTRAINT `c`s` FOREIGN KEY (`b`) REFERENCES `d` (`e`)'))).toBe(false);
});

it('a correction of FLOAT values changes one table', () => {
  const end = 'v ON t.`id` = v.k0 SET t.`f` = IF(CAST(t.`f` AS CHAR) = v.s0, v.e0, t.`f`);\n';
  const rows = "SELECT NULL AS k0, NULL AS s0, NULL AS e0\nUNION ALL SELECT 1, '1.5', 15e-1";
  expect(correction(`UPDATE \`a\` t JOIN (${rows}) ${end}`)).toEqual({ start: 'UPDATE ', name: 'a' });
  expect(correction(`UPDATE \`a\` t JOIN (${rows}) v JOIN \`b\` x ${end.slice(2)}`)).toBeNull();
  expect(correction(`UPDATE \`a\` t JOIN (${rows.replace('15e-1', 'f()')}) ${end}`)).toBeNull();
  expect(correction(`UPDATE \`a\` t JOIN (${rows}) ${end.replace(';', ', b.x = 1;')}`)).toBeNull();
});

it('shows the kind of a statement without its contents', () => {
  expect(kindOf("CALL `secret`('it''s', 12);\nmore")).toBe('CALL …(……, #); more');
});
