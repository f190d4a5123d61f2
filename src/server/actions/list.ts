import type { Context } from '@nocobase/actions';
import type { Filter, Model } from '@nocobase/database';
import { z } from 'zod';
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

/** A page of rows in the shape of the host's own list action: rows, count, page, pageSize, totalPage. */
export async function listRows<Row, View>(
  ctx: Context,
  collection: string,
  view: (row: Row) => View,
): Promise<{ rows: View[]; count: number; page: number; pageSize: number; totalPage: number }> {
  const { page, pageSize, sort, filter } = parse(listSchema, ctx.action.params);
  const repository = ctx.db.getRepository(collection);
  const wanted = { filter: filter as Filter | undefined, sort, limit: pageSize, offset: (page - 1) * pageSize };
  const [rows, count] = (await repository.findAndCount(wanted)) as [Model[], number];
  const totalPage = Math.ceil(count / pageSize);
  return { rows: rows.map((row) => view(row.toJSON() as Row)), count, page, pageSize, totalPage };
}
