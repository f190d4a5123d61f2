import { useReducer } from 'react';
import type { RunLogAnswer } from '../../shared/api';
import { toFailure, type Failure } from '../api/failure';
import { useApi } from '../api/useApi';
import { usePolling } from '../live/usePolling';

export type LogLines = RunLogAnswer['lines'];

const KEPT_LINES = 2000;
const LIVE_MS = 2000;
const REST_MS = 3_600_000;

interface State {
  lines: LogLines;
  offset: number;
  failure: Failure | null;
}

type Event = { from: number; answer: RunLogAnswer } | { failure: Failure | null };

function reduce(state: State, event: Event): State {
  if ('failure' in event) return { ...state, failure: event.failure };
  // Two answers to the same question: the second brings nothing new.
  if (event.from !== state.offset) return state;
  const lines = [...state.lines, ...event.answer.lines].slice(-KEPT_LINES);
  return { lines, offset: event.answer.nextOffset, failure: null };
}

/** The lines of a run's log, growing while it is in progress. Mount with `key={runId}`: it holds one run's lines only. */
export function useRunLog(runId: string, live: boolean): { lines: LogLines; failure: Failure | null } {
  const api = useApi();
  const [{ lines, offset, failure }, dispatch] = useReducer(reduce, { lines: [], offset: 0, failure: null });
  // When the run ends, `live` changes the key, and the last lines are read.
  usePolling(async () => {
    try {
      const answer = await api.runs.log(runId, offset);
      dispatch({ from: offset, answer });
      return answer.lines.length > 0 && answer.nextOffset > offset ? LIVE_MS / 4 : live ? LIVE_MS : REST_MS;
    } catch (error) {
      const met = toFailure(error);
      dispatch({ failure: met.isUnavailable ? null : met });
      return live || met.isUnavailable ? LIVE_MS : REST_MS;
    }
  }, `${runId} ${live}`);
  return { lines, failure };
}
