import type { Trigger } from '../../shared/runs';

/** Who starts a run. */
export interface Actor {
  userId: string | number | null;
  name: string | null;
  /** manual: from the page. */
  trigger: Trigger;
}

/** The actor in the form of a run's record. */
export function startedBy({ userId, name, trigger }: Actor): {
  userId: string | number | null;
  startedBy: string | null;
  trigger: Trigger;
} {
  return { userId, startedBy: name, trigger };
}
