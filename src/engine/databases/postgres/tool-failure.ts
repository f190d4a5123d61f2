/** Errors of client tools that concern the server: their messages have no code. */
import { SafekeepError } from '../../errors';
import type { DatabaseConnection } from '../driver';
import { type Client, connect, type ConnectOptions, rows } from './connection';
import { asServerFailure } from './server-failure';

/** A lost or refused connection in the messages of libpq and of the server. */
const LOST = new RegExp(
  [
    ...[
      '(FATAL: +)?terminating connection',
      'server closed the connection',
      'could not (receive|send) data',
      'SSL (error|SYSCALL)',
    ],
    ...['no connection to the server', 'connection (not open|to (server|database) .*failed)', 'could not connect to'],
    ...['(FATAL: +)?(the database system is|sorry, too many clients|remaining connection slots|too many connections)'],
  ]
    .map((words) => `^${words}`)
    .join('|'),
);
/** The errors that `asServerFailure` knows by their codes. */
const FAILED = new RegExp(
  [
    ...[
      '(PANIC|FATAL): ',
      'could not \\w+( to)? (file|directory|shared memory segment|temporary file)',
      '.*: No space left on device$',
    ],
    ...[
      'out of (shared )?memory',
      'canceling statement due to',
      'deadlock detected',
      'could not obtain lock',
      'invalid page in',
    ],
    ...['could not serialize', 'could not (fork|resize|map|allocate)', 'disk full', 'temporary file size exceeds'],
  ]
    .map((words) => `^${words}`)
    .join('|'),
);

export async function startTime(client: Client): Promise<string> {
  const [row] = await rows<{ at: string }>(client, 'SELECT pg_postmaster_start_time()::text AS at');
  return row?.at ?? '';
}

/**
 * As `asServerFailure`, for a client tool, whose messages have no code: an unknown message leads to a query to the server.
 * @param message the beginning of the complaint @param before start time of the server, read before the tool ran
 */
export async function failureBehind(
  message: string,
  detail: string,
  before: string,
  connection: DatabaseConnection,
  options: ConnectOptions,
): Promise<SafekeepError | null> {
  const words = message.replace(/^ERROR: +/, '');
  const lost = () => new SafekeepError('DATABASE_UNREACHABLE', { detail });
  if (LOST.test(words)) return lost();
  if (FAILED.test(words)) return new SafekeepError('SERVER_FAILED', { detail });
  let client: Client | undefined;
  try {
    client = await connect(connection, options);
    if ((await startTime(client)) !== before) return lost();
    await client.query(PROBE);
    return null;
  } catch (error) {
    if (error instanceof SafekeepError) return error.code === 'CANCELLED' ? error : lost();
    return asServerFailure(error, detail);
  } finally {
    await client?.end().catch(() => undefined);
  }
}

/** Writes four megabytes and rolls them back. */
const PROBE = `
  BEGIN; CREATE TEMP TABLE probe AS SELECT repeat(md5(i::text), 32) AS filler FROM generate_series(1, 4096) i; ROLLBACK`;
