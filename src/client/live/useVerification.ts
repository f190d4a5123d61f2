import type { RunView } from '../../shared/runs';
import { useRuns } from './RunsProvider';

/** The run that is verifying this backup right now. */
export function useVerification(backupName: string | null): RunView | null {
  const { active } = useRuns();
  return active?.kind === 'verify' && active.backupName === backupName ? active : null;
}
