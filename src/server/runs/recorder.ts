import type { SteppedRun } from '../../engine/context';
import { SafekeepError, toSafekeepError } from '../../engine/errors';
import { type LogLevel, type LogLine, type Message, type Progress, STEPS } from '../../shared/runs';
import { type RunRecord, toStoredError } from '../../engine/history/record';
import type { RunHistory } from '../../engine/history/run-history';

/** How often progress is passed on at the most. */
const PROGRESS_INTERVAL_MS = 400;

/** Keeps the record and the log of one run, and tells listeners. The engine sees it as its SteppedRun. */
export class RunRecorder implements SteppedRun<string> {
  private readonly abort = new AbortController();
  private cancellable = true;
  private pendingLines: LogLine[] = [];
  private writing: Promise<void> = Promise.resolve();
  private lastTold = 0;
  private doneWeight = 0;
  private ended: Promise<RunRecord> | undefined;

  constructor(
    readonly record: RunRecord,
    private readonly store: RunHistory,
    private readonly onChange: (record: RunRecord) => void,
  ) {}

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  get warnings(): number {
    return this.record.warnings;
  }

  /** @throws TOO_LATE_TO_CANCEL */
  cancel(): void {
    if (!this.cancellable) throw new SafekeepError('TOO_LATE_TO_CANCEL');
    this.abort.abort();
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
      if (lines.length > 0) await this.store.appendLog(this.record.id, lines);
    });
  }

  progress(progress: Progress): void {
    const { record } = this;
    record.progress = progress;
    const share = progress.total > 0 ? Math.min(1, progress.done / progress.total) : 0;
    record.percent = Math.max(record.percent, Math.floor(this.doneWeight + share * this.weightOf(record.step)));
    const now = Date.now();
    if (now - this.lastTold < PROGRESS_INTERVAL_MS) return;
    this.lastTold = now;
    this.onChange(record);
  }

  async step<T>(step: string, work: () => Promise<T>): Promise<T> {
    if (this.cancellable) this.refuseIfCancelled();
    this.record.step = step;
    this.record.progress = { done: 0, total: 0, unit: 'steps' };
    this.record.percent = Math.floor(this.doneWeight);
    this.changed();
    const result = await work();
    this.doneWeight += this.weightOf(step);
    return result;
  }

  async start(): Promise<void> {
    this.record.status = 'running';
    this.changed();
    await this.flush();
  }

  /** Writes how the run ended to disk and returns it; nobody is told before `publish`. What was said first stands. */
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
      this.log('error', { text: '{{error}}', params: { error: reason.message } });
    }
    this.write(() => this.store.save(ended));
    await this.flush();
    return ended;
  }

  publish(ended: RunRecord): void {
    Object.assign(this.record, ended);
    this.onChange(this.record);
  }

  /** Resolves when everything told so far is on disk. */
  async flush(): Promise<void> {
    await this.writing;
  }

  private refuseIfCancelled(): void {
    if (this.abort.signal.aborted) throw new SafekeepError('CANCELLED');
  }

  private changed(): void {
    this.onChange(this.record);
    this.write(() => this.store.save(this.record));
  }

  /** One write after the other; a disk that refuses the record must not end the run it tells of. */
  private write(work: () => Promise<void>): void {
    this.writing = this.writing.then(work).catch((error: Error) => {
      process.emitWarning(`Safekeep: the record of run ${this.record.id} could not be written: ${error.message}`);
    });
  }

  private weightOf(step: string): number {
    const weights: Record<string, number> = STEPS[this.record.kind];
    const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
    return ((weights[step] ?? 0) / total) * 100;
  }
}
