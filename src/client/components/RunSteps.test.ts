import { describe, expect, it } from 'vitest';
import type { RunView } from '../../shared/runs';
import { aRun } from '../testing/fixtures';
import { stepStates } from './RunSteps';

const statesOf = (change: Partial<RunView>) => stepStates(aRun(change)).map(({ step, state }) => `${step}: ${state}`);

describe('the steps of a run', () => {
  it('are done, in progress, or still to come', () => {
    const run = { kind: 'undo', step: 'switchover', steps: ['prepare', 'switchover'] } as const;
    expect(statesOf({ ...run, steps: [...run.steps] })).toEqual([
      'prepare: done',
      'switchover: current',
      'reload: open',
      'healthCheck: open',
    ]);
  });

  it('are skipped where the run went past them, never called done', () => {
    const steps = ['open', 'compatibility', 'checksum', 'stageFiles', 'switchover', 'reload', 'healthCheck'];
    expect(
      statesOf({ status: 'succeeded', step: 'healthCheck', steps }).filter((line) => !line.endsWith('done')),
    ).toEqual(['stageDatabase: skipped', 'checkStaged: skipped']);
    const verified = statesOf({ kind: 'verify', status: 'succeeded', step: 'checksum', steps: ['open', 'checksum'] });
    expect(verified.slice(2)).toEqual(['stageDatabase: skipped', 'checkStaged: skipped', 'drop: skipped']);
  });

  it('distinguish a failure from a cancellation', () => {
    expect(statesOf({ status: 'failed' })[3]).toBe('stageDatabase: failed');
    expect(statesOf({ status: 'cancelled' })[3]).toBe('stageDatabase: cancelled');
    expect(statesOf({ status: 'cancelled' })[4]).toBe('stageFiles: open');
  });

  it('count as begun up to the last one in a run whose steps were not recorded', () => {
    expect(statesOf({ step: 'checksum', steps: [] }).slice(0, 4)).toEqual([
      'open: done',
      'compatibility: done',
      'checksum: current',
      'stageDatabase: open',
    ]);
  });
});
