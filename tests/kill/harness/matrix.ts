/** Kills an operation at every boundary and at random instants, and judges what the next start makes of it. */
import type { Kill, Operation, Reply, Shown } from '../protocol';
import type { KillChild } from './child';
import { numbersFrom } from './seed';
import { type Side, Site } from './site';
import type { Strategy } from './strategies';

export interface Tally {
  strategy: string;
  operation: string;
  /** Kills at named boundaries, and at random instants. */
  named: number;
  random: number;
  survived: number;
  /** How often the state before was live after the next start, and how often the state after. */
  old: number;
  new: number;
  failures: string[];
  seconds: number;
}

/** After so many the rest would only repeat them. */
const MOST_FAILURES = Number(process.env.MOST ?? 8);

type Instant = { kill: Kill } | { fraction: number };

const SIDES: Record<Operation, { before: Side; after: Side }> = {
  restore: { before: 'b', after: 'a' },
  undo: { before: 'a', after: 'b' },
  backup: { before: 'b', after: 'b' },
};

export class Matrix {
  private site: Site | null = null;
  private durationMs = 0;
  /** Runs that were in the history before. */
  private known = new Set<string>();
  private readonly tally: Tally;

  constructor(
    private readonly strategy: Strategy,
    private readonly operation: Operation,
  ) {
    const counts = { named: 0, random: 0, survived: 0, old: 0, new: 0, seconds: 0 };
    this.tally = { strategy: strategy.name, operation, ...counts, failures: [] };
  }

  async run(random: number, seed: string): Promise<Tally> {
    const begun = performance.now();
    try {
      const { boundaries } = await this.unkilled();
      for (const boundary of boundaries) await this.tryKill({ kill: { boundary, target: 'group' } });
      const next = numbersFrom(`${seed} ${this.strategy.name} ${this.operation}`);
      // An instant behind the end of a run that was quicker than the measured one is drawn anew.
      for (let drawn = 0; this.tally.random < random && drawn < 2 * random; drawn += 1) {
        await this.tryKill({ fraction: next() });
      }
    } finally {
      await this.site?.remove();
    }
    this.tally.seconds = Math.round((performance.now() - begun) / 1000);
    return this.tally;
  }

  /** One run to its end: its boundaries, its duration. */
  private async unkilled(): Promise<Reply> {
    const site = await this.ready();
    const child = site.child();
    const reply = await child.do(this.command(site));
    this.durationMs = reply.durationMs;
    await this.reset(site, child, reply.shown, await this.judge(site, reply.shown));
    await child.end();
    return reply;
  }

  private async tryKill(instant: Instant): Promise<void> {
    const { tally } = this;
    if (tally.failures.length >= MOST_FAILURES) return;
    const site = await this.ready();
    try {
      const isRandom = 'fraction' in instant;
      const victim = site.child();
      site.prepareChild();
      const kill = isRandom ? undefined : instant.kill;
      const after = isRandom ? instant.fraction * this.durationMs : undefined;
      const end = await victim.try({ ...this.command(site), kill }, after);
      await victim.end();
      if (end !== 'killed' && !isRandom) throw new Error(end.error ?? 'this boundary was not reached');
      if (end === 'killed') tally[isRandom ? 'random' : 'named'] += 1;
      const next = site.child();
      const { shown } = await next.do({ do: 'start' });
      const side = await this.judge(site, shown);
      await this.reset(site, next, shown, side);
      await next.end();
      if (end !== 'killed') return;
      tally.survived += 1;
      tally[side === SIDES[this.operation].before ? 'old' : 'new'] += 1;
    } catch (error) {
      tally.failures.push(`${describe(instant)}: ${(error as Error).message}`);
      await this.site?.remove();
      this.site = null;
    }
  }

  private command(site: Site) {
    return this.operation === 'restore' ? { do: 'restore' as const, archive: site.archive } : { do: this.operation };
  }

  /** A site as the operation wants to find it. */
  private async ready(): Promise<Site> {
    if (this.site) return this.site;
    const site = (this.site = await Site.create(this.strategy));
    this.known = site.runs;
    if (this.operation === 'undo') {
      const child = site.child();
      const { shown } = await child.do({ do: 'restore', archive: site.archive });
      await child.end();
      this.known = new Set(shown.runs.map(({ record }) => record.id));
    }
    return site;
  }

  /** @throws Error with what is wrong */
  private async judge(site: Site, shown: Shown): Promise<Side> {
    const { after } = SIDES[this.operation];
    const side = await site.side();
    const records = shown.runs.map(({ record }) => record);
    const kept = records.filter(({ slots, undoUntil }) => slots && undoUntil);
    if (kept.length > 1) throw new Error(`${kept.length} states are kept for undo`);
    const run = shown.runs.find(({ record }) => !this.known.has(record.id));
    if (this.operation === 'backup') expectBackupTold(run, shown);
    else expectTold(run, side === after);
    const wantsCopy = this.operation === 'undo' || (this.operation === 'restore' && side === after);
    if (wantsCopy && kept.length === 0) throw new Error(`state ${side} is live and nothing is kept for undo`);
    if (!wantsCopy && kept.length > 0) throw new Error(`state ${side} is live and something is kept for undo`);
    await site.expectAside(kept[0]);
    for (const { name, whole } of shown.backups) if (!whole) throw new Error(`the backup ${name} is damaged`);
    if (!shown.backups.some(({ name }) => name === site.archive)) throw new Error('the first backup is gone');
    return side;
  }

  /** Goes back to where the operation begins; so every state that was kept for undo is brought back and looked at. */
  private async reset(site: Site, child: KillChild, shown: Shown, side: Side): Promise<void> {
    const { before } = SIDES[this.operation];
    let now = shown;
    if (side !== before) {
      now = (await child.do({ do: 'undo' })).shown;
      const back = await site.side();
      if (back !== before) throw new Error(`after going back state ${back} is live`);
      if (this.operation === 'restore') {
        now = (await child.do({ do: 'forget' })).shown;
        await site.expectAside(undefined);
      }
    }
    site.forget(now);
    this.known = new Set(now.runs.map(({ record }) => record.id));
  }
}

type ShownRun = Shown['runs'][number] | undefined;

/** A process that was killed before it had written the record of its run has changed nothing. */
function expectTold(run: ShownRun, isNew: boolean): void {
  if (!run) {
    if (isNew) throw new Error('the new state is live and the history does not know of it');
    return;
  }
  const { status, finishedAt } = run.record;
  const wanted = isNew ? ['succeeded', 'succeeded with warnings'] : ['interrupted'];
  if (!wanted.includes(status) || !finishedAt) {
    throw new Error(`the new state is ${isNew ? '' : 'not '}live and the history says: ${status}`);
  }
}

function expectBackupTold(run: ShownRun, { backups }: Shown): void {
  const isThere = backups.some(({ name }) => name === run?.record.backupName);
  const status = run?.record.status ?? 'nothing';
  if (status === 'succeeded' ? !isThere : !['interrupted', 'nothing'].includes(status)) {
    throw new Error(`the archive is ${isThere ? '' : 'not '}there and the history says: ${status}`);
  }
}

function describe(instant: Instant): string {
  return 'kill' in instant ? `killed at «${instant.kill.boundary}»` : `killed after ${instant.fraction} of its time`;
}
