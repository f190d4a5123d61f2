/** Runs: types and constants that server, client and command line share. */

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

/** Progress of the current step. `total` is 0 while unknown. */
export interface Progress {
  done: number;
  total: number;
  unit: 'bytes' | 'rows' | 'files' | 'steps';
}

/** An error as the API returns it: `code` for machines; `message` and `hint` for people, in their language. */
export interface ApiError {
  code: string;
  message: string;
  hint: string;
  /** The parameters of the message, for machines: an upload continues from `expected`. */
  params?: Readonly<Record<string, unknown>>;
}

/** A message that is translated when it is shown: an English sentence with `{{name}}` places, and their values. */
export interface Message {
  text: string;
  params?: Params;
}
/** Strings and numbers stay unchanged; messages are translated, and lists of messages joined. */
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

/** The answer of `safekeepRuns:get` and the payload of websocket messages of type `safekeep:run`. Times are ISO 8601, UTC. */
export interface RunView {
  id: string;
  kind: RunKind;
  status: RunStatus;
  /** Key of the step in progress, or of the last one (see STEPS). */
  step: string;
  /** Steps begun so far, in order; a step that is missing before the last one was skipped. */
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
  /** Set for a restore from an uploaded file; `uploadName` is the name of that file. */
  uploadId: string | null;
  uploadName: string | null;
  contents: Content[];
  note: string;
  trigger: Trigger;
  warnings: number;
  error: ApiError | null;
  /** Nickname of the user who started it; null for automatic runs. */
  startedBy: string | null;
  /** Whether the data that the run replaced can be brought back; null for a run that replaced none. */
  undo: UndoView | null;
  /** Undos only: the run whose previous data was brought back. */
  undoOf: string | null;
  /** Undos only: 'redo' when that run was an undo itself. */
  direction: 'undo' | 'redo' | null;
}

/** Until when the data that a run replaced can be brought back, or since when and why it cannot. */
export type UndoView =
  { state: 'available'; until: string } | { state: 'live again' | 'expired' | 'discarded' | 'not kept'; at: string };

/** restorable: loaded, and row counts match. bytes only: checksums match, but it could not be loaded here. failed: verification failed. */
export type VerificationResult = 'restorable' | 'bytes only' | 'failed';

/** The last verification of a backup. */
export interface Verification {
  /** ISO 8601, UTC. */
  at: string;
  runId: string;
  result: VerificationResult;
  /** The extent of the verification, the reason why the data was not loaded, or the problem. */
  detail: Message;
}

export type Trigger = 'manual' | 'schedule' | 'api' | 'cli' | 'pre-restore' | 'upload';

export type Content = 'database' | 'files';
export const ALL_CONTENTS: readonly Content[] = ['database', 'files'];

/** The steps of every kind of run, in order, with their weight in the overall percentage. */
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
