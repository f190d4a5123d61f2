import { randomBytes } from 'node:crypto';

const VALID_MS = 60_000;

/** One-time tickets for downloads: a browser can follow a link, but it can not send a token with it. */
export class Tickets {
  private readonly open = new Map<string, { name: string; expiresAt: number }>();

  issue(name: string, now: number): { ticket: string; expiresAt: Date } {
    for (const [ticket, { expiresAt }] of this.open) if (expiresAt < now) this.open.delete(ticket);
    const ticket = randomBytes(24).toString('base64url');
    this.open.set(ticket, { name, expiresAt: now + VALID_MS });
    return { ticket, expiresAt: new Date(now + VALID_MS) };
  }

  /** Name of the backup the ticket is for; null when it is unknown, used or expired. */
  redeem(ticket: string, now: number): string | null {
    const found = this.open.get(ticket);
    this.open.delete(ticket);
    return found && found.expiresAt >= now ? found.name : null;
  }
}
