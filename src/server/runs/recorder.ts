import type { SteppedRun } from '../../engine/context';
import { messageOf, SafekeepError, toSafekeepError } from '../../engine/errors';
import { type RunRecord, toStoredError } from '../../engine/history/record';
import type { RunHistory } from '../../engine/history/run-history';
import { HEARTBEAT_MS } from '../../engine/owner';
import { type LogLevel, type LogLine, type Message, type Progress, STEPS } from '../../shared/runs';

/** Minimum interval between notifications of progress. */
const PROGRESS_INTERVAL_MS = 400;

/** Keeps the record and the log of one run and notifies its listener. For the engine it is the SteppedRun. */
export class RunRecorder implements SteppedRun<string> {
  private readonly abort = new AbortController();
  private cancellable = true;
  private pendingLines: LogLine[] = [];
  private writing: Promise<void> = Promise.resolve();
  private lastProgress = 0;
  private doneWeight = 0;
  private heartbeat: NodeJS.Timeout | undefined;
  private ended: Promise<RunRecord> | undefined;

  constructor(
    readonly record: RunRecord,
    private readonly history: RunHistory,
    private readonly onChange: (record: RunRecord) => void,
  ) {}

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  get warnings(): number {
    return this.record.warnings;
  }

  /** Cancelled, and still cleaning up. */
  get isCancelling(): boolean {
    return this.abort.signal.aborted && this.ended === undefined;
  }

  /** @throws TOO_LATE_TO_CANCEL */
  cancel(): void {
    if (!this.cancellable) throw new SafekeepError('TOO_LATE_TO_CANCEL');
    this.abort.abort();
    this.onChange(this.record);
  }

  pointOfNoReturn(): void {
    this.refuseIfCancelled();
    this.cancellable = false;
  }

  log(level: LogLevel, message: Message): void {
    if (level === 'warn') this.record.warnings += 1;
    this.pendingLines.push({ at: new Date().toISOString(), level, step: this.record.step, message });
    this.write(async () => {
      const lines = this.pendingLines;
      this.pendingLines = [];
      if (lines.length > 0) await this.history.appendLog(this.record.id, lines);
    });
  }

  progress(progress: Progress): void {
    const { record } = this;
    // Progress after a cancel belongs to work that is being discarded.
    if (this.abort.signal.aborted) return;
    record.progress = progress;
    const share = progress.total > 0 ? Math.min(1, progress.done / progress.total) : 0;
    record.percent = Math.max(record.percent, Math.floor(this.doneWeight + share * this.weightOf(record.step)));
    const now = Date.now();
    if (now - this.lastProgress < PROGRESS_INTERVAL_MS) return;
    this.lastProgress = now;
    this.onChange(record);
  }

  async step<T>(step: string, work: () => Promise<T>): Promise<T> {
    if (this.cancellable) this.refuseIfCancelled();
    const { record } = this;
    record.step = step;
    record.steps = [...record.steps, step];
    record.progress = { done: 0, total: 0, unit: 'steps' };
    record.percent = Math.max(record.percent, Math.floor(this.doneWeight));
    this.changed();
    const result = await work();
    this.doneWeight += this.weightOf(step);
    return result;
  }

  async start(): Promise<void> {
    this.record.status = 'running';
    this.changed();
    await this.flush();
    this.heartbeat = setInterval(() => {
      // The next step writes a record that cannot be touched now.
      this.history.touch(this.record.id).catch(() => undefined);
    }, HEARTBEAT_MS).unref();
  }

  /** Writes the result of the run to disk and returns it; `publish` notifies the listener. Only the first call counts. */
  async conclude(error?: unknown): Promise<RunRecord> {
    this.ended ??= this.end(error);
    return await this.ended;
  }

  private async end(error: unknown): Promise<RunRecord> {
    this.cancellable = false;
    const ended: RunRecord = { ...this.record, finishedAt: new Date().toISOString() };
    if (error === undefined) {
      ended.status = ended.warnings > 0 ? 'succeeded with warnings' : 'succeeded';
      ended.percent = 100;
    } else {
      const reason = toSafekeepError(error);
      ended.status = reason.code === 'CANCELLED' ? 'cancelled' : 'failed';
      ended.error = toStoredError(reason);
      this.log('error', messageOf(reason));
    }
    this.write(() => this.history.save(ended));
    await this.flush();
    clearInterval(this.heartbeat);
    return ended;
  }

  publish(ended: RunRecord): void {
    Object.assign(this.record, ended);
    this.onChange(this.record);
  }

  /** Resolves when all records so far are on disk. */
  async flush(): Promise<void> {
    await this.writing;
  }

  private refuseIfCancelled(): void {
    if (this.abort.signal.aborted) throw new SafekeepError('CANCELLED');
  }

  private changed(): void {
    this.onChange(this.record);
    this.write(() => this.history.save(this.record));
  }

  /** One write after the other; a failure to write the record must not end the run. */
  private write(work: () => Promise<void>): void {
    this.writing = this.writing.then(work).catch((error: Error) => {
      process.emitWarning(`Safekeep: cannot write the record of run ${this.record.id}: ${error.message}`);
    });
  }

  private weightOf(step: string): number {
    const weights: Record<string, number> = STEPS[this.record.kind];
    // Skipped steps have no share.
    const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
    return ((weights[step] ?? 0) / total) * 100;
  }
}
