/** What a run is and how it is told to the outside; spoken by server, client and command line alike. */

export type RunKind = 'backup' | 'restore' | 'undo' | 'verify' | 'prune';

export type RunStatus =
  'pending' | 'running' | 'succeeded' | 'succeeded with warnings' | 'failed' | 'cancelled' | 'interrupted';

export const FINAL_STATUSES: readonly RunStatus[] = [
  'succeeded',
  'succeeded with warnings',
  'failed',
  'cancelled',
  'interrupted',
];

/** How far the current step is. `total` is 0 while it is not known. */
export interface Progress {
  done: number;
  total: number;
  unit: 'bytes' | 'rows' | 'files' | 'steps';
}

/** An error as the API tells it: `code` is for machines, the rest for people, in their language. */
export interface ApiError {
  code: string;
  message: string;
  hint: string;
  /** What the message was filled with, for machines: an upload goes on from `expected`. */
  params?: Readonly<Record<string, unknown>>;
}

/** A message that is not translated yet: an English sentence with `{{name}}` places, and what goes into them. */
export interface Message {
  text: string;
  params?: Params;
}
/** Names and numbers stay as they are; messages are translated, a list of them is joined. */
export type Params = Readonly<Record<string, string | number | Message | readonly Message[]>>;

export type LogLevel = 'info' | 'warn' | 'error';

/** One line of a run's log file. */
export interface LogLine {
  /** ISO 8601, UTC. */
  at: string;
  level: LogLevel;
  step: string;
  message: Message;
}

/** What `safekeepRuns:get` answers and what a websocket message of type `safekeep:run` carries. Times are ISO 8601, UTC. */
export interface RunView {
  id: string;
  kind: RunKind;
  status: RunStatus;
  /** Key of the step in progress, or of the last one (see STEPS). */
  step: string;
  /** Steps that have begun, in order; a step of the kind that is missing before the last one was skipped. */
  steps: string[];
  /** Cancelled, and still cleaning up. */
  cancelling: boolean;
  progress: Progress;
  /** 0 to 100 over all steps, weighted. */
  percent: number;
  startedAt: string;
  finishedAt: string | null;
  /** Name of the backup the run makes or reads. */
  backupName: string | null;
  /** When that backup was made. */
  backupAt: string | null;
  /** Set when the restore read an uploaded file rather than a listed backup, with the name of that file. */
  uploadId: string | null;
  uploadName: string | null;
  contents: Content[];
  note: string;
  trigger: Trigger;
  warnings: number;
  error: ApiError | null;
  /** Nickname of the user who started it, null for the machine. */
  startedBy: string | null;
  /** Runs that replaced data: whether that data can be brought back; null for all others. */
  undo: UndoView | null;
  /** Undos only: the run whose previous data was brought back. */
  undoOf: string | null;
  /** Undos only: 'redo' when that run was an undo itself. */
  direction: 'undo' | 'redo' | null;
}

/** Until when the data that a run replaced can be brought back, or why and since when it cannot. */
export type UndoView =
  { state: 'available'; until: string } | { state: 'live again' | 'expired' | 'discarded' | 'not kept'; at: string };

/** How far a backup is proven: loaded and counted; read byte by byte, but not loaded here; refuted. */
export type VerificationResult = 'restorable' | 'bytes only' | 'failed';

/** What is remembered of the last verification of a backup. */
export interface Verification {
  /** ISO 8601, UTC. */
  at: string;
  runId: string;
  result: VerificationResult;
  /** What was proven; why it was not loaded; what is wrong. */
  detail: Message;
}

export type Trigger = 'manual' | 'schedule' | 'api' | 'cli' | 'pre-restore' | 'upload';

export type Content = 'database' | 'files';
export const ALL_CONTENTS: readonly Content[] = ['database', 'files'];

/** Every step of every kind of run, in order, with the weight of its share in the overall percentage. */
export const STEPS = {
  backup: {
    prepare: 2,
    database: 50,
    files: 25,
    finish: 3,
    checksum: 20,
  },
  restore: {
    open: 1,
    compatibility: 1,
    checksum: 12,
    stageDatabase: 45,
    stageFiles: 20,
    checkStaged: 6,
    switchover: 5,
    reload: 8,
    healthCheck: 2,
  },
  undo: {
    prepare: 5,
    switchover: 35,
    reload: 50,
    healthCheck: 10,
  },
  verify: {
    open: 1,
    checksum: 35,
    stageDatabase: 50,
    checkStaged: 10,
    drop: 4,
  },
  prune: {
    prune: 100,
  },
} as const satisfies Record<RunKind, Record<string, number>>;

export type StepOf<K extends RunKind> = keyof (typeof STEPS)[K] & string;
