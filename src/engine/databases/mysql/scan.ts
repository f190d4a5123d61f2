/**
 * Reads the SQL of mysqldump or mariadb-dump as it passes and counts the rows of every INSERT, so that the manifest records what
 * the dump really contains. Relies on the format that both tools write under any server setting: names in backticks, backslash
 * escapes in texts, comments only between statements.
 */

const QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;
const BACKTICK = 0x60;
const BACKSLASH = 0x5c;
const OPEN = 0x28;
const CLOSE = 0x29;
const SEMICOLON = 0x3b;
const DASH = 0x2d;
const HASH = 0x23;
const NEWLINE = 0x0a;
const SPACE = 0x20;
const UPPER_V = 0x56;
const LOWER_V = 0x76;

const enum State {
  /** Within or between statements, outside all quotes. */
  Code,
  Text,
  DoubleQuoted,
  Name,
  /** Right after a backtick within a name: a second one belongs to the name. */
  NameEnd,
  Comment,
}

const enum Kind {
  /** Between statements, or at the start of one that is not identified yet. */
  Unknown,
  /** An INSERT whose values have not begun. */
  Insert,
  InsertValues,
  CreateTable,
  Other,
}

/** Bytes in code that matter once the statement is identified. */
const MATTERS = new Uint8Array(256);
for (const byte of [QUOTE, DOUBLE_QUOTE, BACKTICK, OPEN, CLOSE, SEMICOLON, UPPER_V, LOWER_V]) MATTERS[byte] = 1;

/** Bytes between the rows of an INSERT; any other makes it odd. */
const EXPECTED_BETWEEN_ROWS = new Uint8Array(256);
for (const byte of [0x2c, 0x0a, 0x0d, SPACE, OPEN, SEMICOLON]) EXPECTED_BETWEEN_ROWS[byte] = 1;

/** This much of a statement's start identifies its kind. */
const HEAD_BYTES = 48;
const COMMENT_BYTES = 48;
/** How much of a statement a listener receives, and of one that is short as a whole. */
const TEXT_BYTES = 1024;
const WHOLE_BYTES = 1 << 20;
const HEARD_WHOLE = /^(?:CREATE TABLE|UPDATE) /;

/** Receives statements and rows as they are read. */
export interface DumpListener {
  /** The start of a statement that has ended, as latin1; of CREATE TABLE and UPDATE up to 1 MB. */
  onStatement?(text: string): void;
  /** Receives the bytes of an INSERT into this table, from after the table name to the semicolon; null when they are not needed. */
  rowsOf?(table: string): ((bytes: Uint8Array) => void) | null;
}

export class DumpScanner {
  /** The largest INSERT: a server that loads it must accept packets of its size. */
  readonly largest = { table: '', bytes: 0 };
  /** Number of statements that have ended. */
  statements = 0;
  /** An INSERT contained something other than values: a call, a query, or text after its rows. */
  hasOddValues = false;
  private state: State = State.Code;
  private kind: Kind = Kind.Unknown;
  /** The next byte of a quoted text is taken literally. */
  private escaped = false;
  /** Code of the current statement's start; '' between statements. */
  private head = '';
  private nameBytes: number[] | null = null;
  private table: string | null = null;
  private depth = 0;
  private comment = '';
  private readonly rowsOf = new Map<string, number>();
  private readonly tableFromLine: { line: number; table: string }[] = [];
  /** Bytes and lines before the current chunk. */
  private bytesBefore = 0;
  private linesBefore = 0;
  private statementStart = 0;
  private statementLine = 0;
  /** Where in the current chunk the wanted text of the statement continues; -1 when no more is wanted. */
  private textFrom = -1;
  private text = '';
  private takeRows: ((bytes: Uint8Array) => void) | null = null;
  private rowsFrom = 0;
  private hasRows = false;

  constructor(private readonly listener: DumpListener = {}) {}

