/**
 * The SQL that pg_restore writes, read token by token: so far that what stands in texts, comments, function bodies and rows is told
 * from what names an object. Texts are handled byte by byte ('latin1'), which keeps every encoding a server can have.
 */
import { Transform } from 'node:stream';

type Kind = 'space' | 'text' | 'body' | 'name' | 'other';
export interface Token {
  kind: Kind;
  /** As it stands in the script. */
  raw: string;
  /** kind 'name': as the server takes it. */
  name?: string;
}

const TOKENS: { kind: Kind; pattern: RegExp }[] = [
  { kind: 'space', pattern: /[ \t\r\n\f\v]+|--[^\n]*(?:\n|$)|\/\*[^]*?\*\//y },
  { kind: 'text', pattern: /[eE]'[^'\\]*(?:(?:\\[^]|'')[^'\\]*)*'|'[^']*(?:''[^']*)*'/y },
  { kind: 'name', pattern: /"[^"]*(?:""[^"]*)*"/y },
  { kind: 'body', pattern: /\$((?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?)\$[^]*?\$\1\$/y },
  { kind: 'name', pattern: /[A-Za-z_\x80-\xff][\w$\x80-\xff]*/y },
];
/** Beginnings of a text, name, body or comment whose end is missing. */
const OPENED = /[eE]?'|"|\$[$A-Za-z_\x80-\xff]|\/\*/y;

const LAST_PATTERN = TOKENS.at(-1)?.pattern;

/** The token at a place; null when its end has not arrived yet. */
function tokenAt(sql: string, at: number, isAll: boolean): Token | null {
  if (isAll === false && at === sql.length - 1 && sql[at] !== ';') return null;
  for (const { kind, pattern } of TOKENS) {
    if (pattern === LAST_PATTERN && !isAll && opens(sql, at)) return null;
    pattern.lastIndex = at;
    const [raw] = pattern.exec(sql) ?? [];
    if (!raw) continue;
    if (!isAll && at + raw.length === sql.length) return null;
    if (kind !== 'name') return { kind, raw };
    return { kind, raw, name: raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw.toLowerCase() };
  }
  return { kind: 'other', raw: sql[at] ?? '' };
}

function opens(sql: string, at: number): boolean {
  OPENED.lastIndex = at;
  return OPENED.test(sql);
}

/** Tokens of one statement, its semicolon included; null when its end has not arrived yet. */
function statementAt(sql: string, isAll: boolean): { tokens: Token[]; length: number } | null {
  const tokens: Token[] = [];
  let at = 0;
  while (at < sql.length) {
    const token = tokenAt(sql, at, isAll);
    if (!token) return null;
    tokens.push(token);
    at += token.raw.length;
    if (token.raw === ';') return { tokens, length: at };
  }
  return isAll ? { tokens, length: at } : null;
}

/** Statements of a script that holds no rows; what stands in front of a statement is part of it. */
export function statementsOf(script: string): Token[][] {
  const statements: Token[][] = [];
  let rest = script;
  while (rest) {
    const found = statementAt(rest, true);
    if (!found) break;
    statements.push(found.tokens);
    rest = rest.slice(found.length);
  }
  return statements;
}

export const textOf = (tokens: readonly Token[]) => tokens.map(({ raw }) => raw).join('');
export const meaningful = (tokens: readonly Token[]) => tokens.filter(({ kind }) => kind !== 'space');

/** `COPY … FROM stdin;` as pg_restore writes it: rows follow, up to a line of `\.` */
function beginsRows(tokens: readonly Token[]): boolean {
  const words = meaningful(tokens);
  return words[0]?.raw === 'COPY' && words.at(-2)?.raw === 'stdin' && words.at(-3)?.raw === 'FROM';
}

const END_OF_ROWS = Buffer.from('\n\\.\n');

/** Passes a script on with each statement rewritten; rows of COPY are passed on as they are. */
export function rewriting(rewrite: (tokens: Token[]) => Token[]): Transform {
  let sql = '';
  let rows: Buffer | null = null;
  const statements = (transform: Transform, isAll: boolean) => {
    for (;;) {
      const found = sql ? statementAt(sql, isAll) : null;
      if (!found) return;
      transform.push(Buffer.from(textOf(rewrite(found.tokens)), 'latin1'));
      sql = sql.slice(found.length);
      if (!beginsRows(found.tokens)) continue;
      rows = Buffer.from(sql, 'latin1');
      sql = '';
      return;
    }
  };
  /** Passes rows on as far as their end can't lie in what is kept. */
  const passRows = (transform: Transform, chunk: Buffer): Buffer | null => {
    const all = rows ? Buffer.concat([rows, chunk]) : chunk;
    const end = all.indexOf(END_OF_ROWS);
    if (end >= 0) {
      const after = end + END_OF_ROWS.length;
      transform.push(all.subarray(0, after));
      rows = null;
      return all.subarray(after);
    }
    const keep = Math.min(all.length, END_OF_ROWS.length - 1);
    if (all.length > keep) transform.push(all.subarray(0, all.length - keep));
    rows = all.subarray(all.length - keep);
    return null;
  };
  const take = (transform: Transform, chunk: Buffer) => {
    let left: Buffer | null = chunk;
    while (left && left.length > 0) {
      if (rows) {
        left = passRows(transform, left);
        continue;
      }
      sql += left.toString('latin1');
      statements(transform, false);
      left = rows;
      if (rows) rows = Buffer.alloc(0);
    }
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      take(this, chunk);
      done();
    },
    flush(done) {
      if (rows) this.push(rows);
      statements(this, true);
      done();
    },
  });
}
