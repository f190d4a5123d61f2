import { describe, expect, it } from 'vitest';
import { DumpRewriter, type NewNames } from './rewrite';
import { DumpScanner } from './scan';

function namesOf(more: Partial<NewNames> = {}): NewNames {
  const known = new Map<string, string>();
  return {
    tableName: async (name) => {
      const inactive = known.get(name) ?? `s_${known.size + 1}`;
      known.set(name, inactive);
      return inactive;
    },
    isTable: (name) => ['a', 'b`x', 'ß'].includes(name),
    isTaken: (constraint) => constraint === 'taken',
    shared: { foreignKeys: true, checks: false },
    onRenamedConstraint: () => undefined,
    ...more,
  };
}

async function rewritten(sql: string, size: number, names = namesOf()): Promise<string> {
  const scanner = new DumpScanner();
  const rewriter = new DumpRewriter(scanner, names);
  const bytes = Buffer.from(sql);
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) out.push(await rewriter.rewrite(bytes.subarray(at, at + size)));
  out.push(await rewriter.end());
  return Buffer.concat(out).toString('utf8');
}

const DUMP = `-- Table structure for table \`a\`
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*M!100616 SET @OLD_NOTE_VERBOSITY=@@NOTE_VERBOSITY, NOTE_VERBOSITY=0 */;

DROP TABLE IF EXISTS \`a\`;
CREATE TABLE \`a\` (
  \`id\` int(11) NOT NULL COMMENT 'CONSTRAINT \`x\` FOREIGN KEY (\`a\`) REFERENCES \`a\` (\`id\`)',
  \`up\` int(11) CHECK (\`up\` > 0),
  CONSTRAINT \`a_ibfk_7\` FOREIGN KEY (\`up\`) REFERENCES \`a\` (\`id\`) ON DELETE CASCADE,
  CONSTRAINT \`free\` FOREIGN KEY (\`up\`, \`i\`\`d\`) REFERENCES \`b\`\`x\` (\`id\`, \`y\`),
  CONSTRAINT \`taken\` FOREIGN KEY (\`id\`) REFERENCES \`gone\` (\`id\`),
  CONSTRAINT \`far\` FOREIGN KEY (\`id\`) REFERENCES \`other\`.\`a\` (\`id\`),
  CONSTRAINT \`positive\` CHECK (\`id\` <> ' REFERENCES \`a\`')
) ENGINE=InnoDB;
/*!40000 ALTER TABLE \`a\` DISABLE KEYS */;
INSERT INTO \`a\` VALUES
(1,'INSERT INTO \`a\` VALUES'),
(2,'\\'; DROP TABLE \`a\`;\\n');
INSERT INTO \`ß\` (\`id\`) VALUES (0x28292C,'ß');
CREATE SEQUENCE \`n\` start with 7;
DO SETVAL(\`n\`, 1007, 0);
SET SESSION sql_mode = '';
UPDATE \`b\`\`x\` t JOIN (SELECT NULL AS k0
UNION ALL SELECT 'x
DROP TABLE a', '16.7', 1677.7216e4
UNION ALL SELECT -7, NULL, NULL) v ON t.\`id\` = v.k0 AND t.\`k\` = CONVERT(v.k1 USING utf8mb4) COLLATE utf8mb4_bin SET t.\`f\` = IF(CAST(t.\`f\` AS CHAR) = v.s0, v.e0, t.\`f\`), t.\`at\` = t.\`at\`;

-- Dump completed
`;

const EXPECTED = DUMP.replace('for table `a`', 'for table `s_1`')
  .replaceAll('EXISTS `a`', 'EXISTS `s_1`')
  .replace('CREATE TABLE `a`', 'CREATE TABLE `s_1`')
  .replace('`a_ibfk_7` FOREIGN KEY (`up`) REFERENCES `a`', '`s_1_ibfk_7` FOREIGN KEY (`up`) REFERENCES `s_1`')
  .replace('REFERENCES `b``x`', 'REFERENCES `s_2`')
  .replace('`taken`', '`s_1_ibfk_8`')
  .replace('ALTER TABLE `a`', 'ALTER TABLE `s_1`')
  .replace('INSERT INTO `a` VALUES\n', 'INSERT INTO `s_1` VALUES\n')
  .replace('INSERT INTO `ß`', 'INSERT INTO `s_3`')
  .replace('SEQUENCE `n`', 'SEQUENCE `s_4`')
  .replace('SETVAL(`n`', 'SETVAL(`s_4`')
  .replace('UPDATE `b``x`', 'UPDATE `s_2`');

