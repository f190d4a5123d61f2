import { isConnectionLost } from './errors';

const LONGEST_PAUSE_MS = 5_000;

export interface Patience {
  /** How often work is tried while the database is unavailable. */
  attempts: number;
  /** How often work is tried that fails for any other reason; default: once. */
  otherwise?: number;
  /** Called before each pause. */
  onFailure?: (attempt: number, error: unknown) => void;
}

/** Does repeatable work, and retries it after growing pauses. @throws the error of the last attempt */
export async function withPauses(work: () => Promise<void>, patience: Patience): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work();
      return;
    } catch (error) {
      const limit = isConnectionLost(error) ? patience.attempts : (patience.otherwise ?? 1);
      if (attempt >= limit) throw error;
      patience.onFailure?.(attempt, error);
      await new Promise((resolve) => setTimeout(resolve, Math.min(attempt * 200, LONGEST_PAUSE_MS)));
    }
  }
}
