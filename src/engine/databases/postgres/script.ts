/**
 * The SQL that pg_restore writes, tokenized like the server's own lexer does (scan.l), so that no statement, comment or row can be
 * mistaken for anything else. Texts are handled as bytes ('latin1'), which preserves every encoding a server can have.
 *
 * Ambiguous syntax that pg_restore never writes is refused: block comments, comments within a statement, string constants that
 * continue on the next line, psql commands except the pair that guards a script.
 */
import type { Message } from '../../../shared/runs';
import { SafekeepError } from '../../errors';

type Kind = 'space' | 'comment' | 'text' | 'body' | 'name' | 'other';
export interface Token {
  kind: Kind;
  /** As written in the script. */
  raw: string;
  /** kind 'name': as the server interprets it. */
  name?: string;
}

export interface Statement {
  /** From the first word to the semicolon; only the last statement of a script can lack it. */
  tokens: Token[];
  /** The object in the last header comment of pg_restore, 'VIEW public.cheap'; '' before the first one. */
  object: string;
}

/** No statement of a dump comes near this size; one that never ends must not fill the memory. */
const MAX_STATEMENT_BYTES = 256 * 1024 * 1024;

const SPACE = /[ \t\r\n\f\v]+/y;
const COMMENT = /--[^\n\r]*/y;
const WORD = /[A-Za-z_\x80-\xff][\w$\x80-\xff]*/y;
const TAG = /\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$/y;
/** Can become a tag when more text arrives. */
const TAG_BEGINS = /\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?$/y;

/** pg_restore writes such a line before each object. */
const OBJECT_MARK = /^-- (?:Data for )?Name: (.*); Type: (.*); Schema: (.*); Owner: .*$/;
/** Since August 2025, clients enclose a script in this pair, so that psql accepts no other command from it. */
const GUARD = /\\(un)?restrict ([A-Za-z0-9]+)[ \t\r]*(?:\n|$)/y;
const NEWLINE = 10;
const END_OF_ROWS = Buffer.from('\n\\.\n');

function match(pattern: RegExp, sql: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(sql)?.[0] ?? null;
}

