import type { BackupView } from '../../shared/api';
import type { RunView } from '../../shared/runs';
import { isFinal } from './live-runs';
import { useRuns } from './RunsProvider';

/** The run that is making this backup right now, in its latest known state. */
export function useBackupRun({ runId, run: listed }: BackupView): RunView | null {
  const { runs } = useRuns();
  const run = (runId && runs.get(runId)) || listed;
  return run && run.kind === 'backup' && !isFinal(run) ? run : null;
}
