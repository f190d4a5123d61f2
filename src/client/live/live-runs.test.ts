import { beforeEach, describe, expect, it } from 'vitest';
import { maintenanceText } from '../../shared/maintenance';
import type { RunView } from '../../shared/runs';
import { createApi } from '../api/api';
import { aRun, maintenance, refusal } from '../testing/fixtures';
import type { HostRequest } from '../host';
import { RunTracker } from './live-runs';

describe('the live state of runs', () => {
  let listed: RunView[];
  let answer: (request: HostRequest) => unknown;
  let store: RunTracker;
  let finished: string[];

  beforeEach(() => {
    listed = [];
    finished = [];
    answer = ({ url }) => {
      if (url === 'safekeepRuns:list') return { data: listed, meta: { count: listed.length } };
      throw refusal(404, 'NOT_FOUND');
    };
    store = new RunTracker(
      createApi({
        request: async (request) => answer(request),
        subscribe: () => () => undefined,
        can: () => true,
        resolveUrl: (url) => url,
      }),
    );
    store.onFinished(({ id, status }) => finished.push(`${id} ${status}`));
  });

  it('asks often while something runs and seldom otherwise', async () => {
    expect(await store.poll()).toBe(30_000);
    listed = [aRun()];
    expect(await store.poll()).toBe(2000);
    expect(store.getSnapshot().active?.id).toBe('run-1');
  });

  it('reports once that a run it has seen in progress has ended, and has the lists read again', async () => {
    listed = [aRun()];
    await store.poll();
    const before = store.getSnapshot().revision;
    listed = [aRun({ status: 'succeeded' })];
    await store.poll();
    await store.poll();
    expect(finished).toEqual(['run-1 succeeded']);
    expect(store.getSnapshot().active).toBeNull();
    expect(store.getSnapshot().revision).toBeGreaterThan(before);
  });

  it('is silent about runs that had ended before it looked', async () => {
    listed = [aRun({ status: 'failed' })];
    await store.poll();
    expect(finished).toEqual([]);
  });

  it('never takes a final status back when a message comes late', () => {
    store.put(aRun());
    store.put(aRun({ status: 'succeeded' }));
    store.put(aRun({ percent: 99 }));
    expect(store.getSnapshot().runs.get('run-1')?.status).toBe('succeeded');
  });

  it('keeps asking through the maintenance and comes back to the result by itself', async () => {
    store.track('run-1');
    listed = [aRun()];
    await store.poll();
    const answering = answer;
    answer = () => {
      throw maintenance('Switching to the restored data');
    };
    expect(await store.poll()).toBe(2000);
    expect(store.getSnapshot().unavailable).toMatchObject({
      code: 'MAINTENANCE',
      message: 'Switching to the restored data',
    });
    expect(store.getSnapshot().active?.id).toBe('run-1');
    answer = answering;
    listed = [aRun({ status: 'succeeded' })];
    await store.poll();
    expect(store.getSnapshot().unavailable).toBeNull();
    expect(finished).toEqual(['run-1 succeeded']);
  });

  it('asks for a tracked run that is not in the list any more', async () => {
    store.track('run-7');
    const answering = answer;
    answer = (request) =>
      request.url === 'safekeepRuns:get' && request.params?.filterByTk === 'run-7'
        ? { data: aRun({ id: 'run-7', status: 'failed' }) }
        : answering(request);
    await store.poll();
    expect(finished).toEqual(['run-7 failed']);
  });

  it('forgets a tracked run the server does not know, and marks it lost', async () => {
    store.track('run-7');
    await store.poll();
    expect(store.getSnapshot().lost.has('run-7')).toBe(true);
    expect(await store.poll()).toBe(30_000);
  });

  it('takes no progress back when an answer comes later than a newer message', async () => {
    listed = [aRun({ percent: 30 })];
    await store.poll();
    store.put(aRun({ percent: 55, step: 'checkStaged' }));
    listed = [aRun({ percent: 54 })];
    await store.poll();
    expect(store.getSnapshot().active).toMatchObject({ percent: 55, step: 'checkStaged' });
  });

  it('shows a cancellation at once and no progress after it, until the run has ended', async () => {
    listed = [aRun({ percent: 30 })];
    await store.poll();
    store.setCancelling('run-1', true);
    expect(store.getSnapshot().runs.get('run-1')).toMatchObject({ cancelling: true, percent: 30 });
    store.put(aRun({ percent: 55, step: 'checkStaged' }));
    listed = [aRun({ percent: 60, cancelling: true })];
    await store.poll();
    expect(store.getSnapshot().active).toMatchObject({ cancelling: true, percent: 30, step: 'stageDatabase' });
    listed = [aRun({ percent: 60, status: 'cancelled' })];
    await store.poll();
    expect(store.getSnapshot().runs.get('run-1')).toMatchObject({ cancelling: false, status: 'cancelled' });
  });

  it('shows progress again when the cancellation was refused', async () => {
    listed = [aRun({ percent: 30 })];
    await store.poll();
    store.setCancelling('run-1', true);
    store.setCancelling('run-1', false);
    listed = [aRun({ percent: 60 })];
    await store.poll();
    expect(store.getSnapshot().active).toMatchObject({ cancelling: false, percent: 60 });
  });

  it('reads the step of a restore from the maintenance text', async () => {
    listed = [aRun({ step: 'checkStaged', steps: ['open', 'checkStaged'], percent: 80 })];
    await store.poll();
    answer = () => {
      throw maintenance(`${maintenanceText({ kind: 'restore', step: 'reload', percent: 92 })}: starting app`);
    };
    await store.poll();
    expect(store.getSnapshot().active).toMatchObject({
      step: 'reload',
      steps: ['open', 'checkStaged', 'switchover', 'reload'],
      percent: 92,
    });
  });
});
