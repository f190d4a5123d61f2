/**
 * Renames the tables of a dump on the fly, so that it can be loaded into the database of the live tables, or dumped from there.
 * The dump tools begin every statement on a line of its own and write line breaks within values as `\n`; a `DumpScanner` that
 * reads the same bytes finds the lines that begin a statement. Only statements that these tools write pass: any other could
 * name a live table.
 */
import { SafekeepError } from '../../errors';
import type { DumpScanner } from './scan';
import {
  CHECK,
  CONSTRAINT,
  correction,
  createTable,
  FOREIGN_KEY,
  quoted,
  type Statement,
  statementOf,
  unquoted,
} from './statements';

export interface NewNames {
  /** The other name of a table that the dump creates or fills. */
  tableName(name: string): Promise<string>;
  /** Whether the dump creates this table, so that foreign keys to it have to follow. */
  isTable(name: string): boolean;
  /** Whether the schema already has a constraint with this name. */
  isTaken(constraint: string): boolean;
  /** The kinds whose names must be unique in the whole schema; others keep their names. */
  shared: SharedConstraints;
  /** Called for each constraint that loses the name its author gave it. */
  onRenamedConstraint(table: string, constraint: string): void;
}

/** Kinds of constraints whose names must be unique in a schema, and which follow the table's name (see `Constraints`). */
export interface SharedConstraints {
  foreignKeys: boolean;
  checks: boolean;
}

const NEWLINE = 0x0a;
/** Limit for the beginning of a statement up to the end of its table name. */
const HEAD_BYTES = 1024;
/** Limit including a list of columns. */
const LONG_HEAD_BYTES = 1 << 20;
/** Limit for a statement that has to be read whole. */
const WHOLE_BYTES = 1 << 26;

const MAX_NAME = 64;

export class DumpRewriter {
  /** Read and not yet written. */
  private pending: Buffer = Buffer.alloc(0);
  /** The lines of an unfinished statement that is read whole. */
  private whole: Buffer[] = [];
  private wholeBytes = 0;
  /** The number of finished statements when the current line began. */
  private ended = 0;
  /** At the start of a line that begins a statement. */
  private isStart = true;

  constructor(
    /** Reads the dump as it is in the archive, always ahead of the rewriting. */
    private readonly scanner: DumpScanner,
    private readonly names: NewNames,
  ) {}

  /** @throws ARCHIVE_DAMAGED for a statement that the dump tools do not write */
  async rewrite(chunk: Uint8Array): Promise<Buffer> {
    this.pending = this.pending.length > 0 ? Buffer.concat([this.pending, chunk]) : Buffer.from(chunk);
    const written: Buffer[] = [];
    for (let next = await this.next(false); next !== null; next = await this.next(false)) written.push(next);
    return Buffer.concat(written);
  }

  /** Writes the held-back rest. @throws ARCHIVE_DAMAGED */
  async end(): Promise<Buffer> {
    const written: Buffer[] = [];
    for (let next = await this.next(true); next !== null; next = await this.next(true)) written.push(next);
    if (this.whole.length > 0)
      throw new SafekeepError('ARCHIVE_DAMAGED', { detail: { text: 'the tables end within a statement' } });
    return Buffer.concat(written);
  }

  /** The next piece that can be written; null when more has to be read first. */
  private async next(isEnd: boolean): Promise<Buffer | null> {
    if (this.pending.length === 0) return null;
    const newline = this.pending.indexOf(NEWLINE);
    const isWhole = newline >= 0 || isEnd;
    const line = newline >= 0 ? newline + 1 : this.pending.length;
    if (this.whole.length > 0) return isWhole ? await this.wholeLine(line) : null;
    if (!this.isStart) return this.take(line, newline >= 0);
    if (!isWhole && this.pending.length < HEAD_BYTES) return null;
    this.ended = this.scanner.statements;
    const statement = this.statementIn(line, isWhole);
    switch (statement.kind) {
      case 'unknown yet':
        return null;
      case 'whole':
        return isWhole ? await this.wholeLine(line) : null;
      case 'plain':
        return this.take(line, newline >= 0);
      case 'dropped':
        this.take(line, newline >= 0);
        return Buffer.from('\n');
      case 'table': {
        const rest = this.take(line, newline >= 0).subarray(statement.start.length + quoted(statement.name).length);
        const name = await this.names.tableName(statement.name);
        return Buffer.concat([Buffer.from(statement.start + quoted(name), 'latin1'), rest]);
      }
    }
  }

