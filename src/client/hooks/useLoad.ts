import { useMemoizedFn } from 'ahooks';
import { useEffect, useReducer } from 'react';
import { toFailure, type Failure } from '../api/failure';

export interface Loaded<T> {
  /** The last good answer, also while the next one is on its way. */
  data: T | null;
  failure: Failure | null;
  loading: boolean;
  reload(): void;
}

interface State<T> {
  data: T | null;
  failure: Failure | null;
  loading: boolean;
  /** The key the data belongs to. */
  key: string | null;
}

type Event<T> = { begin: string } | { key: string; data: T } | { key: string; failure: Failure };

function reduce<T>(state: State<T>, event: Event<T>): State<T> {
  if ('begin' in event) return { ...state, loading: true };
  if ('data' in event) return { data: event.data, failure: null, loading: false, key: event.key };
  // An answer for something else must not stand beside the new question's error.
  return { data: state.key === event.key ? state.data : null, failure: event.failure, loading: false, key: event.key };
}

/**
 * Loads when `key` changes and when `reload` is called; null loads nothing. `revision` loads again without forgetting
 * what is shown. An answer that was overtaken by a newer question is dropped.
 */
export function useLoad<T>(load: () => Promise<T>, key: string | null, revision: number | string = 0): Loaded<T> {
  const stableLoad = useMemoizedFn(load);
  const [state, dispatch] = useReducer(reduce<T>, { data: null, failure: null, loading: key !== null, key: null });
  const [reloads, reload] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    if (key === null) return undefined;
    let overtaken = false;
    dispatch({ begin: key });
    stableLoad().then(
      (data) => {
        if (!overtaken) dispatch({ key, data });
      },
      (error: unknown) => {
        if (!overtaken) dispatch({ key, failure: toFailure(error) });
      },
    );
    return () => {
      overtaken = true;
    };
  }, [key, revision, reloads, stableLoad]);
  return { data: state.data, failure: state.failure, loading: state.loading, reload };
}
