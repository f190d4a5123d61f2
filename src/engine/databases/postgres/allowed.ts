/**
 * The statements an archive is allowed to run: those that pg_dump 12 to 18 and pg_restore write for the objects of schemas, on
 * objects of these schemas. All others are refused before any of them reaches a server: a dump is untrusted input.
 */
import { SafekeepError } from '../../errors';
import { beginningOf, keyword, meaningful, type Statement, type Token } from './script';

const KINDS = [
  ...['TABLE', 'FOREIGN TABLE', 'VIEW', 'MATERIALIZED VIEW', 'SEQUENCE', 'INDEX', 'FUNCTION', 'PROCEDURE', 'AGGREGATE'],
  ...['TYPE', 'DOMAIN', 'COLLATION', 'CONVERSION', 'OPERATOR CLASS', 'OPERATOR FAMILY', 'OPERATOR', 'STATISTICS'],
  ...['TEXT SEARCH CONFIGURATION', 'TEXT SEARCH DICTIONARY', 'TEXT SEARCH PARSER', 'TEXT SEARCH TEMPLATE'],
].join('|');

/** Statements that name their object right after these words. */
const BY_NAME = [
  new RegExp(`^CREATE (OR REPLACE )?((UNLOGGED|DEFAULT|RECURSIVE) )?(${KINDS}) `),
  new RegExp(`^ALTER (${KINDS}) (ONLY )?`),
  new RegExp(`^COMMENT ON (COLUMN|${KINDS}) `),
  new RegExp(`^SECURITY LABEL FOR \\S+ ON (COLUMN|${KINDS}) `),
  /^REFRESH MATERIALIZED VIEW /,
];
/** Parts of a table or domain: the object follows ON, or TO for a rule that is created. */
const PARTS = '(CONSTRAINT|TRIGGER|RULE|POLICY)';
const BY_PLACE = [
  /^CREATE (UNIQUE )?INDEX /,
  new RegExp(`^CREATE (OR REPLACE )?(CONSTRAINT )?${PARTS} `),
  new RegExp(`^ALTER ${PARTS} `),
  new RegExp(`^COMMENT ON ${PARTS} `),
];
const GRANT = /^(GRANT|REVOKE) /;
const GRANTED_ON = ['TABLE', 'SEQUENCE', 'FUNCTION', 'PROCEDURE', 'TYPE'];

const PARAMETERS = new Set([
  ...['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout'],
  ...['client_encoding', 'standard_conforming_strings', 'check_function_bodies', 'xmloption', 'client_min_messages'],
  ...[
    'row_security',
    'default_tablespace',
    'default_table_access_method',
    'default_with_oids',
    'escape_string_warning',
  ],
]);
/** Encodings that a server can have; in these, no byte of a multi-byte character can be mistaken for ASCII. */
const SAFE_ENCODING =
  /^(UTF8|SQL_ASCII|EUC_(CN|JP|KR|TW)|EUC_JIS_2004|LATIN([1-9]|10)|ISO_8859_[5-8]|KOI8[RU]|MULE_INTERNAL|WIN(866|874|125[0-8]))$/;

/** The kinds of statements that are treated differently. */
export type StatementKind = 'parameter' | 'search path' | 'sequence' | 'copy' | 'routine' | 'other';

/**
 * @param schemas those of the dump @param grants whether grants can name the role that made them
 * @throws ARCHIVE_DAMAGED naming the statement's beginning
 */
export function requireAllowed({ tokens }: Statement, schemas: readonly string[], grants = false): StatementKind {
  const words = meaningful(tokens);
  const kind = kindOf(words, schemas, grants);
  if (kind) return kind;
  throw new SafekeepError('ARCHIVE_DAMAGED', {
    detail: {
      text: 'the dump contains a statement that dump tools never write: {{statement}}',
      params: { statement: beginningOf(tokens) },
    },
  });
}

