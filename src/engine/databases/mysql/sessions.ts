/** Other sessions on the live database: ended before its tables are exchanged. */
import type { RunContext } from '../../context';
import { ER_LOCK_WAIT_TIMEOUT, errnoOf, type MysqlSession } from './connection';

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
