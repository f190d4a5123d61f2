/** Shared by all actions: caller, language, parsed input, and errors with code, message and hint. */
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

/** An action that only reads; any HTTP method is allowed. */
export function readAction(work: (call: Call) => Promise<unknown>): Action {
  return async (ctx, next) => {
    await answer(ctx, work);
    await next();
  };
}

/**
 * An action that changes something, on disk or in the database. Only POST is allowed, so that no link or image can call it.
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

/** Parses input once, where it enters. @throws BAD_REQUEST */
export function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SafekeepError('BAD_REQUEST', { detail: `${issue?.path.join('.') || 'body'}: ${issue?.message ?? ''}` });
}

/** Body and query of a call; the host passes the body as `values`. */
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
