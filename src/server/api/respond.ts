/** What all actions share: the caller, the language, parsed input, and errors with code, message and hint. */
import type { Context } from '@nocobase/actions';
import { z } from 'zod';
import { SafekeepError, toSafekeepError } from '../../engine/errors';
import { requireNode } from '../../engine/node-version';
import { CLIENT_HEADER, CLIENT_PAGE, PLUGIN_NAME } from '../../shared/api';
import type { Actor } from '../runs/actor';
import { Safekeep } from '../safekeep';
import { apiError, type Translate } from './views';

export type Action = (ctx: Context, next: () => Promise<void>) => Promise<void>;

export interface Call {
  safekeep: Safekeep;
  translate: Translate;
  actor: Actor;
  ctx: Context;
}

/** An action that only reads: any HTTP method may call it. */
export function readAction(work: (call: Call) => Promise<unknown>): Action {
  return async (ctx, next) => {
    await answer(ctx, work);
    await next();
  };
}

/**
 * An action that changes something, on disk or in the database: called with POST only, so that no link or picture can.
 * A SafekeepError becomes its HTTP status and `{ errors: [...] }`.
 */
export function action(work: (call: Call) => Promise<unknown>): Action {
  return readAction(async (call) => {
    if (call.ctx.method !== 'POST') {
      call.ctx.set('Allow', 'POST');
      throw new SafekeepError('METHOD_NOT_ALLOWED');
    }
    return await work(call);
  });
}

async function answer(ctx: Context, work: (call: Call) => Promise<unknown>): Promise<void> {
  const translate = translatorOf(ctx);
  try {
    requireNode();
    const safekeep = Safekeep.of(ctx.app);
    const body = await work({ safekeep, translate, actor: actorOf(ctx), ctx });
    if (body !== undefined) ctx.body = body;
  } catch (thrown) {
    const error = toSafekeepError(thrown);
    if (error.code === 'INTERNAL') ctx.log?.error(error.message, { err: error.stack, cause: error.cause });
    ctx.status = error.status;
    ctx.withoutDataWrapping = true;
    ctx.body = { errors: [apiError(error, translate)] };
  }
}

/** Input parsed by a schema, once, at the door. @throws BAD_REQUEST */
export function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input ?? {});
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const detail = issue ? `${issue.path.join('.') || 'body'}: ${issue.message}` : 'not valid';
  throw new SafekeepError('BAD_REQUEST', { detail });
}

/** Body and query of a call, as the host merges them: `values` is the body. */
export function inputOf(ctx: Context): Record<string, unknown> {
  const { values, ...query } = ctx.action.params;
  const body = typeof values === 'object' && values !== null && !Buffer.isBuffer(values) ? (values as object) : {};
  return { ...query, ...body } as Record<string, unknown>;
}

/** Name or id from `filterByTk`. @throws BAD_REQUEST */
export function keyOf(ctx: Context): string {
  const key = z.union([z.string(), z.number()]).transform(String).pipe(z.string().min(1));
  return parse(z.object({ filterByTk: key }), ctx.action.params).filterByTk;
}

function translatorOf(ctx: Context): Translate {
  return (sentence) => String(ctx.t(sentence, { ns: PLUGIN_NAME, skipInterpolation: true }));
}

function actorOf(ctx: Context): Actor {
  const user = ctx.state.currentUser as { id?: number | string; nickname?: string; username?: string } | undefined;
  const trigger = ctx.get(CLIENT_HEADER) === CLIENT_PAGE ? 'manual' : 'api';
  return { userId: user?.id ?? null, name: user?.nickname ?? user?.username ?? null, trigger };
}
