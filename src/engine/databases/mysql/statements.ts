/**
 * The statements that dump tools write, recognized by their beginnings: those of MySQL 8.0 to 9 and MariaDB 10.9 to 12 with
 * Safekeep's flags, those that other flags add around the rows, and the corrections of FLOAT values after them. Any other
 * statement could name a live table or do something else. Texts are bytes as latin1.
 * @see client/mysqldump.cc of both servers
 */

/** A name in backticks. */
const NAME = '`((?:[^`\\n]|``)+)`';
const ANY_NAME = '`(?:[^`\\n]|``)+`';

export type Statement =
  /** Names no table; its line passes unchanged. */
  | { kind: 'plain' }
  /** Not needed for a restore. */
  | { kind: 'dropped' }
  /** Names one table, right after `start`. */
  | { kind: 'table'; start: string; name: string }
  /** Has to be read whole: `createTable` or `correction` identify it. */
  | { kind: 'whole' }
  /** The beginning is too short to identify the statement. */
  | { kind: 'unknown yet' };

const VARIABLES = [
  'autocommit|character_set_client|character_set_results|collation_connection|foreign_key_checks|innodb_stats_auto_recalc',
  'log_slow_query|note_verbosity|sql_log_off|sql_mode|sql_notes|system_versioning_insert_history|time_zone|unique_checks',
].join('|');
const VARIABLE = `(?:SESSION |LOCAL |@@(?:session\\.|local\\.)?)?(?:${VARIABLES})`;
const SAVED = '@(?:old|saved?)_[a-z_]+';
const VALUE = `(?:'[^'\\\\\\n]*'|\\d+|[a-z]\\w*|${SAVED}|@@(?:session\\.)?(?:${VARIABLES}))`;
const ASSIGNMENT = `(?:${VARIABLE}|${SAVED}) *= *${VALUE}`;
/** A statement that only some servers execute. */
const VERSIONED = (sql: string) => `^(?:\\/\\*M?!\\d{5,6} ${sql} ?\\*\\/|${sql});[ \\r]*\\n?$`;

const PLAIN = [
  '^(?:#|--(?:[ \\t\\r\\n]|$)|\\s*$)',
  VERSIONED(`SET (?:NAMES \\w+|${ASSIGNMENT}(?:, *${ASSIGNMENT})*)`),
  VERSIONED('(?:COMMIT|START TRANSACTION|BEGIN|UNLOCK TABLES)'),
].map((pattern) => new RegExp(pattern, 'i'));

/** Written by the tools of Percona Server for its RocksDB engine; it only speeds up a load into that engine. */
const DROPPED = [
  /^\/\*!50(?:717|112) SELECT COUNT\(\*\) INTO @\w*rocksdb\w* FROM INFORMATION_SCHEMA\.\w+ WHERE [\w\s='-]+ \*\/;\s*$/,
  /^\/\*!50(?:717|112) SET @\w*(?:rocksdb|bulk_load)\w* = IF \(@\w+, '(?:[^'\\]|\\.)*', '(?:[^'\\]|\\.)*'\) \*\/;\s*$/,
  /^\/\*!50(?:717|112) (?:PREPARE s FROM @\w+|EXECUTE s|DEALLOCATE PREPARE s) \*\/;\s*$/,
];

/** The beginning; then the text that must follow the name. */
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
/** An INSERT with a list of columns that may be incomplete. */
const INSERT_START = new RegExp(`^(?:INSERT|REPLACE) +(?:IGNORE )?INTO ${ANY_NAME} \\(`);

/** null for statements that the tools do not write. `text`: the statement up to the end of its line, or what has been read of it. */
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
/** Quoted pieces, and the text between them. */
const PIECES = /'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`|\n|[^'"`\n]+|['"`]/gs;

const TAKES_ROWS = /\b(?:SELECT|TABLE|VALUES(?!\s+(?:IN|LESS)))\b/i;

export interface CreateTable {
  start: string;
  name: string;
  open: string;
  /** The rest, split at the line breaks that are not in quotes. */
  lines: string[];
}

/** A whole CREATE TABLE; null for one that no tool writes, for example CREATE TABLE … SELECT. */
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

/** Lines of a CREATE TABLE that define a constraint; each such line is of one of these two kinds. */
export const CONSTRAINT = /^(\s*CONSTRAINT )/;
export const FOREIGN_KEY = new RegExp(
  `^(\\s*CONSTRAINT )${NAME}( FOREIGN KEY \\((?:${NAME}(?:, )?)+\\) REFERENCES )${NAME}(\\.?)`,
);
export const CHECK = new RegExp(`^(\\s*CONSTRAINT )${NAME}( CHECK )`);
/** Whether a whole statement is one of those that are read whole, to its last constraint. */
export function isWholeStatement(statement: string): boolean {
  const table = createTable(statement);
  if (table === null) return correction(statement) !== null;
  return table.lines.every((line) => !CONSTRAINT.test(line) || FOREIGN_KEY.test(line) || CHECK.test(line));
}

const LITERAL = `(?:NULL|-?[\\d.]+(?:e[-+]?\\d+)?|x'[0-9A-F]*'|'(?:[^'\\\\]|\\\\.|'')*')`;
const CORRECTION = new RegExp(
  `^(UPDATE )${NAME} t JOIN \\(SELECT NULL AS \\w+(?:, NULL AS \\w+)*` +
    `(?:\\nUNION ALL SELECT ${LITERAL}(?:, ${LITERAL})*)*\\) v ` +
    `ON (?:(?: AND )?t\\.${ANY_NAME} = (?:v\\.k\\d+|CONVERT\\(v\\.k\\d+ USING \\w+\\) COLLATE \\w+))+ ` +
    `SET (?:(?:, )?t\\.${ANY_NAME} = (?:IF\\(CAST\\(t\\.${ANY_NAME} AS CHAR\\) = v\\.s\\d+, v\\.e\\d+, t\\.${ANY_NAME}\\)|t\\.${ANY_NAME}))+;\\s*$`,
  's',
);

/** A whole statement that corrects FLOAT values (floats.ts); null for any other UPDATE. */
export function correction(statement: string): { start: string; name: string } | null {
  const [found, start = '', name = ''] = CORRECTION.exec(statement) ?? [];
  return found === undefined ? null : { start, name: unquoted(name) };
}

/** The form of a statement, for a message: without names, numbers and texts. */
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