  /** Tables in the order of their creation, with the number of rows inserted. */
  get tables(): { name: string; rows: number }[] {
    return [...this.rowsOf].map(([name, rows]) => ({ name, rows }));
  }

  /** True when no statement is open. */
  get isBetweenStatements(): boolean {
    return this.head === '' && (this.state === State.Code || this.state === State.Comment);
  }

  /** True when the tool's own end mark is the last thing read. */
  get isComplete(): boolean {
    return this.isBetweenStatements && /^\s*Dump completed\b/.test(this.comment);
  }

  /** The table whose statements are at a line (counted from 1); null when there is none. */
  tableAt(line: number): string | null {
    return this.tableFromLine.findLast((entry) => entry.line <= line)?.table ?? null;
  }

  read(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.state === State.Code) at = this.readCode(chunk, at);
      else if (this.state === State.Text) at = this.readQuoted(chunk, at, QUOTE);
      else if (this.state === State.DoubleQuoted) at = this.readQuoted(chunk, at, DOUBLE_QUOTE);
      else if (this.state === State.Comment) at = this.readComment(chunk, at);
      else at = this.readName(chunk, at);
    }
    this.hearText(chunk, chunk.length);
    this.takeRows?.(chunk.subarray(this.rowsFrom));
    this.rowsFrom = 0;
    this.bytesBefore += chunk.length;
    this.linesBefore += countLines(chunk, chunk.length);
  }

  private readCode(chunk: Uint8Array, start: number): number {
    for (let at = start; at < chunk.length; at += 1) {
      const byte = chunk[at] as number; // at < chunk.length, here and below
      if (this.kind === Kind.Unknown) {
        if (this.head === '' && byte <= SPACE) continue;
        if (this.head === '') this.beginStatement(at);
        this.readHead(byte, chunk, at);
        if (this.state === State.Comment) return at + 1;
      }
      if (this.hasRows && this.depth === 0 && EXPECTED_BETWEEN_ROWS[byte] === 0) this.hasOddValues = true;
      if (MATTERS[byte] === 0) continue;
      switch (byte) {
        case QUOTE:
          this.state = State.Text;
          return at + 1;
        case DOUBLE_QUOTE:
          this.state = State.DoubleQuoted;
          return at + 1;
        case BACKTICK:
          this.state = State.Name;
          if (this.table === null && this.kind !== Kind.Other) this.nameBytes = [];
          return at + 1;
        case OPEN:
          if (this.kind === Kind.InsertValues) {
            if (this.depth === 0) this.countRow();
            else this.hasOddValues = true;
          }
          this.depth += 1;
          break;
        case CLOSE:
          this.depth -= 1;
          break;
        case SEMICOLON:
          this.endStatement(chunk, at + 1);
          break;
        default:
          // A bare word with V after the table's name: column names are in backticks, so it is VALUES.
          if (this.kind === Kind.Insert && this.table !== null && this.depth === 0) this.kind = Kind.InsertValues;
      }
    }
    return chunk.length;
  }

  /** Adds a byte of a statement's start and identifies the kind of statement as soon as possible. */
  private readHead(byte: number, chunk: Uint8Array, at: number): void {
    this.head += String.fromCharCode(byte);
    if (byte === HASH && this.head.length === 1) return this.beginComment();
    if (byte === DASH && this.head === '--') return this.beginComment();
    if (byte !== BACKTICK && byte !== SEMICOLON && byte !== QUOTE && this.head.length < HEAD_BYTES) return;
    if (/^(?:INSERT|REPLACE)\b/i.test(this.head)) this.kind = Kind.Insert;
    else if (/^CREATE (?:TEMPORARY )?TABLE\b/i.test(this.head)) this.kind = Kind.CreateTable;
    else this.kind = Kind.Other;
    if (this.kind !== Kind.Other) this.statementLine = this.linesBefore + countLines(chunk, at) + 1;
  }

  private beginStatement(at: number): void {
    this.statementStart = this.bytesBefore + at;
    this.comment = '';
    this.text = '';
    this.textFrom = this.listener.onStatement ? at : -1;
  }

  private beginComment(): void {
    this.state = State.Comment;
    this.head = '';
    this.comment = '';
    this.textFrom = -1;
  }

  private endStatement(chunk: Uint8Array, end: number): void {
    this.hearText(chunk, end);
    this.textFrom = -1;
    this.listener.onStatement?.(this.text);
    this.takeRows?.(chunk.subarray(this.rowsFrom, end));
    this.takeRows = null;
    this.hasRows = false;
    const bytes = this.bytesBefore + end - this.statementStart;
    if (this.kind === Kind.InsertValues && bytes > this.largest.bytes) {
      this.largest.bytes = bytes;
      this.largest.table = this.table ?? '';
    }
    this.statements += 1;
    this.kind = Kind.Unknown;
    this.head = '';
    this.table = null;
    this.depth = 0;
  }

  private hearText(chunk: Uint8Array, end: number): void {
    if (this.textFrom < 0) return;
    const hear = (limit: number) => {
      const piece = chunk.subarray(this.textFrom, Math.min(end, this.textFrom + limit - this.text.length));
      this.text += Buffer.from(piece).toString('latin1');
      this.textFrom += piece.length;
    };
    hear(TEXT_BYTES);
    const isShort = HEARD_WHOLE.test(this.text);
    if (isShort) hear(WHOLE_BYTES);
    this.textFrom = this.text.length < (isShort ? WHOLE_BYTES : TEXT_BYTES) ? 0 : -1;
  }

  private readQuoted(chunk: Uint8Array, start: number, quote: number): number {
    let at = start;
    if (this.escaped) {
      this.escaped = false;
      at += 1;
    }
    for (; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (byte === quote) {
        this.state = State.Code;
        return at + 1;
      }
      if (byte === BACKSLASH) {
        at += 1;
        this.escaped = at === chunk.length;
      }
    }
    return chunk.length;
  }

  private readName(chunk: Uint8Array, start: number): number {
    for (let at = start; at < chunk.length; at += 1) {
      const byte = chunk[at] as number;
      if (this.state === State.NameEnd) {
        if (byte !== BACKTICK) {
          this.endName(at);
          return at;
        }
        this.state = State.Name;
        this.nameBytes?.push(byte);
      } else if (byte === BACKTICK) this.state = State.NameEnd;
      else this.nameBytes?.push(byte);
    }
    return chunk.length;
  }

  private endName(at: number): void {
    this.state = State.Code;
    if (this.nameBytes === null) return;
    this.table = Buffer.from(this.nameBytes).toString('utf8');
    this.nameBytes = null;
    if (this.kind === Kind.Insert) {
      this.takeRows = this.listener.rowsOf?.(this.table) ?? null;
      this.rowsFrom = at;
    }
    if (!this.rowsOf.has(this.table)) this.rowsOf.set(this.table, 0);
    if (this.tableFromLine.at(-1)?.table !== this.table) {
      this.tableFromLine.push({ line: this.statementLine, table: this.table });
    }
  }

  private readComment(chunk: Uint8Array, start: number): number {
    const newline = chunk.indexOf(NEWLINE, start);
    const end = newline < 0 ? chunk.length : newline;
    const room = COMMENT_BYTES - this.comment.length;
    if (room > 0) this.comment += Buffer.from(chunk.subarray(start, Math.min(end, start + room))).toString('latin1');
    if (newline < 0) return end;
    this.state = State.Code;
    return newline + 1;
  }

  private countRow(): void {
    this.hasRows = true;
    if (this.table !== null) this.rowsOf.set(this.table, (this.rowsOf.get(this.table) ?? 0) + 1);
  }
}

function countLines(chunk: Uint8Array, end: number): number {
  let lines = 0;
  for (let at = chunk.indexOf(NEWLINE); at >= 0 && at < end; at = chunk.indexOf(NEWLINE, at + 1)) lines += 1;
  return lines;
}
