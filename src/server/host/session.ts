import type { Context } from '@nocobase/actions';

/** The host keeps the sign-ins that it has issued here. */
const ISSUED_TOKENS = 'issuedTokens';

/**
 * A restore brings back the sign-ins of its time, so whoever restores would be signed out and never see the result.
 * Returns what puts that one sign-in back afterwards, provided that the same user (id and name) is still there.
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
