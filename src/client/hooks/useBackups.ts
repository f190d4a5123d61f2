import { useState } from 'react';
import type { BackupView } from '../../shared/api';
import type { RunStatus } from '../../shared/runs';
import type { ListQuery, Page } from '../api/api';
import { useApi } from '../api/useApi';
import { useRuns } from '../live/RunsProvider';
import { useLoad, type Loaded } from './useLoad';

export interface Backups extends Loaded<Page<BackupView>> {
  query: ListQuery;
  /** Changes part of the query; anything but paging goes back to the first page. */
  ask(change: Partial<ListQuery>): void;
  filtered: boolean;
}

const FIRST: ListQuery = { page: 1, pageSize: 10, sort: '-startedAt' };

/** The list of backups, read again whenever a run begins or ends. */
export function useBackups(): Backups {
  const api = useApi();
  const { revision } = useRuns();
  const [query, setQuery] = useState(FIRST);
  const page = useLoad(() => api.backups.list(query), JSON.stringify(query), revision);
  const ask = (change: Partial<ListQuery>) => setQuery((before) => ({ ...before, page: 1, ...change }));
  return { ...page, query, ask, filtered: Boolean(query.search) || Boolean(query.statuses?.length) };
}

export interface BackupHealth {
  /** The newest backup when it did not succeed. */
  failed: BackupView | null;
  /** The newest one that did and whose verification has not failed. */
  lastSuccessful: BackupView | null;
}

const GOOD: readonly RunStatus[] = ['succeeded', 'succeeded with warnings'];
const BAD: readonly RunStatus[] = ['failed', 'interrupted'];
const ENDED: readonly RunStatus[] = [...GOOD, ...BAD];

/** Whether the last backup that came to an end succeeded, and which one did last. */
export function useBackupHealth(): BackupHealth | null {
  const api = useApi();
  const { revision } = useRuns();
  const newest = (statuses: readonly RunStatus[], pageSize: number) =>
    api.backups.list({ page: 1, pageSize, sort: '-startedAt', statuses }).then(({ rows }) => rows);
  const { data } = useLoad(
    async () => {
      const [[last = null], good] = await Promise.all([newest(ENDED, 1), newest(GOOD, 20)]);
      const lastSuccessful = good.find(({ verified }) => verified?.result !== 'failed') ?? null;
      return { failed: last && BAD.includes(last.status) ? last : null, lastSuccessful };
    },
    'health',
    revision,
  );
  return data;
}