function kindOf(words: Token[], schemas: readonly string[], grants: boolean): StatementKind | null {
  if (words.at(-1)?.raw !== ';') return null;
  const head = words
    .slice(0, 9)
    .map((token) => keyword(token) || token.raw)
    .join(' ');
  const isOwn = (token: Token | undefined) => token?.kind === 'name' && schemas.includes(decoded(token.name));
  switch (keyword(words[0])) {
    case 'SET':
      if (grants && /^SET SESSION AUTHORIZATION \S+ ;$/.test(head)) return 'parameter';
      return isParameter(words) ? 'parameter' : null;
    case 'RESET':
      return grants && head === 'RESET SESSION AUTHORIZATION ;' ? 'parameter' : null;
    case 'SELECT':
      return selected(words, schemas);
    case 'COPY':
      return isCopy(words) && isOwn(words[1]) ? 'copy' : null;
  }
  if (GRANT.test(head)) {
    const on = words.findIndex((token) => keyword(token) === 'ON');
    const what = keyword(words[on + 1]);
    if (on < 0) return null;
    if (what === 'SCHEMA') return isOwn(words[on + 2]) ? 'other' : null;
    return GRANTED_ON.includes(what) && isOwn(words[on + 2]) && words[on + 3]?.raw === '.' ? 'other' : null;
  }
  if (/^ALTER DEFAULT PRIVILEGES FOR ROLE /.test(head)) {
    const at = words.findIndex((token, i) => keyword(token) === 'SCHEMA' && keyword(words[i - 1]) === 'IN');
    return at > 0 && isOwn(words[at + 1]) ? 'other' : null;
  }
  const at = objectAt(words, head);
  if (at === null || !isOwn(words[at]) || words[at + 1]?.raw !== '.') return null;
  return /^CREATE (OR REPLACE )?(FUNCTION|PROCEDURE|AGGREGATE) /.test(head) ? 'routine' : 'other';
}

const decoded = (name = '') => Buffer.from(name, 'latin1').toString('utf8');

/** The position of the name of the object that is created or changed; null for any other statement. */
function objectAt(words: readonly Token[], head: string): number | null {
  const place = BY_PLACE.map((pattern) => pattern.exec(head)?.[0]).find(Boolean);
  if (place) {
    const from = place.split(' ').length - 1;
    const word = place.startsWith('CREATE') && place.endsWith('RULE ') ? 'TO' : 'ON';
    const at = words.findIndex((token, i) => i >= from && keyword(token) === word);
    if (at < 0) return null;
    return ['ONLY', 'DOMAIN'].includes(keyword(words[at + 1])) ? at + 2 : at + 1;
  }
  const found = BY_NAME.map((pattern) => pattern.exec(head)?.[0]).find(Boolean);
  return found ? found.split(' ').length - 1 : null;
}

/** `SET name = value;` */
function isParameter(words: readonly Token[]): boolean {
  const [, name, equals, value] = words;
  if (equals?.raw !== '=' || !PARAMETERS.has(name?.name ?? '') || keyword(name) === '') return false;
  const values = words.slice(3, -1);
  const isOne = values.length === 1 && (value?.kind === 'text' || value?.kind === 'name');
  if (!isOne && !values.every(({ raw }) => /^\d$/.test(raw))) return false;
  return name?.name !== 'client_encoding' || SAFE_ENCODING.test(value?.raw.replaceAll("'", '') ?? '');
}

/** The search path that every script sets, or the value of a sequence. */
function selected(words: readonly Token[], schemas: readonly string[]): StatementKind | null {
  const text = words.map(({ raw, kind }) => (kind === 'text' ? "''" : raw)).join('');
  if (/^SELECTpg_catalog\.set_config\('',''(,false)\);$/i.test(text)) {
    return words[5]?.raw === "'search_path'" && words[7]?.raw === "''" ? 'search path' : null;
  }
  if (!/^SELECTpg_catalog\.setval\('',-?\d+,(true|false)\);$/i.test(text)) return null;
  const [, quoted, plain] =
    /^'(?:"((?:[^"]|"")*)"|([^".(]+))\./.exec((words[5]?.raw ?? '').replaceAll("''", "'")) ?? [];
  const schema = quoted?.replaceAll('""', '"') ?? plain;
  return schema !== undefined && schemas.includes(decoded(schema)) ? 'sequence' : null;
}

/** `COPY schema.table [(columns)] FROM stdin;`, with nothing else in it. */
function isCopy(words: readonly Token[]): boolean {
  const shape = words
    .slice(1)
    .map((token) =>
      token.kind === 'name' && !['FROM', 'STDIN'].includes(keyword(token)) ? 'n' : keyword(token) || token.raw,
    )
    .join('');
  return /^n\.n(\(n(,n)*\))?FROMSTDIN;$/.test(shape);
}
