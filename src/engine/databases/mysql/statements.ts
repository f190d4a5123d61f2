/**
 * The statements that dump tools write, told by their starts: those of MySQL 8.0 to 9 and MariaDB 10.9 to 12 with our flags,
 * those that other flags add around the rows, and the corrections of FLOAT values behind them. What is not among them could
 * name a live table, or do anything else. Texts are bytes as latin1.
 * @see client/mysqldump.cc of both servers
 */

/** A name in backticks. */
export const NAME = '`((?:[^`\\n]|``)+)`';
const ANY_NAME = '`(?:[^`\\n]|``)+`';

export type Statement =
  /** Names no table; its line passes as it is. */
  | { kind: 'plain' }
  /** Of no use for a restore. */
  | { kind: 'dropped' }
  /** Names one table, right behind `start`. */
  | { kind: 'table'; start: string; name: string }
  /** Has to be read whole: `createTable` or `correction` tell what it is. */
  | { kind: 'whole' }
  /** The start is too short to tell. */
  | { kind: 'unknown yet' };

const VARIABLES = [
  'autocommit|character_set_client|character_set_results|collation_connection|foreign_key_checks|innodb_stats_auto_recalc',
  'log_slow_query|note_verbosity|sql_log_off|sql_mode|sql_notes|system_versioning_insert_history|time_zone|unique_checks',
].join('|');
const VARIABLE = `(?:SESSION |LOCAL |@@(?:session\\.|local\\.)?)?(?:${VARIABLES})`;
const SAVED = '@(?:old|saved?)_[a-z_]+';
const VALUE = `(?:'[^'\\\\\\n]*'|\\d+|[a-z]\\w*|${SAVED}|@@(?:session\\.)?(?:${VARIABLES}))`;
const ASSIGNMENT = `(?:${VARIABLE}|${SAVED}) *= *${VALUE}`;
/** Around a statement that only some servers are to run. */
const VERSIONED = (sql: string) => `^(?:\\/\\*M?!\\d{5,6} ${sql} ?\\*\\/|${sql});[ \\r]*\\n?$`;

const PLAIN = [
  '^(?:#|--(?:[ \\t\\r\\n]|$)|\\s*$)',
  VERSIONED(`SET (?:NAMES \\w+|${ASSIGNMENT}(?:, *${ASSIGNMENT})*)`),
  VERSIONED('(?:COMMIT|START TRANSACTION|BEGIN|UNLOCK TABLES)'),
].map((pattern) => new RegExp(pattern, 'i'));

