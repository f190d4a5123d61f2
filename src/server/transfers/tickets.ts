import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { NO_HARD_LINKS } from '../../engine/atomic-file';
import { SafekeepError } from '../../engine/errors';
import { ownedSuffix } from '../../engine/temporary-name';

/** Long enough to resume a large download over a slow line. */
const VALID_MS = 12 * 3600_000;
const KEY_BYTES = 32;

const claimSchema = z.object({ name: z.string(), expiresAt: z.number() });

/**
 * Tickets for downloads: a browser cannot send a token when it follows a link. A ticket is signed, not stored, so it is valid
 * for any number of ranges, after a restart, and on every node that shares the folder of archives.
 */
export class Tickets {
  private key: Buffer | undefined;

  constructor(
    /** File of the signing key; mode 0600. */
    private readonly keyFile: string,
  ) {}

  async issue(name: string, now: number): Promise<{ ticket: string; expiresAt: Date }> {
    const expiresAt = now + VALID_MS;
    const claim = Buffer.from(JSON.stringify({ name, expiresAt })).toString('base64url');
    return { ticket: `${claim}.${(await this.sign(claim)).toString('base64url')}`, expiresAt: new Date(expiresAt) };
  }

  /** Name of the backup that the ticket is for; null for an invalid or expired ticket. */
  async check(ticket: string, now: number): Promise<string | null> {
    const [claim = '', signature = ''] = ticket.split('.');
    const [given, own] = [Buffer.from(signature, 'base64url'), await this.sign(claim)];
    if (given.length !== own.length || !timingSafeEqual(given, own)) return null;
    const { name, expiresAt } = claimSchema.parse(JSON.parse(Buffer.from(claim, 'base64url').toString('utf8')));
    return expiresAt >= now ? name : null;
  }

  private async sign(claim: string): Promise<Buffer> {
    this.key ??= await this.readKey();
    return createHmac('sha256', this.key).update(claim).digest();
  }

  private async readKey(): Promise<Buffer> {
    const key = await readFile(this.keyFile).catch(() => this.makeKey());
    if (key.length !== KEY_BYTES)
      throw new SafekeepError('INTERNAL', {
        detail: { text: '{{file}} is not a valid key', params: { file: this.keyFile } },
      });
    return key;
  }

  /** The file is complete before it gets its name: the first process makes the key, all others read it. */
  private async makeKey(): Promise<Buffer> {
    const made = `${this.keyFile}.${ownedSuffix()}.tmp`;
    await writeFile(made, randomBytes(KEY_BYTES), { flag: 'wx', mode: 0o600 });
    try {
      await link(made, this.keyFile).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return;
        if (NO_HARD_LINKS.has(error.code ?? '')) return rename(made, this.keyFile);
        throw error;
      });
    } finally {
      await rm(made, { force: true });
    }
    return await readFile(this.keyFile);
  }
}
