/** Errors that concern the server and its surroundings, never the statement: the same statement may succeed later. */
import { isConnectionLost, SafekeepError } from '../../errors';
import { complaintOf, isServerError } from './complaint';

/**
 * Resources, limits, locks, operator intervention, the operating system, damaged files, deadlocks; limits of sessions. Class 55
 * only in part: a missing prerequisite is an error of the statement itself.
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
