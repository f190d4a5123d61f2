import type { Context } from '@nocobase/actions';

/** Collection of the access tokens that the host has issued. */
const ISSUED_TOKENS = 'issuedTokens';

/**
 * A restore replaces the access tokens, so the user who started it would be signed out and not see the result. Returns a
 * function that adds that user's token again, provided that the restored data contains the same user (id, name, address).
 */
export async function keepSession(ctx: Context): Promise<() => Promise<void>> {
  const { app } = ctx;
  const user = ctx.state.currentUser as { id: number | string; username?: string; email?: string } | undefined;
  const token = ctx.getBearerToken?.() as string | undefined;
  const nothing = () => Promise.resolve();
  if (!user || !token || !app.db.hasCollection(ISSUED_TOKENS)) return nothing;
  const { jti } = (await app.authManager.jwt.decode(token).catch(() => ({}))) as { jti?: string };
  const row = jti ? await app.db.getRepository(ISSUED_TOKENS).findOne({ filter: { jti } }) : null;
  if (!row) return nothing;
  const values = row.toJSON() as Record<string, unknown>;
  const { id, username, email } = user;
  return async () => {
    const tokens = app.db.getRepository(ISSUED_TOKENS);
    const same = await app.db.getRepository('users').findOne({ filter: { id, username, email } });
    if (!same || (await tokens.findOne({ filter: { jti } }))) return;
    await tokens.create({ values });
  };
}
