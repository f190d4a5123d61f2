import { createContext, useContext, useMemo, type ReactNode } from 'react';
import type { LiveOrigin, PreviousView } from '../../shared/api';
import { useApi } from '../api/useApi';
import { useNow } from '../components/useNow';
import { useLoad, type Loaded } from '../hooks/useLoad';
import { useRuns } from '../live/RunsProvider';

interface Previous extends Pick<Loaded<unknown>, 'failure' | 'reload'> {
  /** What can be brought back now, newest first; empty until it is known. */
  states: readonly PreviousView[];
  /** Where the live data came from; null when no restore brought it, or until that is known. */
  live: LiveOrigin | null;
  /** Undo windows are open or closed as of this time, in ms. */
  now: number;
}

const TICK_MS = 20_000;
const PreviousContext = createContext<Previous | null>(null);

/** Previous data as the server has it, read again whenever a run begins or ends. */
export function PreviousProvider({ children }: { children: ReactNode }) {
  const api = useApi();
  const { revision } = useRuns();
  const { data, failure, reload } = useLoad(() => api.runs.previous(), 'previous', revision);
  const now = useNow(true, TICK_MS);
  const value = useMemo(() => {
    const states = (data?.previous ?? []).filter(({ until }) => Date.parse(until) > now);
    return { states, live: data?.live ?? null, now, failure, reload };
  }, [data, now, failure, reload]);
  return <PreviousContext.Provider value={value}>{children}</PreviousContext.Provider>;
}

export function usePrevious(): Previous {
  const previous = useContext(PreviousContext);
  if (!previous) throw new Error('usePrevious needs a PreviousProvider above it');
  return previous;
}
