import { elapsed, formatDuration } from '../format';
import { useT } from '../i18n';
import { useNow } from './useNow';

/** How long something took, or has been taking. */
export function Elapsed({ startedAt, finishedAt }: { startedAt: string; finishedAt: string | null }) {
  const t = useT();
  const now = useNow(finishedAt === null);
  return (
    <span style={{ fontVariantNumeric: 'tabular-nums' }}>{formatDuration(elapsed(startedAt, finishedAt, now), t)}</span>
  );
}
