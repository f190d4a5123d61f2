/**
 * Extracts the records of uploaded files from the INSERTs of a dump while a `DumpScanner` reads it. No other session can share
 * the snapshot of the dump tool, so only the dump shows which records it contains.
 */
import type { FileRecord, FileTable } from '../driver';
import type { DumpListener } from './scan';
import { createTable, unquoted } from './statements';

type Field = 'key' | 'filename' | 'path' | 'storageId';
type Values = Record<Field, string | null>;

/** The file record in a row; null for a row that names no file. */
export function recordOf({ collection }: FileTable, values: Values): FileRecord | null {
  const { key, filename, path, storageId } = values;
  if (!filename || storageId === null) return null;
  return { collection, key: key ?? '', filename, path: path ?? '', storageId };
}

/** A column of a CREATE TABLE, as the tools print it: on a line of its own. */
const COLUMN = /^ {2}`((?:[^`]|``)+)` /;
const LISTED = /`((?:[^`]|``)+)`|\b(?:row_start|row_end)\b/g;

export class FileRows implements DumpListener {
  /** By table: the field in each column, in the order of the definition. */
  private readonly columns = new Map<string, string[]>();

  constructor(
    /** By the names that the dump tool writes. */
    private readonly tables: ReadonlyMap<string, FileTable>,
    private readonly onRecord: (record: FileRecord) => void,
  ) {}

  onStatement(text: string): void {
    if (this.tables.size === 0 || !text.startsWith('CREATE TABLE ')) return;
    const table = createTable(text);
    if (table === null || !this.tables.has(table.name)) return;
    const columns = table.lines.flatMap((line) => COLUMN.exec(line)?.[1] ?? []);
    this.columns.set(table.name, columns.map(unquoted));
  }

  rowsOf(name: string): ((bytes: Uint8Array) => void) | null {
    const table = this.tables.get(name);
    if (!table) return null;
    const fields = (columns: string[]) => columns.map((column) => fieldOf(table, column));
    const reader = new InsertReader(
      (listed) => fields(listed ?? this.columns.get(name) ?? []),
      (values) => {
        const record = recordOf(table, values);
        if (record) this.onRecord(record);
      },
    );
    return (bytes) => reader.read(bytes);
  }
}

function fieldOf(table: FileTable, column: string): Field[] {
  return (['key', 'filename', 'path', 'storageId'] as const).filter((field) => table[field] === column);
}

const [QUOTE, BACKSLASH, OPEN, CLOSE, COMMA, SPACE] = [0x27, 0x5c, 0x28, 0x29, 0x2c, 0x20];
/** Escaped characters and what they stand for. */
const ESCAPED = new Map([...'0bnrtZ'].map((letter, at) => [letter.charCodeAt(0), [0, 8, 10, 13, 9, 26][at] as number]));

const enum At {
  /** Before the first row: the list of columns, if any. */
  Head,
  BetweenRows,
  Value,
  Text,
  TextEscape,
  /** After a quote that ends a text or is the first of two. */
  TextQuote,
}

/** Reads the rows of one INSERT, in pieces of any size, starting after the table name. */
class InsertReader {
  private at: At = At.Head;
  private head = '';
  private fields: Field[][] = [];
  private column = 0;
  private values: Values = emptyValues();
  /** Bytes of the current value; null when it is not needed. */
  private bytes: number[] | null = null;
  private isText = false;

  constructor(
    /** Field of each column, from the INSERT's own list of columns or the table definition. */
    private readonly fieldsOf: (listed: string[] | null) => Field[][],
    private readonly onRow: (values: Values) => void,
  ) {}

  read(chunk: Uint8Array): void {
    for (let at = this.at === At.Head ? this.readHead(chunk) : 0; at < chunk.length; at += 1) {
      this.readByte(chunk[at] as number); // at < chunk.length
    }
  }

  /** @returns where the rows begin in the chunk */
  private readHead(chunk: Uint8Array): number {
    const before = this.head.length;
    this.head += Buffer.from(chunk).toString('latin1');
    const [found, list] = /^ (?:\(((?:`(?:[^`]|``)+`|[^`])*?)\) )?VALUES(?=\s)/.exec(this.head) ?? [];
    if (found === undefined) return chunk.length;
    const listed = list === undefined ? null : [...list.matchAll(LISTED)].map(([, name]) => unquoted(name ?? ''));
    this.fields = this.fieldsOf(listed);
    this.at = At.BetweenRows;
    return found.length - before;
  }

  private readByte(byte: number): void {
    switch (this.at) {
      case At.BetweenRows:
        if (byte === OPEN) this.beginRow();
        return;
      case At.Text:
        if (byte === BACKSLASH) this.at = At.TextEscape;
        else if (byte === QUOTE) this.at = At.TextQuote;
        else this.bytes?.push(byte);
        return;
      case At.TextEscape:
        this.bytes?.push(ESCAPED.get(byte) ?? byte);
        this.at = At.Text;
        return;
      case At.TextQuote:
        this.at = byte === QUOTE ? At.Text : At.Value;
        if (byte === QUOTE) this.bytes?.push(byte);
        else this.readByte(byte);
        return;
      case At.Value:
        if (byte === COMMA || byte === CLOSE) this.endValue(byte === CLOSE);
        else if (byte === QUOTE) this.beginText();
        else if (byte !== SPACE) this.bytes?.push(byte);
        return;
      case At.Head: // Not reached: `readHead` handles it.
    }
  }

  private beginRow(): void {
    this.at = At.Value;
    this.values = emptyValues();
    this.column = 0;
    this.beginValue();
  }

  private beginValue(): void {
    this.bytes = this.fields[this.column]?.length ? [] : null;
    this.isText = false;
  }

  /** A character set before the text, such as `_binary`, is not part of it. */
  private beginText(): void {
    this.at = At.Text;
    this.isText = true;
    if (this.bytes) this.bytes = [];
  }

  private endValue(isLast: boolean): void {
    if (this.bytes) {
      const value = this.isText ? Buffer.from(this.bytes).toString('utf8') : plainValue(this.bytes);
      for (const field of this.fields[this.column] ?? []) this.values[field] = value;
    }
    this.column += 1;
    if (isLast) {
      this.onRow(this.values);
      this.at = At.BetweenRows;
    } else this.beginValue();
  }
}

const emptyValues = (): Values => ({ key: null, filename: null, path: null, storageId: null });

/** A number, NULL, or bytes in hex. */
function plainValue(bytes: number[]): string | null {
  const text = Buffer.from(bytes).toString('latin1');
  if (text === 'NULL') return null;
  return /^0x[0-9a-f]*$/i.test(text) ? Buffer.from(text.slice(2), 'hex').toString('utf8') : text;
}
