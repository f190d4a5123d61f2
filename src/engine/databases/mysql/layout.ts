/**
 * Where the two slots of a plan lie. Of two strategies only the names differ: 'tables' keeps what is aside under its own names
 * in two databases beside the live one, 'names' in the live database under names that begin with `__safekeep_<id>_`.
 */
import { SafekeepError } from '../../errors';
import type { DatabasePlan } from '../driver';
import { OWN_TABLE_PREFIX } from './catalog';
import { type MysqlSession, quoteId } from './connection';

/** Which state is live: the one before the restore, or the one after it. */
export type Side = 'before' | 'after';
export const otherSide = (side: Side): Side => (side === 'before' ? 'after' : 'before');

export type Strategy = Extract<DatabasePlan['strategy'], 'tables' | 'names'>;

/** A table or sequence of the app by the name it has while it is live, and the one it has while it is aside. */
export interface Place {
  name: string;
  inactive: string;
}

export interface Layout {
  strategy: Strategy;
  id: string;
  live: string;
  /** The database that holds the tables of a side while they are aside. */
  inactive: Record<Side, string>;
  /** Tables of ours, quoted and qualified. */
  notes: Record<'plan' | 'storedObjects' | 'places', string>;
  /** 'tables': the mark of the database of the previous state. */
  previousMark: string;
  /** A table of ours whose name says which side is live: it is renamed together with all others. */
  sign: Record<Side, { database: string; name: string }>;
}

const MAX_NAME = 64;
export const PLAN_TABLE = `${OWN_TABLE_PREFIX}plan`;

/** Start of the names of all databases beside a database, for the right to create them. */
export const slotPrefix = (live: string) => `${live}__safekeep_`;

/** The names of a plan. Databases have names of up to 64 characters; a long one is cut, the id keeps the slot apart. */
export function planNames(strategy: Strategy, live: string, id: string): Record<string, string> {
  if (strategy === 'names') return { live, prefix: ownPrefix(id) };
  const named = (ending: string) => live.slice(0, MAX_NAME - ending.length) + ending;
  return { live, staged: named(`__safekeep_${id}`), previous: named(`__safekeep_${id}_prev`) };
}

const ownPrefix = (id: string) => `${OWN_TABLE_PREFIX}${id}_`;

/** @throws INTERNAL for a plan whose names are not those of its id */
export function layoutOf(session: MysqlSession, plan: DatabasePlan): Layout {
  const live = session.database;
  const { strategy, id } = plan;
  const wrong = new SafekeepError('INTERNAL', { detail: `the plan ${id} is for another database than ${live}` });
  if (strategy !== 'tables' && strategy !== 'names') throw wrong;
  const names = planNames(strategy, live, id);
  const fits = Object.entries(names).every(([key, name]) => session.fold(plan.names[key] ?? '') === session.fold(name));
  if (!fits) throw wrong;
  const { staged = live, previous = live } = names;
  const own = (name: string) => (strategy === 'names' ? ownPrefix(id) : OWN_TABLE_PREFIX) + name;
  const note = (name: string) => quoteId(staged, own(name));
  return {
    strategy,
    id,
    live,
    inactive: { before: previous, after: staged },
    notes: { plan: note('plan'), storedObjects: note('stored_objects'), places: note('places') },
    previousMark: quoteId(previous, own('plan')),
    sign: {
      before: { database: staged, name: own('before_is_live') },
      after: { database: staged, name: own('after_is_live') },
    },
  };
}

/** The name that the app's table number `number` has while it is aside in the live database. */
export const inactiveName = ({ id }: Layout, number: number) => `${ownPrefix(id)}${number}`;

/** Whether a name can only be one of `asideName`. */
export function isInactiveName({ id }: Layout, name: string): boolean {
  return name.startsWith(ownPrefix(id)) && /^\d+$/.test(name.slice(ownPrefix(id).length));
}