  /** The statement that the next line begins. @throws ARCHIVE_DAMAGED */
  private statementIn(line: number, isWhole: boolean): Statement {
    for (const bytes of [HEAD_BYTES, LONG_HEAD_BYTES]) {
      const head = this.pending.subarray(0, Math.min(line, bytes)).toString('latin1');
      const statement = statementOf(head);
      if (statement === null) throw damaged(head);
      if (statement.kind !== 'unknown yet') return statement;
      if (isWhole ? line <= bytes : this.pending.length < bytes) {
        if (isWhole) throw damaged(head);
        return statement;
      }
    }
    throw damaged(this.pending.subarray(0, HEAD_BYTES).toString('latin1'));
  }

  /** Passes bytes unchanged. */
  private take(length: number, endsLine: boolean): Buffer {
    const taken = this.pending.subarray(0, length);
    this.pending = this.pending.subarray(length);
    this.scanner.read(taken);
    const { statements, isBetweenStatements, hasOddValues } = this.scanner;
    // A second statement on the line would pass unchanged.
    if (hasOddValues || statements > this.ended + 1 || (statements > this.ended && !isBetweenStatements)) {
      throw damaged(taken.toString('latin1'));
    }
    this.isStart = endsLine && isBetweenStatements;
    return taken;
  }

  private async wholeLine(length: number): Promise<Buffer> {
    this.whole.push(this.take(length, true));
    this.wholeBytes += length;
    if (!this.isStart && this.wholeBytes <= WHOLE_BYTES) return Buffer.alloc(0);
    const statement = Buffer.concat(this.whole).toString('latin1');
    this.whole = [];
    this.wholeBytes = 0;
    return Buffer.from(await this.rewritten(statement), 'latin1');
  }

  private async rewritten(statement: string): Promise<string> {
    const found = correction(statement);
    if (found) {
      const rest = statement.slice(found.start.length + quoted(found.name).length);
      return found.start + quoted(await this.names.tableName(found.name)) + rest;
    }
    const table = createTable(statement);
    if (table === null) throw damaged(statement);
    const inactive = await this.names.tableName(table.name);
    const constraints = new Constraints(table.name, inactive, statement, this.names);
    const lines: string[] = [];
    for (const line of table.lines) {
      lines.push(CONSTRAINT.test(line) ? await this.constraint(line, constraints) : line);
    }
    return table.start + quoted(inactive) + table.open + lines.join('\n');
  }

  private async constraint(line: string, constraints: Constraints): Promise<string> {
    const [key, start = '', name = '', between = '', , parent = '', dot = ''] = FOREIGN_KEY.exec(line) ?? [];
    if (key !== undefined) {
      const isOfDump = dot === '' && this.names.isTable(unquoted(parent));
      const to = isOfDump ? await this.names.tableName(unquoted(parent)) : unquoted(parent);
      const renamed = this.names.shared.foreignKeys ? constraints.renamed(unquoted(name), 'ibfk') : unquoted(name);
      return start + quoted(renamed) + between + quoted(to) + dot + line.slice(key.length);
    }
    const [check, before = '', checkName = '', after = ''] = CHECK.exec(line) ?? [];
    if (check === undefined) throw damaged(line);
    if (!this.names.shared.checks) return line;
    return before + quoted(constraints.renamed(unquoted(checkName), 'chk')) + after + line.slice(check.length);
  }
}

/**
 * New names for the constraints of one table. The server renames `<table>_ibfk_<n>` (MySQL: `<table>_chk_<n>` too) along with
 * its table, so such a constraint regains its own name together with the table.
 */
class Constraints {
  private last: number;

  constructor(
    private readonly table: string,
    private readonly inactive: string,
    statement: string,
    private readonly names: NewNames,
  ) {
    const numbers = [...statement.matchAll(/_(?:ibfk|chk)_(\d{1,6})`/g)].map(([, number]) => Number(number));
    this.last = Math.max(0, ...numbers);
  }

  renamed(name: string, kind: 'ibfk' | 'chk'): string {
    const ending = `_${kind}_`;
    const start = this.table + ending;
    const number = name.toLowerCase().startsWith(start.toLowerCase()) ? name.slice(start.length) : '';
    if (/^\d+$/.test(number)) return this.inactive + ending + number;
    if (!this.names.isTaken(name)) return name;
    this.last += 1;
    this.names.onRenamedConstraint(this.table, name);
    // With a longer name, the server would refuse to rename the table. MariaDB prints names that contain a backtick in a form that
    // cannot be read back.
    const follows = [...start].length + String(this.last).length <= MAX_NAME && !start.includes('`');
    return this.inactive + (follows ? ending : `_${kind === 'ibfk' ? 'key' : 'check'}_`) + String(this.last);
  }
}

function damaged(text: string): SafekeepError {
  const shown = Buffer.from(text.slice(0, 80), 'latin1').toString('utf8');
  return new SafekeepError('ARCHIVE_DAMAGED', {
    detail: {
      text: 'the dump contains a statement that dump tools never write: {{statement}}',
      params: { statement: shown },
    },
  });
}
