/**
 * Previous data: what restores and undos replaced, kept until its undo window closes.
 *
 * The data of an app has parts: its database, and each folder of uploaded files. Every part has versions; one is live, the
 * others are in inactive slots. A state names one version of every part. A switchover swaps the live version of a part
 * with the one in a slot, so every state stays directly reachable after any later switchover: each part that differs is
 * brought live from the slot that holds its version now.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomically } from './atomic-file';
import type { DatabasePlan } from './databases/driver';
import { SafekeepError } from './errors';
import type { FolderPlan } from './files/slots';
import { folderPlanSchema } from './files/slots';
import { databasePlanSchema } from './journal';
import type { Slots } from './moves';

/** 'database', or the absolute path of a folder. */
type Part = string;
const DATABASE: Part = 'database';

const originSchema = z.object({
  /** The run that brought it live. */
  runId: z.string(),
  backupName: z.string(),
  /** When that backup was made. ISO 8601, UTC, like all times here. */
  backupAt: z.string(),
  at: z.string(),
  by: z.string().nullable(),
});
/** Where data came from: a restored backup. Data that was never restored has no origin. */
export type Origin = z.infer<typeof originSchema>;

const stateSchema = z.object({
  /** Id of the run that replaced it. */
  id: z.string(),
  replacedAt: z.string(),
  replacedBy: z.string().nullable(),
  /** When its undo window closes. */
  until: z.string(),
  origin: originSchema.nullable(),
  /** Its version of every part that any switchover ever moved. */
  versions: z.record(z.string(), z.string()),
});
/** Previous data of one moment. */
export type PreviousState = z.infer<typeof stateSchema>;

const endingSchema = z.object({
  id: z.string(),
  at: z.string(),
  why: z.enum(['live again', 'expired', 'discarded', 'not kept']),
});
/** Why the data that a run replaced can no longer be brought back. */
export type Ending = z.infer<typeof endingSchema>;

const inactiveSchema = z.object({
  version: z.string(),
  part: z.string(),
  plan: z.union([databasePlanSchema, folderPlanSchema]),
});

const previousSchema = z.object({
  format: z.literal(1),
  /** The last run that was recorded. */
  lastRun: z.string().nullable(),
  /** Where the live data came from, and the live version of each part that was ever moved. */
  live: z.object({ origin: originSchema.nullable(), versions: z.record(z.string(), z.string()) }),
  /** Oldest first. */
  states: z.array(stateSchema),
  inactive: z.array(inactiveSchema),
  /** The latest, oldest first. */
  endings: z.array(endingSchema),
});
export type PreviousData = z.infer<typeof previousSchema>;

const MAX_ENDINGS = 200;

export const NO_PREVIOUS: PreviousData = {
  format: 1,
  lastRun: null,
  live: { origin: null, versions: {} },
  states: [],
  inactive: [],
  endings: [],
};

/** A switchover that is complete. */
export interface Switched {
  runId: string;
  slots: Slots;
  at: string;
  by: string | null;
  /** Of a restore; null when previous data came back. */
  origin: Origin | null;
  undoHours: number;
}

/** The parts that slots hold, with their plans. */
function partsOf({ database, folders }: Slots): [Part, DatabasePlan | FolderPlan][] {
  const inFolders = folders.map((plan): [Part, FolderPlan] => [plan.folder, plan]);
  return database ? [...inFolders, [DATABASE, database]] : inFolders;
}

/** The previous data after a switchover. A second call for the same run changes nothing. */
export function afterSwitchover(before: PreviousData, done: Switched): PreviousData {
  if (before.lastRun === done.runId) return before;
  const { runId, at, by, undoHours } = done;
  const parts = partsOf(done.slots);
  // A part that moves for the first time had one version until now, the same in every state.
  const firsts = parts.filter(([part]) => !(part in before.live.versions)).map(([part]) => [part, `until ${runId}`]);
  const first = Object.fromEntries(firsts) as Record<Part, string>;
  const liveBefore = { ...before.live.versions, ...first };
  const live = { ...liveBefore };
  let { inactive } = before;
  for (const [part, plan] of parts) {
    const slot = inactive.find((one) => one.part === part && one.plan.id === plan.id);
    live[part] = slot?.version ?? runId;
    inactive = [...inactive.filter((one) => one !== slot), { version: liveBefore[part] ?? '', part, plan }];
  }
  const isLive = ({ versions }: PreviousState) => isEqual(versions, live);
  const replaced: PreviousState = {
    id: runId,
    replacedAt: at,
    replacedBy: by,
    until: new Date(Date.parse(at) + undoHours * 3600_000).toISOString(),
    origin: before.live.origin,
    versions: liveBefore,
  };
  const earlier = before.states.map((state) => ({ ...state, versions: { ...first, ...state.versions } }));
  const again = earlier.filter(isLive);
  const states = earlier.filter((state) => !isLive(state));
  const ended = again.map(({ id }): Ending => ({ id, at, why: 'live again' }));
  if (undoHours > 0) states.push(replaced);
  else ended.push({ id: runId, at, why: 'not kept' });
  return {
    ...before,
    lastRun: runId,
    live: { origin: done.origin ?? again[0]?.origin ?? null, versions: live },
    states,
    inactive,
    endings: [...before.endings, ...ended].slice(-MAX_ENDINGS),
  };
}

