/** A psql process that is talked to: one session on the server, which can hold a transaction open for as long as it is needed. */
import { randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';
import { SafekeepError } from '../../errors';
import { NO_IDLE_LIMIT_MS, openTool, type OpenTool } from '../../process';

const NEWLINE = 10;
/** pg_restore writes such a line before each object. */
const OBJECT_MARK = /^-- (?:Data for )?Name: (.*); Type: (.*); Schema: (.*); Owner: .*$/gm;
const OBJECT_MARK_BYTES = Buffer.from('Name: ');

export interface PsqlOptions {
  /** Absolute path of psql. */
  path: string;
  env: Record<string, string>;
  signal?: AbortSignal;
  /** Each line on stderr: notices, and errors of statements that were allowed to fail. */
  onStderrLine?: (line: string) => void;
}

interface Question {
  marker: string;
  answer: string[];
  resolve(lines: string[]): void;
  reject(error: unknown): void;
}

export class PsqlSession {
  readonly #tool: OpenTool;
  readonly #questions: Question[] = [];
  /** stderr of the last complaint: psql prints further lines (DETAIL, LINE, CONTEXT) after the first one. */
  #complaint: string[] = [];
  #complaintLine = 0;
  #linesSent = 0;
  readonly #objects: { line: number; name: string }[] = [];
  #ended = false;
  /** Rejects when psql ends for any reason but `quit`. */
  readonly #failed: Promise<never>;

  constructor(options: PsqlOptions) {
    this.#tool = openTool({
      path: options.path,
      // No start-up file, no headers or alignment, errors end it; "-f -" makes it tell line numbers.
      args: ['-X', '-q', '-A', '-t', '-w', '-v', 'ON_ERROR_STOP=1', '-f', '-'],
      env: options.env,
      signal: options.signal,
      // A statement may work for hours without a word (an index on a large table), and an open transaction waits for the user.
      idleTimeoutMs: NO_IDLE_LIMIT_MS,
      onStderrLine: (said) => {
        const line = withoutRows(said);
        this.#hear(line);
        options.onStderrLine?.(line);
      },
    });
    this.#failed = this.#tool.exited.then(
      () => {
        this.#ended = true;
        throw new SafekeepError('TOOL_FAILED', { tool: 'psql', detail: 'it ended early' });
      },
      (error: unknown) => {
        this.#ended = true;
        throw this.#explain(error);
      },
    );
    this.#failed.catch((error: unknown) => {
      for (const question of this.#questions.splice(0)) question.reject(error);
    });
    this.#readAnswers().catch(() => undefined); // The same error as that of `exited`, told there.
  }

  /** Sends statements and waits until psql has worked them off. @returns the lines they printed @throws TOOL_FAILED, CANCELLED */
  async run(script: string): Promise<string[]> {
    const marker = `safekeep-${randomBytes(8).toString('hex')}`;
    const answered = new Promise<string[]>((resolve, reject) => {
      this.#questions.push({ marker, answer: [], resolve, reject });
    });
    answered.catch(() => undefined);
    if (this.#ended) await this.#failed;
    await this.#send(Buffer.from(`${script}\n\\echo ${marker}\n`));
    return answered;
  }

  /**
   * As `run`, but a statement that fails is passed over: its complaint goes to `onStderrLine`. Within a transaction psql sets a
   * savepoint before each statement.
   */
  async lenient(script: string): Promise<void> {
    const [before, after] = [
      '\\set ON_ERROR_STOP off\n\\set ON_ERROR_ROLLBACK on\n',
      '\n\\set ON_ERROR_ROLLBACK off\n\\set ON_ERROR_STOP on\n',
    ];
    await this.run(before + script + after);
  }

  /** Sends a script of any length, chunk by chunk. It need not have been worked off when this returns. */
  async feed(script: AsyncIterable<Buffer>): Promise<void> {
    for await (const chunk of script) await this.#send(chunk);
  }

  /** Ends the session in an orderly way; an open transaction is rolled back. */
  async quit(): Promise<void> {
    this.#tool.stdin.end();
    await this.#tool.exited;
  }

  /** Ends the process, whatever it does. The server may go on with the statement under way. */
  async kill(): Promise<void> {
    this.#tool.stdout.destroy();
    await this.#tool.exited.catch(() => undefined);
  }

  /** Why psql has ended; null while it runs. */
  async failure(): Promise<unknown> {
    return this.#ended ? this.#failed.catch((error: unknown) => error) : null;
  }

  get isOpen(): boolean {
    return !this.#ended;
  }

  async #send(chunk: Buffer): Promise<void> {
    const { stdin } = this.#tool;
    this.#note(chunk);
    if (this.#ended || !stdin.writable) await this.#failed;
    if (stdin.write(chunk)) return;
    await drained(stdin);
    if (!stdin.writable) await this.#failed;
  }

  /** Keeps which object stands at which line, so that an error can name it. Rows that look like such a mark do no harm. */
  #note(chunk: Buffer): void {
    if (chunk.includes(OBJECT_MARK_BYTES)) {
      const text = chunk.toString('utf8');
      let at = 0;
      let line = this.#linesSent;
      for (const match of text.matchAll(OBJECT_MARK)) {
        for (; at < match.index; at += 1) if (text.charCodeAt(at) === NEWLINE) line += 1;
        const [, name = '', type = '', schema = ''] = match;
        this.#objects.push({ line: line + 1, name: schema === '-' ? `${type} ${name}` : `${type} ${schema}.${name}` });
      }
    }
    this.#linesSent += countLines(chunk);
  }

  #hear(line: string): void {
    const position = /^psql:<stdin>:(\d+): /.exec(line);
    if (position) {
      this.#complaint = [];
      this.#complaintLine = Number(position[1]);
    }
    this.#complaint.push(position ? line.slice(position[0].length) : line);
  }

  #explain(error: unknown): unknown {
    if (!(error instanceof SafekeepError) || error.code !== 'TOOL_FAILED' || this.#complaint.length === 0) return error;
    const object = this.#objects.findLast(({ line }) => line <= this.#complaintLine)?.name;
    const said = this.#complaint.slice(0, 5).join(' / ');
    const detail = object ? `${object}: ${said}` : said;
    return new SafekeepError('TOOL_FAILED', { tool: 'psql', detail }, { cause: error });
  }

  async #readAnswers(): Promise<void> {
    let rest = '';
    for await (const chunk of this.#tool.stdout.setEncoding('utf8')) {
      const lines = (rest + (chunk as string)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [question] = this.#questions;
        if (!question) continue;
        if (line !== question.marker) question.answer.push(line);
        else this.#questions.shift()?.resolve(question.answer);
      }
    }
  }
}

/** What psql says of an error, without the user's data: the number of the line that failed is enough to find it. */
export function withoutRows(said: string): string {
  return said
    .replace(/(\bFailing row contains) \(.*$/, '$1 (…).')
    .replace(/(\bCONTEXT:\s+COPY .+?, line \d+)\b.*$/, '$1');
}

/** Newlines in a chunk. */
export function countLines(chunk: Buffer): number {
  let lines = 0;
  for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) lines += 1;
  return lines;
}

/** Resolves when a full stream takes more, or never will. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done).off('error', done);
      resolve();
    };
    stream.on('drain', done).on('close', done).on('error', done);
    if (stream.destroyed) done();
  });
}