/** The text from a quote to the next single one of its kind, both included; null when that is missing. */
function quotedAt(sql: string, at: number, quote: string, escapes: boolean): string | null {
  const stop = escapes ? /['\\]/g : quote === '"' ? /"/g : /'/g;
  for (let from = at + 1; ; from += 2) {
    stop.lastIndex = from;
    const found = stop.exec(sql)?.index;
    if (found === undefined) return null;
    const isEnd = sql[found] === quote && sql[found + 1] !== quote;
    if (isEnd) return sql.slice(at, found + 1);
    from = found;
  }
}

/** Returned for a token that is cut off by the end of the text. */
const OPEN = Symbol('the token is not complete');

export interface LexerOptions {
  /** standard_conforming_strings: backslashes in plain string constants are ordinary characters. */
  plainTexts: boolean;
}

/** The token at a position. `isAll`: no more text follows. */
function tokenAt(sql: string, at: number, isAll: boolean, { plainTexts }: LexerOptions): Token | typeof OPEN {
  const whole = (raw: string | null, kind: Kind): Token | typeof OPEN => {
    // A token at the end can continue: a text with a doubled quote, a word with more letters.
    if (raw === null || (!isAll && at + raw.length === sql.length)) return OPEN;
    return { kind, raw };
  };
  const char = sql[at] ?? '';
  const next = sql[at + 1];
  if (next === undefined && !isAll && /[-/eE$]/.test(char)) return OPEN;
  if (/[ \t\r\n\f\v]/.test(char)) return { kind: 'space', raw: match(SPACE, sql, at) ?? char };
  if (char === '-' && next === '-') return whole(match(COMMENT, sql, at), 'comment');
  if (char === '/' && next === '*') throw unreadable({ text: 'a block comment' });
  if (char === "'") return whole(quotedAt(sql, at, char, !plainTexts), 'text');
  if (/[eE]/.test(char) && next === "'") {
    const text = quotedAt(sql, at + 1, next, true);
    return whole(text === null ? null : char + text, 'text');
  }
  if (char === '"') {
    const found = whole(quotedAt(sql, at, char, false), 'name');
    return found === OPEN ? OPEN : { ...found, name: found.raw.slice(1, -1).replaceAll('""', '"') };
  }
  if (char === '$') {
    const tag = match(TAG, sql, at);
    if (tag !== null) {
      const end = sql.indexOf(tag, at + tag.length);
      return end < 0 ? OPEN : { kind: 'body', raw: sql.slice(at, end + tag.length) };
    }
    return !isAll && match(TAG_BEGINS, sql, at) !== null ? OPEN : { kind: 'other', raw: char };
  }
  const word = match(WORD, sql, at);
  if (word !== null) {
    const found = whole(word, 'name');
    return found === OPEN ? OPEN : { ...found, name: word.toLowerCase() };
  }
  return { kind: 'other', raw: char };
}

export const textOf = (tokens: readonly Token[]) => tokens.map(({ raw }) => raw).join('');
export const meaningful = (tokens: readonly Token[]) => tokens.filter(({ kind }) => kind !== 'space');
/** A word in upper case for comparison; '' for quoted text and everything that is not a word. */
export const keyword = (token: Token | undefined) =>
  token?.kind === 'name' && !token.raw.startsWith('"') ? token.raw.toUpperCase() : '';

/** `COPY … FROM stdin;`: rows follow, up to a line of `\.` */
export function beginsRows(tokens: readonly Token[]): boolean {
  const words = meaningful(tokens);
  return keyword(words[0]) === 'COPY' && keyword(words.at(-2)) === 'STDIN' && keyword(words.at(-3)) === 'FROM';
}

/** The beginning of a statement, for a message. */
export function beginningOf(tokens: readonly Token[]): string {
  const text = Buffer.from(textOf(tokens.slice(0, 40)), 'latin1').toString('utf8');
  const printable = text.replace(/[\p{C}\s]+/gu, ' ').trim();
  return printable.length > 60 ? `${printable.slice(0, 60)}…` : printable;
}

function unreadable(what: Message): SafekeepError {
  return new SafekeepError('ARCHIVE_DAMAGED', {
    detail: { text: 'the dump contains {{what}}, which dump tools never write', params: { what } },
  });
}

/** Splits statements like psql does: a semicolon within parentheses or within BEGIN ATOMIC … END does not end one. */
class StatementEnd {
  #parentheses = 0;
  #blocks = 0;
  #isRoutine = false;
  #last = '';
  readonly #words: string[] = [];

  /** @returns whether the statement ends with this token */
  endsWith(token: Token): boolean {
    if (token.raw === '(') this.#parentheses += 1;
    if (token.raw === ')') this.#parentheses = Math.max(0, this.#parentheses - 1);
    if (token.raw === ';') return this.#parentheses === 0 && this.#blocks === 0;
    if (token.kind !== 'space') this.#follow(keyword(token));
    return false;
  }

  #follow(word: string): void {
    if (this.#words.length < 4) {
      this.#words.push(word);
      this.#isRoutine = /^CREATE (OR REPLACE )?(FUNCTION|PROCEDURE)\b/.test(this.#words.join(' '));
    }
    if (this.#isRoutine && this.#parentheses === 0) {
      if (this.#blocks === 0 && word === 'ATOMIC' && this.#last === 'BEGIN') this.#blocks = 1;
      else if (this.#blocks > 0 && word === 'CASE') this.#blocks += 1;
      else if (this.#blocks > 0 && word === 'END') this.#blocks -= 1;
    }
    this.#last = word;
  }
}

/** Reads statements from text that arrives in pieces. */
class Lexer {
  #sql = '';
  #at = 0;
  /** The length of text required before an incomplete token is tried again, so that a long one is not rescanned repeatedly. */
  #enough = 0;
  #tokens: Token[] = [];
  #end = new StatementEnd();
  #object = '';
  #key: string | null = null;
  #isClosed = false;
  #hasBegun = false;
  readonly #options: LexerOptions = { plainTexts: true };

  add(text: string): void {
    this.#sql = this.#sql.slice(this.#at) + text;
    this.#enough -= this.#at;
    this.#at = 0;
    if (this.#sql.length > MAX_STATEMENT_BYTES) throw unreadable({ text: 'a statement without an end' });
  }

  #beginning(...more: Token[]): { statement: string } {
    return { statement: beginningOf([...this.#tokens, ...more]) };
  }

  /** The text that has been added and not read. */
  take(): string {
    const rest = this.#sql.slice(this.#at);
    this.#sql = '';
    this.#at = this.#enough = 0;
    return rest;
  }

  /** @returns null when more text has to be added; at the end of the script, when nothing is left */
  next(isAll: boolean): Statement | null {
    while (this.#at < this.#sql.length) {
      if (!isAll && this.#sql.length < this.#enough) return null;
      if (this.#tokens.length === 0 && this.#sql[this.#at] === '\\') {
        if (!this.#readGuard(isAll)) return null;
        continue;
      }
      const token = tokenAt(this.#sql, this.#at, isAll, this.#options);
      if (token === OPEN) {
        if (isAll) throw unreadable({ text: 'a statement without an end ({{statement}})', params: this.#beginning() });
        this.#enough = this.#at + 2 * (this.#sql.length - this.#at);
        return null;
      }
      this.#at += token.raw.length;
      if (this.#keep(token)) return this.#whole();
    }
    if (!isAll || this.#tokens.length === 0) return null;
    return this.#whole();
  }

  /** @returns whether the statement ends here */
  #keep(token: Token): boolean {
    if (this.#tokens.length === 0) {
      if (token.kind === 'comment') this.#noteMark(token.raw);
      if (token.kind === 'comment' || token.kind === 'space') return false;
    }
    if (token.kind === 'comment')
      throw unreadable({ text: 'a comment within a statement ({{statement}})', params: this.#beginning() });
    if (this.#isClosed) throw unreadable({ text: 'a statement after the end of the script' });
    if (token.kind === 'text' && meaningful(this.#tokens.slice(-2)).at(-1)?.kind === 'text')
      throw unreadable({ text: 'a string constant in several parts ({{statement}})', params: this.#beginning() });
    if (token.raw === '\\' || token.raw.includes('\0'))
      throw unreadable({ text: 'a psql command or a NUL ({{statement}})', params: this.#beginning(token) });
    this.#tokens.push(token);
    return this.#end.endsWith(token);
  }

  #whole(): Statement {
    const statement = { tokens: this.#tokens, object: this.#object };
    this.#tokens = [];
    this.#end = new StatementEnd();
    this.#hasBegun = true;
    const words = meaningful(statement.tokens);
    if (keyword(words[0]) === 'SET' && words[1]?.name === 'standard_conforming_strings') {
      const value = words[3]?.kind === 'text' ? words[3].raw.slice(1, -1) : words[3]?.name;
      this.#options.plainTexts = value !== 'off';
    }
    return statement;
  }

  #noteMark(comment: string): void {
    const [, name = '', type = '', schema = ''] = OBJECT_MARK.exec(comment) ?? [];
    if (!type) return;
    const label = schema === '-' ? `${type} ${name}` : `${type} ${schema}.${name}`;
    this.#object = Buffer.from(label, 'latin1').toString('utf8');
  }

  /** Consumes `\restrict <key>` before the first statement, and `\unrestrict` with the same key after the last one; nothing else. */
  #readGuard(isAll: boolean): boolean {
    if (!isAll && !this.#sql.includes('\n', this.#at)) return false;
    GUARD.lastIndex = this.#at;
    const [line, closes, key = ''] = GUARD.exec(this.#sql) ?? [];
    const isFitting = closes ? key === this.#key && !this.#isClosed : this.#key === null && !this.#hasBegun;
    if (line === undefined || !isFitting) {
      const raw = this.#sql.slice(this.#at, this.#at + 80);
      const params = { statement: beginningOf([{ kind: 'other', raw }]) };
      throw unreadable({ text: 'a psql command ({{statement}})', params });
    }
    this.#at += line.length;
    this.#key = key;
    this.#isClosed = closes !== undefined;
    return true;
  }
}

/** Reads a script statement by statement, with the rows of COPY between them. @throws ARCHIVE_DAMAGED */
export class ScriptReader {
  readonly #source: AsyncIterator<Buffer>;
  readonly #lexer = new Lexer();
  #isAll = false;
  #rows: Buffer | null = null;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next statement; null at the end. The rows of the previous one must have been read. */
  async next(): Promise<Statement | null> {
    for (;;) {
      const statement = this.#lexer.next(this.#isAll);
      if (statement) {
        if (beginsRows(statement.tokens)) this.#rows = Buffer.from(this.#lexer.take(), 'latin1');
        return statement;
      }
      if (this.#isAll) return null;
      const chunk = await this.#chunk();
      if (chunk) this.#lexer.add(chunk.toString('latin1'));
    }
  }

  /** The rows after a COPY that `next` has returned, in the server's format. @throws ARCHIVE_DAMAGED when their end is missing */
  async *rows(): AsyncGenerator<Buffer> {
    let kept = this.#rows ?? Buffer.alloc(0);
    this.#rows = null;
    let isFirst = true;
    for (;;) {
      if (isFirst && kept.length > 0 && kept[0] !== NEWLINE) throw unreadable({ text: 'text after COPY' });
      const end = kept.indexOf(END_OF_ROWS);
      if (end >= 0) {
        this.#lexer.add(kept.toString('latin1', end + END_OF_ROWS.length));
        // The line feed after the statement belongs to it, and that of the last row to the row.
        const last = kept.subarray(isFirst ? 1 : 0, end + 1);
        if (last.length > 0) yield last;
        return;
      }
      const length = kept.length - (END_OF_ROWS.length - 1);
      if (length > 0) {
        const ready = kept.subarray(isFirst ? 1 : 0, length);
        isFirst = false;
        kept = kept.subarray(length);
        if (ready.length > 0) yield ready;
      }
      const chunk = await this.#chunk();
      if (!chunk) throw unreadable({ text: 'rows without an end' });
      kept = kept.length > 0 ? Buffer.concat([kept, chunk]) : chunk;
    }
  }

  async #chunk(): Promise<Buffer | null> {
    const { done, value } = await this.#source.next();
    if (done === true) this.#isAll = true;
    return done === true ? null : value;
  }
}

/** All statements of a script that contains few rows or none. @throws ARCHIVE_DAMAGED */
export async function statementsIn(source: AsyncIterable<Buffer>): Promise<Statement[]> {
  const reader = new ScriptReader(source);
  const statements: Statement[] = [];
  for (let found = await reader.next(); found; found = await reader.next()) statements.push(found);
  return statements;
}

/** As `statementsIn`, for a latin1 text. */
export function statementsOf(text: string): Statement[] {
  const lexer = new Lexer();
  lexer.add(text);
  const statements: Statement[] = [];
  for (let found = lexer.next(true); found; found = lexer.next(true)) statements.push(found);
  return statements;
}
