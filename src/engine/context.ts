import type { LogLevel, Message, Progress } from '../shared/runs';

/** How a pipeline reports while it works, and how it is cancelled. */
export interface RunContext {
  /** Aborted on cancel; it ends every stream and child process of the run. */
  readonly signal: AbortSignal;
  /** One line of the run log. `text` is an English sentence from locale/; `{{name}}` is filled from params. */
  log(level: LogLevel, message: Message): void;
  /** Progress within the current step; may be called per chunk, the receiver throttles. */
  progress(progress: Progress): void;
}

/** A run that consists of steps. */
export interface SteppedRun<Step extends string> extends RunContext {
  /** Does the work of one step; errors pass through. @throws CANCELLED when the run was cancelled before the step */
  step<T>(step: Step, work: () => Promise<T>): Promise<T>;
  /** From here on the run cannot be cancelled. @throws CANCELLED when it was cancelled before */
  pointOfNoReturn(): void;
  /** How many warnings have been logged so far. */
  readonly warnings: number;
}
