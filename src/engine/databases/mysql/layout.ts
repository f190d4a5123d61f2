/**
 * The location of a plan's two slots. The two strategies differ only in names: 'tables' keeps inactive tables under their own
 * names in two separate databases, 'names' in the live database under names that begin with `__safekeep_<id>_`.
 */
import { SafekeepError } from '../../errors';
import type { DatabasePlan } from '../driver';
import { OWN_TABLE_PREFIX } from './catalog';
import { type MysqlSession, quoteId } from './connection';

/** The data that is live: from before the restore, or after it. */
export type Side = 'before' | 'after';
export const otherSide = (side: Side): Side => (side === 'before' ? 'after' : 'before');

export type Strategy = Extract<DatabasePlan['strategy'], 'tables' | 'names'>;

/** A table or sequence of the app with its live name and its inactive name. */
export interface Place {
  name: string;
  inactive: string;
}

export interface Layout {
  strategy: Strategy;
  id: string;
  live: string;
  /** The database that contains the tables of a side while they are inactive. */
  inactive: Record<Side, string>;
  /** Safekeep's own tables, quoted and qualified. */
  notes: Record<'plan' | 'storedObjects' | 'places', string>;
  /** 'tables': the mark of the database with the previous data. */
  previousMark: string;
  /** A table whose name shows which side is live: it is renamed together with all others. */
  sign: Record<Side, { database: string; name: string }>;
}

const MAX_NAME = 64;
export const PLAN_TABLE = `${OWN_TABLE_PREFIX}plan`;

/** Prefix of the names of all inactive databases of a database, for the privilege to create them. */
export const slotPrefix = (live: string) => `${live}__safekeep_`;

/** The names of a plan. Database names have up to 64 characters; a long one is cut, and the id keeps the slot unique. */
export function planNames(strategy: Strategy, live: string, id: string): Record<string, string> {
  if (strategy === 'names') return { live, prefix: ownPrefix(id) };
  const named = (ending: string) => live.slice(0, MAX_NAME - ending.length) + ending;
  return { live, staged: named(`__safekeep_${id}`), previous: named(`__safekeep_${id}_prev`) };
}

const ownPrefix = (id: string) => `${OWN_TABLE_PREFIX}${id}_`;

/** @throws INTERNAL for a plan whose names do not match its id */
export function layoutOf(session: MysqlSession, plan: DatabasePlan): Layout {
  const live = session.database;
  const { strategy, id } = plan;
  const wrong = new SafekeepError('INTERNAL', {
    detail: { text: 'the plan {{id}} does not belong to the database {{database}}', params: { id, database: live } },
  });
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

/** The inactive name of the app's table `number` in the live database. */
export const inactiveName = ({ id }: Layout, number: number) => `${ownPrefix(id)}${number}`;

/** Whether a name can only come from `inactiveName`. */
export function isInactiveName({ id }: Layout, name: string): boolean {
  return name.startsWith(ownPrefix(id)) && /^\d+$/.test(name.slice(ownPrefix(id).length));
}
