/** Which backups the retention lets go. Pure: it returns the decision with its reason. */

export interface RetentionCandidate {
  name: string;
  isProtected: boolean;
  /** ISO 8601, UTC. */
  startedAt: string;
}

export interface RetentionDecision {
  name: string;
  keep: boolean;
  reason: 'isProtected' | 'among the newest' | 'no limit' | 'over the limit';
}

/**
 * Keeps the newest `maxBackups` good backups; pinned ones are kept beyond and do not count. 0 = no limit. The newest
 * good backup is always kept.
 */
export function retain(goodBackups: readonly RetentionCandidate[], maxBackups: number): RetentionDecision[] {
  const newestFirst = [...goodBackups].sort((a, b) => b.startedAt.localeCompare(a.startedAt));
  let counted = 0;
  return newestFirst.map(({ name, isProtected }) => {
    if (isProtected) return { name, keep: true, reason: 'isProtected' };
    if (maxBackups <= 0) return { name, keep: true, reason: 'no limit' };
    counted += 1;
    return counted <= maxBackups
      ? { name, keep: true, reason: 'among the newest' }
      : { name, keep: false, reason: 'over the limit' };
  });
}
