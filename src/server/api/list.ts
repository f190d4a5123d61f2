import type { Context } from '@nocobase/actions';
import type { Filter, Model } from '@nocobase/database';
import { z } from 'zod';
import { SafekeepError } from '../../engine/errors';
import { parse } from './respond';

const listSchema = z.object({
  page: z.coerce.number().int().min(1).default(1),
  pageSize: z.coerce.number().int().min(1).max(200).default(20),
  sort: z
    .union([z.string(), z.array(z.string())])
    .default('-startedAt')
    .transform((sort) => (Array.isArray(sort) ? sort : sort.split(',')).filter(Boolean)),
  filter: z.unknown().optional(),
});

/**
 * A page of rows in the shape of the host's own list action: rows, count, page, pageSize, totalPage.
 * @throws BAD_REQUEST for a sort or filter that the collection does not support
 */
export async function listRows<Row, View>(
  ctx: Context,
  collection: string,
  view: (row: Row) => View,
): Promise<{ rows: View[]; count: number; page: number; pageSize: number; totalPage: number }> {
  const { page, pageSize, sort, filter } = parse(listSchema, ctx.action.params);
  const repository = ctx.db.getRepository(collection);
  const wanted = { filter: filter as Filter | undefined, sort, limit: pageSize, offset: (page - 1) * pageSize };
  const known = new Set(Object.keys(repository.collection.model.rawAttributes));
  const unknown = sort.find((field) => !known.has(field.replace(/^[-+]/, '')));
  if (unknown !== undefined) {
    const detail = { text: 'sort: there is no field {{field}}', params: { field: unknown } };
    throw new SafekeepError('BAD_REQUEST', { detail });
  }
  const [rows, count] = (await repository.findAndCount(wanted).catch(refuseFilter)) as [Model[], number];
  const totalPage = Math.ceil(count / pageSize);
  return { rows: rows.map((row) => view(row.toJSON() as Row)), count, page, pageSize, totalPage };
}

/** The host turns a filter into SQL without checking it, so the database is the first to reject it. */
function refuseFilter(cause: Error): never {
  if (/Connection|Timeout/.test(cause.name)) throw cause;
  throw new SafekeepError('BAD_REQUEST', { detail: `filter: ${cause.message}` }, { cause });
}
