/** What a test asks of the child that it is going to kill, and what the child answers. Plain JSON. */
import type { DatabaseConnection } from '../../src/engine/databases/driver';
import type { RunRecord } from '../../src/engine/history/record';
import type { PreviousData } from '../../src/engine/previous';
import type { LogLine } from '../../src/shared/runs';

/** The site that children work on, as far as a child must know it. */
export interface Place {
  /** engine: the engine alone. app: a NocoBase with the plugin. */
  kind: 'engine' | 'app';
  connection: DatabaseConnection;
  /** Holds everything of the site: its files, the SQLite database, Safekeep's own folder. */
  folder: string;
}

/** How a child ends itself at a boundary. group: with all tools that it started; process: as the kernel does when memory is short. */
export type Target = 'group' | 'process';

export interface Kill {
  boundary: string;
  target: Target;
}

export type Operation = 'restore' | 'undo' | 'backup';

/** start: what the start of an app does with what it finds. forget: the time for undo is over. install: a new app with a little content. */
export type Command =
  | { do: 'start'; kill?: Kill }
  | { do: 'backup'; kill?: Kill }
  | { do: 'restore'; archive: string; kill?: Kill }
  | { do: 'undo'; kill?: Kill }
  | { do: 'forget'; kill?: Kill }
  | { do: 'install'; kill?: Kill };

export interface RunState {
  record: RunRecord;
  log: LogLine[];
}

/** What the history and the list of backups show. */
export interface Shown {
  runs: RunState[];
  /** Archives of the list; `whole`: seal and every hash match. */
  backups: { name: string; whole: boolean; hasSidecar: boolean }[];
  previous: PreviousData;
}

export interface Reply {
  /** Of this command, in order. */
  boundaries: string[];
  durationMs: number;
  shown: Shown;
  /** Absent when the command succeeded. */
  error?: string;
}
