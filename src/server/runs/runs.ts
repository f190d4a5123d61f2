/** The runs of one app: starts them one at a time and records how they end. */
import { KIND_NAMES } from '../../shared/names';
import type { Application } from '@nocobase/server';
import { SafekeepError } from '../../engine/errors';
import { isFinal, newRecord, type RunRecord } from '../../engine/history/record';
import type { RunHistory } from '../../engine/history/run-history';
import type { RowIndex } from '../catalog/row-index';
import { newRunId } from '../names';
import { RunLock } from './lock';
import { RunRecorder } from './recorder';

/** The facts about a run when it starts. */
export type NewRun = Pick<RunRecord, 'kind' | 'trigger'> &
  Partial<
    Pick<
      RunRecord,
      | 'backupName'
      | 'backupAt'
      | 'uploadId'
      | 'uploadName'
      | 'note'
      | 'contents'
      | 'direction'
      | 'undoOf'
      | 'startedBy'
      | 'userId'
    >
  >;

export class Runs {
  private readonly lock: RunLock;
  private current: { recorder: RunRecorder; ended: Promise<void> } | null = null;

  constructor(
    private readonly app: Application,
    private readonly history: RunHistory,
    private readonly index: RowIndex,
    /** Called after every change of a run in progress. */
    private readonly onChange: (record: RunRecord) => void,
  ) {
    this.lock = new RunLock(app);
  }

  get active(): RunRecorder | null {
    return this.current?.recorder ?? null;
  }

  /** Resolves when the run in progress, if any, has ended. */
  async idle(): Promise<void> {
    await this.current?.ended;
  }

  /**
   * Starts a run; `work` continues after this has returned, followed by `afterFailure` if it failed. One run at a time on all
   * nodes; waits for housekeeping.
   * @throws BUSY
   */
  async begin(
    newRun: NewRun,
    work: (recorder: RunRecorder) => Promise<void>,
    afterFailure: (record: RunRecord) => Promise<void> = () => Promise.resolve(),
  ): Promise<RunRecorder> {
    while (this.active?.record.kind === 'prune' && newRun.kind !== 'prune') await this.idle();
    const release = this.active ? null : await this.lock.acquire();
    if (!release) return await this.refuseAsBusy();
    const recorder = new RunRecorder(startingNow(newRun), this.history, this.onChange);
    const { record } = recorder;
    let end: () => void = () => undefined;
    this.current = { recorder, ended: new Promise((resolve) => (end = resolve)) };
    const finish = async (ended: RunRecord) => {
      await release();
      this.current = null;
      recorder.publish(ended);
      end();
    };
    try {
      await this.refuseWhileOthersRun();
      await recorder.start();
      await this.index.saveRun(record);
    } catch (error) {
      await finish(await recorder.conclude(error));
      throw error;
    }
    // Everything is written and the lock is released before the end of the run is published.
    const settle = async () => {
      let failure: unknown;
      await work(recorder).catch((error: unknown) => {
        failure = error;
        this.app.log.error(`Safekeep: ${record.kind} ${record.id} failed: ${String(error)}`, { error });
      });
      const ended = await recorder.conclude(failure);
      try {
        if (failure !== undefined) await afterFailure(ended);
        await this.index.saveRun(ended);
      } finally {
        await finish(ended);
      }
    };
    settle().catch((error: Error) => this.app.log.error(`Safekeep: run ${record.id}: ${error.message}`));
    return recorder;
  }

  /** Marks the runs of processes that have ended as interrupted. @returns all records, oldest first */
  async endInterrupted(): Promise<RunRecord[]> {
    const records = await this.history.all();
    for (const record of records) {
      if (isFinal(record) || (await this.isAlive(record))) continue;
      record.status = 'interrupted';
      record.error = { code: 'INTERRUPTED', params: {} };
      record.finishedAt = new Date().toISOString();
      await this.history.save(record);
    }
    return records;
  }

  /** Whether a process works on a run; this process only works on its active run. */
  async isAlive(record: RunRecord): Promise<boolean> {
    if (record.id === this.active?.record.id) return true;
    return (await this.history.life(record)) === 'alive';
  }

  /** Nodes that share the folder but no lock adapter only see each other's heartbeats. */
  private async refuseWhileOthersRun(): Promise<void> {
    for (const record of await this.history.all()) {
      if (!isFinal(record) && record.id !== this.active?.record.id && (await this.isAlive(record))) {
        throw busyWith(record);
      }
    }
  }

  private async refuseAsBusy(): Promise<never> {
    const record = this.active?.record ?? (await this.history.all()).findLast((one) => !isFinal(one));
    throw busyWith(record);
  }
}

export function busyWith(record: Pick<RunRecord, 'kind'> | undefined): SafekeepError {
  // Another node can hold the lock before the record of its run exists.
  return new SafekeepError('BUSY', { kind: { text: record ? KIND_NAMES[record.kind] : 'on another node' } });
}

function startingNow(newRun: NewRun): RunRecord {
  const now = new Date();
  return newRecord({ id: newRunId(now), startedAt: now.toISOString(), ...newRun });
}
