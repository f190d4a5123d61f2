import { isConnectionLost } from './errors';

const LONGEST_PAUSE_MS = 5_000;

export interface Patience {
  /** How often work is tried that the database was away for. */
  attempts: number;
  /** How often work is tried that failed for any other reason; once unless told. */
  otherwise?: number;
  /** Called before each pause. */
  onFailure?: (attempt: number, error: unknown) => void;
}

/** Does work that can be repeated, again after a pause that grows. @throws what the last attempt has thrown */
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
