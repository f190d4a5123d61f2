/** Other sessions on the live database: ended before its tables are exchanged. */
import type { RunContext } from '../../context';
import { SafekeepError } from '../../errors';
import { ER_LOCK_WAIT_TIMEOUT, errnoOf, type MysqlSession } from './connection';

/** How long a session of ours that was cut off, or whose process was killed, may take to end its last statement. */
const TAKE_OVER_SECONDS = 60;

/** Held by whoever works on a plan; the client that loads has one of its own. */
export const lockOf = (id: string, who: 'plan' | 'load') => `safekeep ${id} ${who}`;

/**
 * Makes this session the only one that works on a plan. The server goes on with the last statement of a client that is gone:
 * such sessions are ended, and waited for. The lock is given back when the session ends.
 */
export async function takeOver(session: MysqlSession, id: string): Promise<void> {
  for (const who of ['load', 'plan'] as const) await takeLock(session, lockOf(id, who));
  await session.rows('DO RELEASE_LOCK(?)', [lockOf(id, 'load')]);
}

async function takeLock(session: MysqlSession, name: string): Promise<void> {
  for (let second = 0; second < TAKE_OVER_SECONDS; second += 1) {
    const holder = Number(await session.value('SELECT IS_USED_LOCK(?)', [name]));
    const own = Number(await session.value('SELECT CONNECTION_ID()'));
    if (holder !== 0 && holder !== own) {
      await session.rows(`KILL ${holder}`).catch((error: unknown) => {
        // It has ended meanwhile.
        if (!errnoOf(error)) throw error;
      });
    }
    if (Number(await session.value('SELECT GET_LOCK(?, 1)', [name])) === 1) return;
  }
  throw new SafekeepError('INTERNAL', { detail: 'an earlier session of this restore does not end' });
}

/** How often a statement is tried while other sessions hold the tables; each attempt waits as long as the session says. */
const ATTEMPTS = 3;

/**
 * Ends all other sessions in the session's own database that our user sees and may end. Without the right to see all, the server
 * shows those of our user, which the app's are.
 */
export async function endOtherSessions(session: MysqlSession, run: RunContext): Promise<void> {
  const own = Number(await session.value('SELECT CONNECTION_ID()'));
  const sessions = (await session.rows('SHOW PROCESSLIST')).filter(
    (row) =>
      Number(row.Id) !== own && row.db !== null && session.fold(String(row.db)) === session.fold(session.database),
  );
  for (const { Id: id, User: user } of sessions) {
    try {
      await session.rows(`KILL ${Number(id)}`);
      run.log('info', { text: 'A session of {{user}} on the database was ended', params: { user: String(user) } });
    } catch (error) {
      // It has ended by itself, or is another user's: whether that one is in the way shows at the exchange.
      if (!errnoOf(error)) throw error;
    }
  }
}

/** Runs what needs tables that other sessions may hold; those sessions are ended when it does not get them. */
export async function insist(session: MysqlSession, run: RunContext, work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work();
      return;
    } catch (error) {
      if (errnoOf(error) !== ER_LOCK_WAIT_TIMEOUT || attempt === ATTEMPTS) throw error;
      await endOtherSessions(session, run);
    }
  }
}
