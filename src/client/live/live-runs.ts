import { readMaintenanceText } from '../../shared/maintenance';
import { FINAL_STATUSES, type RunView, STEPS } from '../../shared/runs';
import type { Api } from '../api/api';
import { toFailure, type Failure } from '../api/failure';

const BUSY_MS = 2000;
const IDLE_MS = 30_000;

export const isFinal = (run: RunView): boolean => FINAL_STATUSES.includes(run.status);

/** What is known about runs right now. A new object after every change. */
export interface LiveRuns {
  /** Latest known state of runs, by id. */
  runs: ReadonlyMap<string, RunView>;
  /** The newest run in progress. */
  active: RunView | null;
  /** Set while the server is unavailable (maintenance, restart, no network). */
  unavailable: Failure | null;
  /** Grows when lists should be read again: a run began or ended, or the server came back. */
  revision: number;
  /** Ids that were asked for and that the server does not know. */
  lost: ReadonlySet<string>;
}

/**
 * The state of runs, fed by polling and by websocket messages. A final status is never taken back by a message that
 * arrives late.
 */
export class RunTracker {
  private runs = new Map<string, RunView>();
  private readonly tracked = new Set<string>();
  private readonly lost = new Set<string>();
  /** Runs whose cancellation was requested here. */
  private readonly cancelling = new Set<string>();
  private unavailable: Failure | null = null;
  private revision = 0;
  private loaded = false;
  private readonly listeners = new Set<() => void>();
  private readonly finishListeners = new Set<(run: RunView) => void>();
  private snapshot: LiveRuns = { runs: this.runs, active: null, unavailable: null, revision: 0, lost: this.lost };

  constructor(private readonly api: Api) {}

  readonly getSnapshot = (): LiveRuns => this.snapshot;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Calls `listener` with every run that was seen in progress, or was tracked, and is now final. */
  readonly onFinished = (listener: (run: RunView) => void): (() => void) => {
    this.finishListeners.add(listener);
    return () => this.finishListeners.delete(listener);
  };

  /** Follows a run until it is final, wherever it stands in the list. */
  track(id: string): void {
    this.tracked.add(id);
    this.lost.delete(id);
  }

  /** Shows a run as being cancelled before the server confirms it; `false` takes that back. */
  readonly setCancelling = (id: string, isCancelling: boolean): void => {
    if (isCancelling) this.cancelling.add(id);
    else this.cancelling.delete(id);
    const run = this.runs.get(id);
    if (run && !isFinal(run)) this.runs.set(id, { ...run, cancelling: isCancelling });
    this.publish();
  };

  /** Takes in a newer state of a run (a websocket message, an answer). */
  put(run: RunView): void {
    const finished = this.merge(run);
    this.publish();
    if (finished) this.finishListeners.forEach((listener) => listener(run));
  }

  /** Asks the server once. Resolves with how long to wait before the next time, in ms; never rejects. */
  async poll(): Promise<number> {
    try {
      const { rows } = await this.api.runs.list({ page: 1, pageSize: 10, sort: '-startedAt' });
      const listed = new Set(rows.map((run) => run.id));
      const missing = this.pendingIds().filter((id) => !listed.has(id));
      const others = await Promise.all(missing.map((id) => this.find(id)));
      const fresh = [...rows, ...others.filter((run) => run !== null)];
      if (this.unavailable) this.revision += 1;
      this.unavailable = null;
      const finished = fresh.filter((run) => this.merge(run));
      this.loaded = true;
      this.publish();
      for (const run of finished) this.finishListeners.forEach((listener) => listener(run));
    } catch (error) {
      const failure = toFailure(error);
      this.unavailable = failure.isUnavailable ? failure : null;
      this.readStep(failure);
      this.publish();
    }
    return this.unavailable || this.pendingIds().length > 0 ? BUSY_MS : IDLE_MS;
  }

  /** In maintenance the host's text is all that the server reveals of the run. */
  private readStep({ code, message }: Failure): void {
    const reported = code === 'MAINTENANCE' ? readMaintenanceText(message) : null;
    const run = [...this.runs.values()].find((one) => !isFinal(one) && one.kind === reported?.kind);
    if (!reported || !run) return;
    const { step, percent } = reported;
    const order = Object.keys(STEPS[run.kind]);
    const begun = order.slice(order.indexOf('switchover'), order.indexOf(step) + 1);
    this.runs.set(run.id, { ...run, step, percent, steps: [...new Set([...run.steps, ...begun])] });
  }

  private async find(id: string): Promise<RunView | null> {
    try {
      return await this.api.runs.get(id);
    } catch (error) {
      if (toFailure(error).status !== 404) throw error;
      this.tracked.delete(id);
      this.runs.delete(id);
      this.lost.add(id);
      return null;
    }
  }

  /** Ids of runs that are not known to be final. */
  private pendingIds(): string[] {
    const unseen = [...this.tracked].filter((id) => !this.runs.has(id));
    return [...unseen, ...[...this.runs.values()].filter((run) => !isFinal(run)).map((run) => run.id)];
  }

  /** True when the run has become final just now. */
  private merge(run: RunView): boolean {
    const known = this.runs.get(run.id);
    if (known && isFinal(known) && !isFinal(run)) return false;
    this.runs.set(run.id, this.advanced(run, known));
    const followed = this.tracked.has(run.id) || (known !== undefined && !isFinal(known));
    const finished = isFinal(run) && followed && !(known && isFinal(known));
    if (isFinal(run)) {
      this.tracked.delete(run.id);
      this.cancelling.delete(run.id);
    }
    if (finished || (!known && this.loaded)) this.revision += 1;
    return finished;
  }

  /** An answer that was overtaken takes no progress back, and a run that is being cancelled makes none. */
  private advanced(run: RunView, known: RunView | undefined): RunView {
    if (isFinal(run)) return run;
    const cancelling = run.cancelling || this.cancelling.has(run.id);
    if (!known || (!cancelling && run.percent >= known.percent)) return { ...run, cancelling };
    const { step, steps, progress, percent } = known;
    return { ...run, step, steps, progress, percent, cancelling };
  }

  private publish(): void {
    this.runs = new Map(this.runs);
    const active = [...this.runs.values()]
      .filter((run) => !isFinal(run))
      .sort((a, b) => b.startedAt.localeCompare(a.startedAt));
    this.snapshot = {
      runs: this.runs,
      active: active[0] ?? null,
      unavailable: this.unavailable,
      revision: this.revision,
      lost: new Set(this.lost),
    };
    this.listeners.forEach((listener) => listener());
  }
}
