import { describe, expect, it } from 'vitest';
import { DumpScanner } from './scan';

const END = '\n-- Dump completed\n';

function scan(sql: string, cutAt: (length: number) => number = (length) => length): DumpScanner {
  const scanner = new DumpScanner();
  let rest = Buffer.from(sql);
  while (rest.length > 0) {
    const size = Math.max(1, cutAt(rest.length));
    scanner.read(rest.subarray(0, size));
    rest = rest.subarray(size);
  }
  return scanner;
}

/** A small generator of numbers that is the same on every run (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const MARIADB = `-- Host: x
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
DROP TABLE IF EXISTS \`a\`;
CREATE TABLE \`a\` (
  \`id\` int(11) NOT NULL COMMENT 'a\\nINSERT INTO \`x\` VALUES (1);',
  \`g\` int(11) GENERATED ALWAYS AS (\`id\` * 2) VIRTUAL CHECK (\`id\` in (1,2,(3)))
) ENGINE=InnoDB;
/*!40000 ALTER TABLE \`a\` DISABLE KEYS */;
INSERT INTO \`a\` VALUES
(1,'it\\'s (','C:\\\\'),
(2,'a),(b',NULL);
INSERT INTO \`a\` (\`id\`, \`VALUES\`) VALUES (3,-1.5e10);
CREATE TABLE \`we\`\`ird (t)\` (\`x\` int);
INSERT INTO \`we\`\`ird (t)\` VALUES (0x28292C,';--'),('',_binary 'x\\0'),("''",'"');
CREATE TABLE \`empty\` (\`x\` int);
`;

const LONGEST = MARIADB.split('\n').find((line) => line.startsWith('INSERT INTO `we')) ?? '';

describe('counting the rows of a dump', () => {
  it.each([
    ['in one piece', (length: number) => length],
    ['byte by byte', () => 1],
    ['in threes', () => 3],
  ])('is exact %s', (_how, cutAt) => {
    const scanner = scan(MARIADB + END, cutAt);
    expect(scanner.tables).toEqual([
      { name: 'a', rows: 3 },
      { name: 'we`ird (t)', rows: 3 },
      { name: 'empty', rows: 0 },
    ]);
    expect(scanner.isComplete).toBe(true);
    expect(scanner.largest).toEqual({ table: 'we`ird (t)', bytes: LONGEST.length });
  });

  it('is exact for any values, layouts and cuts', () => {
    const random = numbers(7);
    const pick = <T>(choices: readonly T[]) => choices[Math.floor(random() * choices.length)] as T;
    const pieces = [
      "\\'",
      '\\\\',
      '\\n',
      '),(',
      '(',
      ')',
      ';',
      '--',
      '`',
      '"',
      '#',
      '/*',
      '*/',
      'VALUES',
      '😀',
      'a',
      "''",
    ];
    const value = () => {
      const kind = random();
      if (kind < 0.2) return pick(['NULL', '0', '-12.5', '1e-7', '0xFF28', "''"]);
      return `'${Array.from({ length: Math.floor(random() * 8) }, () => pick(pieces)).join('')}'`;
    };
    for (let round = 0; round < 300; round += 1) {
      const expected: { name: string; rows: number }[] = [];
      let sql = '';
      for (let index = 0; index < 3; index += 1) {
        const name = `t${index}${pick(['', '`', ' VALUES (', "'", ';', 'ß'])}`;
        const quoted = `\`${name.replaceAll('`', '``')}\``;
        const rows = Math.floor(random() * 9);
        const perLine = random() < 0.5;
        const columns = random() < 0.3 ? ' (`a`, `V`)' : '';
        const row = () => `(${Array.from({ length: 1 + Math.floor(random() * 4) }, value).join(',')})`;
        sql += `CREATE TABLE ${quoted} (\n  \`a\` int DEFAULT (1) COMMENT ${value()}\n);\n`;
        if (rows > 0) {
          const list = Array.from({ length: rows }, row).join(perLine ? ',\n' : ',');
          sql += `INSERT INTO ${quoted}${columns} VALUES${perLine ? '\n' : ' '}${list};\n`;
        }
        expected.push({ name, rows });
      }
      const scanner = scan(sql + END, () => 1 + Math.floor(random() * 40));
      expect(scanner.tables, sql).toEqual(expected);
      expect(scanner.isComplete, sql).toBe(true);
    }
  });

  it('names the table at a line', () => {
    const scanner = scan(MARIADB + END, () => 50);
    expect([1, 4, 6, 10, 13, 99].map((line) => scanner.tableAt(line))).toEqual([
      null,
      'a',
      'a',
      'a',
      'we`ird (t)',
      'empty',
    ]);
  });
});

describe('the end of a dump', () => {
  it.each([
    ['nothing at all', ''],
    ['no end mark', MARIADB],
    ['an end mark within a text', "INSERT INTO `a` VALUES ('\n-- Dump completed\n"],
    ['an open statement', `INSERT INTO \`a\` VALUES (1)${END}`],
    ['text after the end mark', `${MARIADB}${END}DROP TABLE x;`],
  ])('is missed with %s', (_what, sql) => {
    expect(scan(sql).isComplete).toBe(false);
  });

  it.each([['-- Dump completed'], ['-- Dump completed on 2026-01-01 10:00:00\n'], ['-- Dump completed\n\n']])(
    'is seen in %j',
    (mark) => {
      expect(scan(MARIADB + mark).isComplete).toBe(true);
    },
  );
});
