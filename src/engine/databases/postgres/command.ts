/**
 * One command of an archive, sent by the extended protocol: the server accepts exactly one command in each such message, whatever
 * its text contains. `pg` has no query for raw bytes and rows, so this class writes the few messages itself.
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
import type { Connection, Submittable } from 'pg';
import type { Writable } from 'node:stream';

/** A message: its letter, its length, its content. */
function message(letter: string, ...content: Buffer[]): Buffer {
  const head = Buffer.alloc(5);
  head.write(letter, 'latin1');
  head.writeInt32BE(4 + content.reduce((sum, { length }) => sum + length, 0), 1);
  return Buffer.concat([head, ...content]);
}

const NO_NAME = Buffer.alloc(1);
/** Unnamed portal and statement; no formats, no parameters, no result formats. */
const BIND = message('B', NO_NAME, NO_NAME, Buffer.alloc(6));
/** Unnamed portal, all rows. */
const EXECUTE = message('E', NO_NAME, Buffer.alloc(4));
const FLUSH = message('H');
const SYNC = message('S');
const COPY_DONE = message('c');
const COPY_FAIL = message('f', Buffer.from('the rows could not be read\0'));
const COPY_DATA = 'd'.charCodeAt(0);

function parse(sql: Buffer): Buffer {
  return message('P', NO_NAME, sql, NO_NAME, Buffer.alloc(2));
}

/** The interface that `pg` calls while a custom query is running. */
export class ArchiveCommand implements Submittable {
  /** Resolves when the server is ready for the next one; rejects with the server's error, that of the rows, or a lost connection. */
  readonly done: Promise<void>;
  #resolve: () => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #error: unknown = null;
  #isSynced = false;

  /** @param rows for `COPY … FROM stdin`, in the server's format */
  constructor(
    private readonly sql: Buffer,
    private readonly rows: AsyncIterable<Buffer> | null = null,
  ) {
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: Connection): void {
    const { stream } = connection;
    stream.write(Buffer.concat([parse(this.sql), BIND, EXECUTE, this.rows ? FLUSH : SYNC]));
    // While the server waits for rows it ignores a Sync, so the Sync follows them.
    this.#isSynced = this.rows === null;
  }

  handleCopyInResponse({ stream }: Connection): void {
    this.#send(stream).catch((error: unknown) => this.#reject(error));
  }

  handleError(error: unknown, connection: Connection): void {
    this.#error ??= error;
    // The server ignores everything up to a Sync.
    this.#sync(connection.stream);
    this.#reject(this.#error);
  }

  handleCommandComplete(_message: unknown, connection: Connection): void {
    this.#sync(connection.stream);
  }

  handleReadyForQuery(): void {
    if (this.#error) this.#reject(this.#error);
    else this.#resolve();
  }

  // Results of statements are not needed.
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handlePortalSuspended(): void {}
  handleEmptyQuery(): void {}
  handleCopyData(): void {}

  async #send(stream: Writable): Promise<void> {
    try {
      for await (const chunk of this.rows ?? []) {
        if (this.#error) return;
        const head = Buffer.allocUnsafe(5);
        head[0] = COPY_DATA;
        head.writeInt32BE(4 + chunk.length, 1);
        stream.cork();
        stream.write(head);
        const hasRoom = stream.write(chunk);
        stream.uncork();
        if (!hasRoom) await drained(stream);
      }
      if (!this.#error && stream.writable) stream.write(COPY_DONE);
    } catch (error) {
      this.#error ??= error;
      if (stream.writable) stream.write(COPY_FAIL);
    }
    this.#sync(stream);
  }

  #sync(stream: Writable): void {
    if (this.#isSynced || !stream.writable) return;
    this.#isSynced = true;
    stream.write(SYNC);
  }
}

/** Resolves when a full stream accepts more, or never will. */
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