describe('a dump under other names', () => {
  it.each([1, 2, 7, 64, 1000, 1 << 20])('is otherwise the same, in pieces of %d bytes', async (size) => {
    expect(await rewritten(DUMP, size)).toBe(EXPECTED);
  });

  it('reports the constraints that get another name', async () => {
    const renamed: string[] = [];
    await rewritten(DUMP, 100, namesOf({ onRenamedConstraint: (table, name) => renamed.push(`${table}.${name}`) }));
    expect(renamed).toEqual(['a.taken']);
  });

  it('derives no constraint name from a table name with a backtick', async () => {
    const sql = 'CREATE TABLE `b``x` (\n  CONSTRAINT `taken` FOREIGN KEY (`x`) REFERENCES `a` (`id`)\n);\n';
    expect(await rewritten(sql, 20)).toContain('CONSTRAINT `s_1_key_1` FOREIGN KEY');
  });

  it('keeps every name where constraint names are scoped to a table', async () => {
    const sql = `CREATE TABLE \`a\` (
  CONSTRAINT \`1\` FOREIGN KEY (\`x\`) REFERENCES \`b\`\`x\` (\`id\`),
  CONSTRAINT \`taken\` FOREIGN KEY (\`x\`) REFERENCES \`a\` (\`id\`),
  CONSTRAINT \`a_ibfk_1\` FOREIGN KEY (\`x\`) REFERENCES \`a\` (\`id\`)
);
`;
    const names = namesOf({ shared: { foreignKeys: false, checks: false } });
    expect(await rewritten(sql, 20, names)).toBe(
      sql.replaceAll('E `a`', 'E `s_1`').replaceAll('S `a`', 'S `s_1`').replace('`b``x`', '`s_2`'),
    );
  });

  it('renames CHECK constraints where their names are shared, and never to a name that is too long', async () => {
    const long = 'l'.repeat(60);
    const sql = `CREATE TABLE \`${long}\` (
  CONSTRAINT \`taken\` FOREIGN KEY (\`a\`) REFERENCES \`a\` (\`id\`),
  CONSTRAINT \`${long}_chk_1\` CHECK (1),
  CONSTRAINT \`taken\` CHECK (2)
);
`;
    expect(await rewritten(sql, 50, namesOf({ shared: { foreignKeys: true, checks: true } })))
      .toBe(`CREATE TABLE \`s_1\` (
  CONSTRAINT \`s_1_key_2\` FOREIGN KEY (\`a\`) REFERENCES \`s_2\` (\`id\`),
  CONSTRAINT \`s_1_chk_1\` CHECK (1),
  CONSTRAINT \`s_1_check_3\` CHECK (2)
);
`);
  });
});

describe('what could reach a live table', () => {
  it.each([
    ['an unknown statement', 'DELETE FROM `a`;\n'],
    ['a name without quotes', 'DROP TABLE IF EXISTS a;\n'],
    ['a name with a database', 'INSERT INTO `x`.`a` VALUES (1);\n'],
    ['a list of names', 'DROP TABLE IF EXISTS `a`, `b`;\n'],
    ['a second statement on the line', 'INSERT INTO `a` VALUES (1); DELETE FROM `a`;\n'],
    ['a second statement after many rows', 'INSERT INTO `a` VALUES\n(1),\n(2); DROP TABLE `a`;\n'],
    ['a second statement after a comment', '/*!40000 SET @x = 1 */; DROP TABLE `a`;\n'],
    ['a call among the values', 'INSERT INTO `a` VALUES (1),(f());\n'],
    ['a query among the values', "INSERT INTO `a` VALUES\n('x',(SELECT 1));\n"],
    ['an update after the values', 'INSERT INTO `a` VALUES (1) ON DUPLICATE KEY UPDATE `b` = f();\n'],
    ['rows from a query', 'INSERT INTO `a` (`b`) SELECT f();\n'],
    ['a list of columns without an end', `INSERT INTO \`a\` (${'`c`, '.repeat(3000)}`],
    ['a variable that is set by a call', 'SET @OLD_SQL_MODE=f();\n'],
    ['a variable of the whole server', "SET GLOBAL SQL_MODE='';\n"],
    ['a table with rows of its own', 'CREATE TABLE `a` (\n  `b` int\n) SELECT f() AS b;\n'],
    ['a table created from others', 'CREATE TABLE `a` AS SELECT 1;\n'],
    ['a table created in another way', 'CREATE TABLE IF NOT EXISTS `a` (\n  `b` int\n);\n'],
    [
      'a constraint that cannot be parsed',
      'CREATE TABLE `a` (\n  CONSTRAINT x FOREIGN KEY (b) REFERENCES a (id)\n);\n',
    ],
    ['an update of more than one table', 'UPDATE `a` t JOIN `b` SET b.x = 1;\n'],
    ['an incomplete table', 'CREATE TABLE `a` (\n  `b` int\n)\n'],
  ])('is refused: %s', async (_what, sql) => {
    for (const size of [1, 5, 10_000]) {
      await expect(rewritten(sql, size)).rejects.toMatchObject({ code: 'ARCHIVE_DAMAGED' });
    }
  });
});
