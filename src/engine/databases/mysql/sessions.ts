/** Terminates other sessions on the live database before its tables are switched over. */
import type { RunContext } from '../../context';
import { SafekeepError } from '../../errors';
import { ER_LOCK_WAIT_TIMEOUT, errnoOf, type MysqlSession } from './connection';

/** Time limit for the last statement of a Safekeep session whose connection was cut or whose process was killed. */
const TAKE_OVER_SECONDS = 60;

/** Held by the process that works on a plan; the loading client has a lock of its own. */
export const lockOf = (id: string, who: 'plan' | 'load') => `safekeep ${id} ${who}`;

/**
 * Makes this session the only one that works on a plan. The server continues the last statement of a client that is gone:
 * such sessions are terminated and awaited. The lock is released when the session ends.
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
        // It has ended in the meantime.
        if (!errnoOf(error)) throw error;
      });
    }
    if (Number(await session.value('SELECT GET_LOCK(?, 1)', [name])) === 1) return;
  }
  throw new SafekeepError('INTERNAL', { detail: { text: 'an earlier session of this restore is still running' } });
}

/** How often a statement is tried while other sessions lock the tables; each attempt lasts as long as the session's lock timeout. */
const ATTEMPTS = 3;

/**
 * Terminates all other sessions in the session's own database that the user can see and kill. Without the privilege to see
 * all, the server lists those of the same user, which include the app's.
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
      run.log('info', { text: 'A database session of {{user}} was terminated', params: { user: String(user) } });
    } catch (error) {
      // It has ended, or belongs to another user: if that session blocks the tables, the switchover fails.
      if (!errnoOf(error)) throw error;
    }
  }
}

/** Runs work on tables that other sessions may lock; if they do, these sessions are terminated and the work is retried. */
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
