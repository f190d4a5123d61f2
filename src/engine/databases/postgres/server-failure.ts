/** Errors that speak of the server and its surroundings, never of what was asked of it: the same may succeed another time. */
import { isConnectionLost, SafekeepError } from '../../errors';
import { complaintOf, isServerError } from './complaint';

/**
 * Resources, limits, locks, the operator's intervention, the operating system, damaged files, deadlocks; limits of sessions. Of class
 * 55 only what depends on others: a prerequisite that is missing is the statement's own fault.
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const OF_THE_SERVER = /^(40|53|57|58)|^(55006|55P03|25P03|25P04|XX001|XX002)$/;

/** @returns null for every other error */
export function asServerFailure(error: unknown, detail = complaintOf(error)): SafekeepError | null {
  if (error instanceof SafekeepError) return null;
  if (isConnectionLost(error)) return new SafekeepError('DATABASE_UNREACHABLE', { detail }, { cause: error });
  if (!isServerError(error) || !OF_THE_SERVER.test(error.code ?? '')) return null;
  return new SafekeepError('SERVER_FAILED', { detail }, { cause: error });
}
