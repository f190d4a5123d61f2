import type { LogLevel, Message, Progress } from '../shared/runs';

/** What a pipeline tells while it works, and how it learns that it should stop. */
export interface RunContext {
  /** Aborted on cancel; every stream and child process of the run hangs on it. */
  readonly signal: AbortSignal;
  /** One line of the run's log. `text` is an English sentence of the catalogue (locale/), `{{name}}` filled from params. */
  log(level: LogLevel, message: Message): void;
  /** Progress within the current step; may be called per chunk, the receiver throttles. */
  progress(progress: Progress): void;
}

/** A run that is told as a list of steps. */
export interface SteppedRun<Step extends string> extends RunContext {
  /** Does the work of one step; errors pass through. @throws CANCELLED when the run was cancelled before the step */
  step<T>(step: Step, work: () => Promise<T>): Promise<T>;
  /** From here on the run can not be cancelled. @throws CANCELLED when it was cancelled before */
  pointOfNoReturn(): void;
  /** How many warnings have been logged so far. */
  readonly warnings: number;
}
