import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from 'react';
import { RUN_MESSAGE } from '../../shared/api';
import type { RunView } from '../../shared/runs';
import { useApi } from '../api/useApi';
import { useHost } from '../host';
import { RunTracker, type LiveRuns } from './live-runs';
import { usePolling } from './usePolling';
import { readWatchedRun, writeWatchedRun, type WatchedRun } from './watched-run';

interface Runs extends LiveRuns {
  /** Follows a run this page has started and asks for its state at once. */
  follow(runId: string): void;
  /** The same for a run whose end is shown where it was started: no note appears on top of that. */
  followQuietly(runId: string): void;
  isQuiet(runId: string): boolean;
  /** Shows a run as being cancelled at once; `false` takes that back. */
  setCancelling(runId: string, isCancelling: boolean): void;
  /** The restore whose progress or result is to be shown, across reloads. */
  watched: WatchedRun | null;
  watch(run: WatchedRun | null): void;
  onFinished(listener: (run: RunView) => void): () => void;
}

const RunsContext = createContext<Runs | null>(null);

const isRunView = (value: unknown): value is RunView =>
  typeof value === 'object' && value !== null && 'id' in value && 'status' in value && 'percent' in value;

export function RunsProvider({ children }: { children: ReactNode }) {
  const host = useHost();
  const api = useApi();
  // One store for the life of the page: a client that has read the permissions makes a new host.
  const [store] = useState(() => new RunTracker(api));
  const live = useSyncExternalStore(store.subscribe, store.getSnapshot);
  const [watched, setWatched] = useState(readWatchedRun);
  const [kicks, setKicks] = useState(0);
  const watchedId = watched?.runId;

  useEffect(() => {
    if (watchedId) store.track(watchedId);
  }, [store, watchedId]);

  useEffect(
    () =>
      host.subscribe(RUN_MESSAGE, (payload) => {
        if (isRunView(payload)) store.put(payload);
      }),
    [host, store],
  );

  // A run that begins (by a message) must be polled at the quick pace, so its id is part of the key.
  usePolling(() => store.poll(), `${kicks} ${live.active?.id ?? ''} ${watchedId ?? ''}`);

  const follow = useCallback(
    (runId: string) => {
      store.track(runId);
      setKicks((count) => count + 1);
    },
    [store],
  );
  const [quiet] = useState(() => new Set<string>());
  const followQuietly = useCallback(
    (runId: string) => {
      quiet.add(runId);
      follow(runId);
    },
    [quiet, follow],
  );
  const isQuiet = useCallback((runId: string) => quiet.has(runId), [quiet]);
  const watch = useCallback((run: WatchedRun | null) => {
    writeWatchedRun(run);
    setWatched(run);
  }, []);

  // A restore that someone else has begun reloads this page too: its result is shown all the same.
  useEffect(() => {
    let seen: string | null = null;
    return store.subscribe(() => {
      const { active } = store.getSnapshot();
      if (!active || active.id === seen || (active.kind !== 'restore' && active.kind !== 'undo')) return;
      seen = active.id;
      if (readWatchedRun()?.runId !== active.id) watch({ runId: active.id, open: false });
    });
  }, [store, watch]);

  const value = useMemo(() => {
    const { onFinished, setCancelling } = store;
    return { ...live, follow, followQuietly, isQuiet, watched, watch, onFinished, setCancelling };
  }, [live, follow, followQuietly, isQuiet, watched, watch, store]);
  return <RunsContext.Provider value={value}>{children}</RunsContext.Provider>;
}

export function useRuns(): Runs {
  const runs = useContext(RunsContext);
  if (!runs) throw new Error('useRuns needs a RunsProvider above it');
  return runs;
}