/** What the tools of Percona Server write for its engine RocksDB; it would only make a load into that faster. */
const DROPPED = [
  /^\/\*!50(?:717|112) SELECT COUNT\(\*\) INTO @\w*rocksdb\w* FROM INFORMATION_SCHEMA\.\w+ WHERE [\w\s='-]+ \*\/;\s*$/,
  /^\/\*!50(?:717|112) SET @\w*(?:rocksdb|bulk_load)\w* = IF \(@\w+, '(?:[^'\\]|\\.)*', '(?:[^'\\]|\\.)*'\) \*\/;\s*$/,
  /^\/\*!50(?:717|112) (?:PREPARE s FROM @\w+|EXECUTE s|DEALLOCATE PREPARE s) \*\/;\s*$/,
];

/** At its start; then what has to follow the name. */
const WITH_TABLE = [
  ['-- (?:Table structure for table|Dumping data for table|Sequence structure for) ', '\\s*$'],
  ['DROP (?:TABLE|SEQUENCE) IF EXISTS ', ';\\s*$'],
  ['LOCK TABLES ', ' WRITE;\\s*$'],
  ['\\/\\*!\\d+ ALTER TABLE ', ' (?:DIS|EN)ABLE KEYS \\*\\/;\\s*$'],
  ['\\/\\*!\\d+ ANALYZE TABLE ', ` UPDATE HISTOGRAM ON ${ANY_NAME} WITH \\d+ BUCKETS \\*\\/;\\s*$`],
  ['CREATE SEQUENCE ', " (?:[\\w =-]|'(?:[^'\\\\\\n]|\\\\.|'')*')*;\\s*$"],
  ['(?:DO|SELECT) SETVAL\\(', ', -?\\d+(?:, \\d+)*\\);\\s*$'],
].map(([start, then]) => new RegExp(`^(${start})${NAME}${then}`));

const COLUMNS = `\\((?:(?:${ANY_NAME}|row_start|row_end)(?:, |(?=\\))))+\\)`;
const INSERT = new RegExp(`^((?:INSERT|REPLACE) +(?:IGNORE )?INTO )${NAME}(?: ${COLUMNS})? VALUES\\s`);
/** An INSERT with a list of columns, which may not have ended. */
const INSERT_START = new RegExp(`^(?:INSERT|REPLACE) +(?:IGNORE )?INTO ${ANY_NAME} \\(`);

/** null for what the tools do not write. `text`: the statement up to the end of its line, or as much as there is. */
export function statementOf(text: string): Statement | null {
  if (/^(?:CREATE TABLE|UPDATE) /.test(text)) return { kind: 'whole' };
  for (const pattern of [INSERT, ...WITH_TABLE]) {
    const [found, start = '', name = ''] = pattern.exec(text) ?? [];
    if (found !== undefined) return { kind: 'table', start, name: unquoted(name) };
  }
  if (PLAIN.some((pattern) => pattern.test(text))) return { kind: 'plain' };
  if (DROPPED.some((pattern) => pattern.test(text))) return { kind: 'dropped' };
  return INSERT_START.test(text) ? { kind: 'unknown yet' } : null;
}

const CREATE_TABLE = new RegExp(`^(CREATE TABLE )${NAME}( \\(\\n)`);
/** Quoted pieces, and what is between them. */
const PIECES = /'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`|\n|[^'"`\n]+|['"`]/gs;

const TAKES_ROWS = /\b(?:SELECT|TABLE|VALUES(?!\s+(?:IN|LESS)))\b/i;

export interface CreateTable {
  start: string;
  name: string;
  open: string;
  /** Everything behind, cut at the line breaks that are not in quotes. */
  lines: string[];
}

/** A whole CREATE TABLE; null for one that no tool writes, as one that takes rows from other tables. */
export function createTable(statement: string): CreateTable | null {
  const [found, start = '', name = '', open = ''] = CREATE_TABLE.exec(statement) ?? [];
  if (found === undefined) return null;
  const lines = [''];
  let code = '';
  for (const [piece] of statement.slice(found.length).matchAll(PIECES)) {
    if (piece === '\n') lines.push('');
    else lines[lines.length - 1] += piece;
    code += /^['"`]/.test(piece) ? ' ' : piece;
  }
  if (TAKES_ROWS.test(code)) return null;
  return { start, name: unquoted(name), open, lines };
}

const LITERAL = `(?:NULL|-?[\\d.]+(?:e[-+]?\\d+)?|x'[0-9A-F]*'|'(?:[^'\\\\]|\\\\.|'')*')`;
const CORRECTION = new RegExp(
  `^(UPDATE )${NAME} t JOIN \\(SELECT NULL AS \\w+(?:, NULL AS \\w+)*` +
    `(?:\\nUNION ALL SELECT ${LITERAL}(?:, ${LITERAL})*)*\\) v ` +
    `ON (?:(?: AND )?t\\.${ANY_NAME} = (?:v\\.k\\d+|CONVERT\\(v\\.k\\d+ USING \\w+\\) COLLATE \\w+))+ ` +
    `SET (?:(?:, )?t\\.${ANY_NAME} = (?:IF\\(CAST\\(t\\.${ANY_NAME} AS CHAR\\) = v\\.s\\d+, v\\.e\\d+, t\\.${ANY_NAME}\\)|t\\.${ANY_NAME}))+;\\s*$`,
  's',
);

/** A whole statement that puts FLOAT values right (floats.ts); null for any other UPDATE. */
export function correction(statement: string): { start: string; name: string } | null {
  const [found, start = '', name = ''] = CORRECTION.exec(statement) ?? [];
  return found === undefined ? null : { start, name: unquoted(name) };
}

/** What a statement is like, for a message: without names, numbers and texts. */
export function kindOf(statement: string): string {
  return Buffer.from(statement, 'latin1')
    .toString('utf8')
    .replace(/'(?:[^'\\]|\\.)*'?|`(?:[^`]|``)*`?|"(?:[^"\\]|\\.)*"?/gs, '…')
    .replace(/\d+/g, '#')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 60);
}

/** The name in a piece between backticks, from latin1. */
export function unquoted(latin: string): string {
  return Buffer.from(latin, 'latin1').toString('utf8').replaceAll('``', '`');
}

/** A name in backticks, as latin1. */
export function quoted(name: string): string {
  return Buffer.from(`\`${name.replaceAll('`', '``')}\``).toString('latin1');
}
