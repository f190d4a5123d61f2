/** Retention: which backups are kept. Pure; returns each decision with its reason. */
import type { Content } from '../shared/runs';

export interface RetentionCandidate {
  name: string;
  contents: readonly Content[];
  isProtected: boolean;
  /** ISO 8601, UTC. */
  startedAt: string;
}

export interface RetentionDecision {
  name: string;
  keep: boolean;
  reason: 'protected' | 'among the newest' | 'no limit' | 'over the limit';
}

/**
 * Keeps the newest `maxBackups` of each content: a backup stays while it is among them for its database or for its files, so
 * that backups of one content never displace those of the other. Protected backups stay and do not count. 0 = no limit.
 * @param successful only backups that succeeded and did not fail a verification; no other backup is ever deleted
 */
export function retain(successful: readonly RetentionCandidate[], maxBackups: number): RetentionDecision[] {
  const counted: Record<Content, number> = { database: 0, files: 0 };
  const newestFirst = [...successful].sort((a, b) => b.startedAt.localeCompare(a.startedAt));
  return newestFirst.map(({ name, contents, isProtected }) => {
    if (isProtected) return { name, keep: true, reason: 'protected' };
    if (maxBackups <= 0) return { name, keep: true, reason: 'no limit' };
    for (const content of contents) counted[content] += 1;
    return contents.some((content) => counted[content] <= maxBackups)
      ? { name, keep: true, reason: 'among the newest' }
      : { name, keep: false, reason: 'over the limit' };
  });
}