function isEqual(one: Record<string, string>, other: Record<string, string>): boolean {
  return Object.keys(other).every((part) => one[part] === other[part]);
}

/** Removes the states that match; slots that only they needed are unreferenced afterwards. */
export function without(
  data: PreviousData,
  isGone: (state: PreviousState) => boolean,
  why: Ending['why'],
  at: Date,
): PreviousData {
  const gone = data.states.filter(isGone);
  const endings = gone.map(({ id }): Ending => ({ id, at: at.toISOString(), why }));
  return {
    ...data,
    states: data.states.filter((state) => !isGone(state)),
    endings: [...data.endings, ...endings].slice(-MAX_ENDINGS),
  };
}

export const isExpired = (now: Date) => (state: PreviousState) => Date.parse(state.until) <= now.getTime();

/** Slots whose content no longer belongs to any state, one by one. */
export function unreferenced(data: PreviousData): Slots[] {
  const used = versionsOf(data.states);
  return data.inactive.filter((slot) => !used.has(keyOf(slot))).map(({ plan }) => asSlots([plan]));
}

type Inactive = z.infer<typeof inactiveSchema>;
const keyOf = ({ part, version }: Pick<Inactive, 'part' | 'version'>) => JSON.stringify([part, version]);

function versionsOf(states: readonly PreviousState[]): Set<string> {
  const all = states.flatMap(({ versions }) => Object.entries(versions));
  return new Set(all.map(([part, version]) => keyOf({ part, version })));
}

/** Without slots that were discarded. */
export function withoutSlots(data: PreviousData, discarded: readonly Slots[]): PreviousData {
  const ids = new Set(discarded.flatMap((slots) => partsOf(slots).map(([part, plan]) => `${part} ${plan.id}`)));
  return { ...data, inactive: data.inactive.filter(({ part, plan }) => !ids.has(`${part} ${plan.id}`)) };
}

/**
 * The slots that have to be switched to bring a state live; every other part is live in this version already.
 * @throws NOTHING_TO_UNDO when it is not kept, or no longer
 */
export function slotsToReach(data: PreviousData, id: string, now: Date): Slots {
  const state = data.states.find((one) => one.id === id);
  if (!state || isExpired(now)(state)) throw new SafekeepError('NOTHING_TO_UNDO');
  const plans: (DatabasePlan | FolderPlan)[] = [];
  for (const [part, version] of Object.entries(state.versions)) {
    if (data.live.versions[part] === version) continue;
    const slot = data.inactive.find((one) => one.part === part && one.version === version);
    if (!slot) throw new SafekeepError('NOTHING_TO_UNDO');
    plans.push(slot.plan);
  }
  return asSlots(plans);
}

/** Slots that only these states need: discarding the states frees them. */
export function slotsOnlyIn(data: PreviousData, ids: readonly string[]): Slots {
  const others = versionsOf(data.states.filter(({ id }) => !ids.includes(id)));
  const own = versionsOf(data.states.filter(({ id }) => ids.includes(id)));
  const freed = data.inactive.filter((slot) => own.has(keyOf(slot)) && !others.has(keyOf(slot)));
  return asSlots(freed.map(({ plan }) => plan));
}

function asSlots(plans: (DatabasePlan | FolderPlan)[]): Slots {
  const isFolder = (plan: DatabasePlan | FolderPlan): plan is FolderPlan => 'folder' in plan;
  const isDatabase = (plan: DatabasePlan | FolderPlan): plan is DatabasePlan => !isFolder(plan);
  return { database: plans.find(isDatabase) ?? null, folders: plans.filter(isFolder) };
}

/** The file of previous data. Changed only by the process that holds the run lock. */
export class PreviousFile {
  constructor(private readonly file: string) {}

  /** @throws PREVIOUS_UNREADABLE: treated as empty, it would orphan every slot that it lists */
  async read(): Promise<PreviousData> {
    const text = await readFile(this.file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw this.unreadable(error.message, error);
    });
    if (text === null) return NO_PREVIOUS;
    try {
      return previousSchema.parse(JSON.parse(text));
    } catch (cause) {
      throw this.unreadable((cause as Error).message, cause);
    }
  }

  async change(change: (data: PreviousData) => PreviousData): Promise<PreviousData> {
    const before = await this.read();
    const after = change(before);
    if (after !== before) await writeFileAtomically(this.file, JSON.stringify(after, null, 2));
    return after;
  }

  private unreadable(detail: string, cause: unknown): SafekeepError {
    return new SafekeepError('PREVIOUS_UNREADABLE', { file: this.file, detail }, { cause });
  }
}
