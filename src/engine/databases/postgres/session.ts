/** The session that loads a backup: one connection, which can hold a transaction open for as long as needed. */
import { SafekeepError } from '../../errors';
import type { DatabaseConnection } from '../driver';
import { requireAllowed, type StatementKind } from './allowed';
import { ArchiveCommand } from './command';
import { complaintOf, isServerError, type ServerMessage } from './complaint';
import { type Client, connect, quoteName } from './connection';
import { renameIn, type Renaming } from './rename';
import { meaningful, type Statement, textOf } from './script';
import { asServerFailure } from './server-failure';

export interface SessionOptions {
  database?: string;
  /** Later processes find the session by this name. */
  applicationName: string;
  /** Ends the session. */
  signal: AbortSignal;
  /** Receives notices of the server, and errors of statements that are allowed to fail; each one once. */
  onComplaint: (line: string) => void;
}

/**
 * With an empty path, temporary tables, which a function of the archive can create, would take precedence over the catalogs. The
 * script sets the dump's own encoding; all other statements are in UTF-8.
 */
const OWN_SETTINGS = `
  SET search_path = pg_catalog, pg_temp; SET client_encoding = 'UTF8'; SET standard_conforming_strings = on;
  SET client_min_messages = warning; SET statement_timeout = 0; SET lock_timeout = 0; SET row_security = off`;

/** The rules for statements of the archive. */
export interface ArchiveRules {
  /** Schemas of the dump: nothing else can be created or changed. */
  schemas: readonly string[];
  /** Grants can name the role that made them. */
  grants?: boolean;
  /** Set where the dump is loaded into other schemas. */
  renaming?: Renaming;
  /** server_version_num. */
  versionNumber: number;
}

export class LoadSession {
  readonly #complaints = new Set<string>();
  #failure: unknown = null;
  #isOpen = true;
  #isInTransaction = false;

  private constructor(
    private readonly client: Client,
    private readonly options: SessionOptions,
  ) {
    client.on('notice', (notice) => this.#complain(notice as ServerMessage));
    client.on('error', (error) => this.#fail(error));
    client.once('end', () => this.#fail(new Error('Connection terminated')));
  }

  /** Has no timeouts and no search path. @throws DATABASE_UNREACHABLE, CANCELLED */
  static async open(connection: DatabaseConnection, options: SessionOptions): Promise<LoadSession> {
    const session = new LoadSession(await connect(connection, options), options);
    await session.reset();
    return session;
  }

  /** Begins the transaction that stays open to the end. */
  async begin(): Promise<void> {
    await this.run('BEGIN');
    this.#isInTransaction = true;
  }

  /** Resets everything a script can have changed, so that Safekeep's queries never find objects of the archive. */
  async reset(): Promise<void> {
    await this.run(OWN_SETTINGS);
  }

  /** Sets the search path until `reset`. */
  async lookIn(schemas: readonly string[]): Promise<void> {
    await this.run(`SET search_path = ${schemas.map(quoteName).join(', ')}`);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Runs Safekeep's own statements, one or several. A failure ends the session. @throws TOOL_FAILED, SERVER_FAILED, … */
  async run(sql: string): Promise<void> {
    if (sql.trim()) await this.#strictly('', () => this.client.query(sql));
  }

  /** Runs one of Safekeep's own queries. @returns the first column, as text */
  async ask(sql: string): Promise<string[]> {
    return (await this.askRows(sql)).map(([value]) => String(value));
  }

  async askRows(sql: string): Promise<unknown[][]> {
    return (await this.#strictly('', () => this.client.query<unknown[]>({ text: sql, rowMode: 'array' }))).rows;
  }

  /** Runs Safekeep's own statements, each of which can fail: its error is then reported as a complaint. */
  async lenient(statements: readonly string[]): Promise<void> {
    for (const sql of statements) await this.#leniently('', () => this.client.query(sql));
  }

  /** Runs a statement of an archive, with its rows. @throws ARCHIVE_DAMAGED before anything is sent, TOOL_FAILED naming the object */
  async archive(statement: Statement, rules: ArchiveRules, rows: AsyncIterable<Buffer> | null = null): Promise<void> {
    const kind = requireAllowed(statement, rules.schemas, rules.grants);
    if (this.#isOurs(kind, statement, rules)) return;
    await this.#strictly(statement.object, () => this.#send(statement, rules, rows));
  }

  /** As `archived`, for a statement that can fail: its error is then reported as a complaint. */
  async archiveLeniently(statement: Statement, rules: ArchiveRules): Promise<void> {
    const kind = requireAllowed(statement, rules.schemas, rules.grants);
    if (this.#isOurs(kind, statement, rules)) return;
    await this.#leniently(statement.object, () => this.#send(statement, rules, null));
  }

  /** Ends the session in an orderly way; an open transaction is rolled back. */
  async quit(): Promise<void> {
    this.#isOpen = false;
    await this.client.end();
  }

  /** Ends the session at once. The server may continue the current statement. */
  async kill(): Promise<void> {
    this.#isOpen = false;
    await this.client.end().catch(() => undefined);
  }

  /** Settings that the session manages itself: the search path, and limits that this server does not support. */
  #isOurs(kind: StatementKind, { tokens }: Statement, { versionNumber }: ArchiveRules): boolean {
    if (kind === 'search path') return true;
    return kind === 'parameter' && versionNumber < 170_000 && meaningful(tokens)[1]?.name === 'transaction_timeout';
  }

  async #send({ tokens }: Statement, { renaming }: ArchiveRules, rows: AsyncIterable<Buffer> | null): Promise<void> {
    const sql = textOf(renaming ? renameIn(tokens, renaming) : tokens);
    const command = new ArchiveCommand(Buffer.from(sql, 'latin1'), rows);
    this.client.query(command);
    await command.done;
  }

  async #strictly<T>(object: string, work: () => Promise<T>): Promise<T> {
    if (!this.#isOpen) throw this.#explain(this.#failure, object);
    try {
      return await work();
    } catch (error) {
      this.#fail(error);
      void this.kill();
      throw this.#explain(this.#failure, object);
    }
  }

  async #leniently(object: string, work: () => Promise<unknown>): Promise<void> {
    const savepoint = (sql: string) => this.#strictly(object, () => this.client.query(sql));
    const isWithin = this.#isInTransaction;
    if (isWithin) await savepoint('SAVEPOINT lenient');
    try {
      await work();
    } catch (error) {
      if (!isServerError(error) || asServerFailure(error)) return this.#strictly(object, () => Promise.reject(error));
      this.#complain(error);
      if (isWithin) await savepoint('ROLLBACK TO SAVEPOINT lenient');
    }
    if (isWithin) await savepoint('RELEASE SAVEPOINT lenient');
  }

  #fail(error: unknown): void {
    // Keep the first cause: a session terminated by the server also reports its end.
    this.#failure ??= error;
    this.#isOpen = false;
  }

  #complain(message: ServerMessage): void {
    const line = complaintOf(message);
    if (this.#complaints.has(line)) return;
    this.#complaints.add(line);
    this.options.onComplaint(line);
  }

  #explain(error: unknown, object: string): unknown {
    if (this.options.signal.aborted) return new SafekeepError('CANCELLED', {}, { cause: error });
    if (error instanceof SafekeepError) return error;
    const text = complaintOf(error ?? new Error('the session has ended'));
    const detail = object ? `${object}: ${text}` : text;
    const failure = asServerFailure(error, detail);
    return failure ?? new SafekeepError('TOOL_FAILED', { tool: 'PostgreSQL', detail }, { cause: error });
  }
}
