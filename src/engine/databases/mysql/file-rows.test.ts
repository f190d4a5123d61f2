import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FileRecord, FileTable } from '../driver';
import { FileRows } from './file-rows';
import { DumpScanner } from './scan';

const FOLDER = path.join(__dirname, '../../../../tests/fixtures/dumps');
const FILES: FileTable = {
  table: 'files',
  collection: 'attachments',
  key: 'id',
  filename: 'filename',
  path: 'path',
  storageId: 'storageId',
};

function recordsIn(dump: Buffer, size: number, table = FILES): FileRecord[] {
  const records: FileRecord[] = [];
  const rows = new FileRows(new Map([[table.table, table]]), (record) => records.push(record));
  const scanner = new DumpScanner({
    onStatement: (text) => rows.onStatement(text),
    rowsOf: (name) => rows.rowsOf(name),
  });
  for (let at = 0; at < dump.length; at += size) scanner.read(dump.subarray(at, at + size));
  return records;
}

describe('the file records of a dump', () => {
  it.each(['mariadb-10.11.sql', 'mariadb-11.8.sql', 'mysql-9.7.sql'])('are those in %s', (file) => {
    for (const size of [1, 7, 1000, 1 << 20]) {
      expect(recordsIn(readFileSync(path.join(FOLDER, file)), size)).toEqual([
        { collection: 'attachments', key: '1', filename: 'a\'s \\ "b".txt', path: '', storageId: '1' },
        { collection: 'attachments', key: '2', filename: 'ü\n😀.png', path: 'in/a folder', storageId: '2' },
      ]);
    }
  });

  it('are read from every form of a value', () => {
    const values = [
      "(1,'\\0\\b\\n\\r\\t\\Z\\'\\\"\\\\\\%',NULL,'VALUES (')",
      "(0x2D32,_binary 'it''s','',-7)",
      "(3,0x612E74C3A478,'a),(b;',7)",
      "(4,'','x',7),(5,NULL,'x',7)",
      "(6,'f','x',NULL)",
    ];
    const dump = [
      'CREATE TABLE `f``s` (',
      "  `id` int(11) NOT NULL COMMENT '\\n  `path` int,',",
      '  `name` text,',
      '  `where` text,',
      '  `storage` int(11) DEFAULT NULL,',
      '  PRIMARY KEY (`id`)',
      ');',
      `INSERT INTO \`f\`\`s\` VALUES ${values.slice(0, 2).join(',')};`,
      'INSERT INTO `other` VALUES (1,2,3,4);',
      `INSERT INTO \`f\`\`s\` (\`id\`, \`name\`, \`where\`, \`storage\`) VALUES\n${values.slice(2).join(',\n')};`,
      "REPLACE INTO `f``s` (`storage`, `VALUES (`, `name`) VALUES (9,'no','last');",
      '',
    ].join('\n');
    const table = { ...FILES, table: 'f`s', filename: 'name', path: 'where', storageId: 'storage' };
    for (const size of [1, 3, 1 << 20]) {
      expect(
        recordsIn(Buffer.from(dump), size, table).map(({ key, filename, path: at, storageId }) => [
          key,
          filename,
          at,
          storageId,
        ]),
      ).toEqual([
        ['1', '\0\b\n\r\t\x1a\'"\\%', '', 'VALUES ('],
        ['-2', "it's", '', '-7'],
        ['3', 'a.täx', 'a),(b;', '7'],
        ['', 'last', '', '9'],
      ]);
    }
  });

  it('have no folder where the table has no column for it', () => {
    const dump = "CREATE TABLE `files` (\n  `id` int,\n  `filename` text,\n  `storageId` int\n);\nINSERT INTO `files` VALUES (1,'a',2);\n"; // prettier-ignore
    expect(recordsIn(Buffer.from(dump), 9, { ...FILES, path: null })).toEqual([
      { collection: 'attachments', key: '1', filename: 'a', path: '', storageId: '2' },
    ]);
  });
});
