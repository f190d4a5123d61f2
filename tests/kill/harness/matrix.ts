/** Kills an operation at every boundary and at random instants, and judges what the next start makes of it. */
import { slotsOnlyIn } from '../../../src/engine/previous';
import { sampleOf, shareOf } from '../../support/extent';
import { numbersFrom } from '../../support/seed';
import type { Kill, Operation, Reply, Shown, Target } from '../protocol';
import type { KillChild } from './child';
import { expectBackupTold, expectTold } from './history';
import { type Side, Site } from './site';
import type { Strategy } from './strategies';
import type { Tally } from './tally';

/** After so many the rest would only repeat them. */
const MOST_FAILURES = 5;

/** When a process is killed: at a boundary, or after this share of the time that the operation takes. */
type Instant = { boundary: string } | { fraction: number };

/** Boundaries of these names, those that are shared between the strategies, and so many of the others. */
export interface Boundaries {
  named: RegExp;
  shared?: RegExp;
  others: number;
}

interface Attempt {
  at: Instant;
  /** Default: the whole group. */
  target?: Target;
  /** The start that recovers is killed too. */
  again?: Kill;
}

const SIDES: Record<Operation, { before: Side; after: Side }> = {
  restore: { before: 'b', after: 'a' },
  undo: { before: 'a', after: 'b' },
  backup: { before: 'b', after: 'b' },
};

const EMPTY = { named: 0, random: 0, survived: 0, old: 0, new: 0, seconds: 0 };

/** All kills of a strategy happen on one site, one operation after the other. */
export class Matrix {
  private site: Site | null = null;
  private live: Side = 'b';
  /** Has recovered from the last kill, and is the next one to be killed. */
  private child: KillChild | null = null;
  private operation: Operation = 'restore';
  private durationMs = 0;
  /** Runs that were in the history before. */
  private known = new Set<string>();
  private tally: Tally;

  constructor(private readonly strategy: Strategy) {
    this.tally = this.tallyOf('');
  }

  /** Does `work`, in which this operation is killed; `how` names it in the table. */
  async kills(operation: Operation, work: () => Promise<void>, how: string = operation): Promise<Tally> {
    this.operation = operation;
    this.durationMs = 0;
    const tally = (this.tally = this.tallyOf(how));
    const begun = performance.now();
    await work();
    tally.seconds = Math.round((performance.now() - begun) / 1000);
    return tally;
  }

  private tallyOf(how: string): Tally {
    const { kind: level, name: strategy } = this.strategy;
    return { ...EMPTY, level, strategy, how, failures: [] };
  }

  /** Boundaries that one run to its end comes by. */
  async boundaries(wanted: Boundaries): Promise<void> {
    const { boundaries } = await this.unkilled();
    for (const boundary of this.chosen(boundaries, wanted)) await this.attempt({ at: { boundary } });
  }

  /** `count` kills that really came in time: an instant behind the end of a run is drawn anew. */
  async instants(count: number, seed: string, target: Target = 'group'): Promise<void> {
    if (this.durationMs === 0) await this.unkilled();
    const next = numbersFrom(`${seed} ${this.strategy.name} ${this.operation} ${target}`);
    const enough = this.tally.random + count;
    for (let drawn = 0; this.tally.random < enough && drawn < 3 * count; drawn += 1) {
      await this.attempt({ at: { fraction: next() }, target });
    }
  }

  /** Boundaries of the start that recovers from a kill at `boundary`. */
  async recoveries(boundary: string, wanted: Boundaries): Promise<void> {
    let found: string[] = [];
    await this.attempt({ at: { boundary } }, (reply) => (found = reply.boundaries));
    for (const again of this.chosen(found, wanted))
      await this.attempt({ at: { boundary }, again: { boundary: again, target: 'group' } });
  }

  private chosen(boundaries: string[], { named, shared, others }: Boundaries): string[] {
    const unnamed = boundaries.filter((name) => !named.test(name));
    const [part, parts] = this.strategy.share;
    const inCommon = shareOf(shared ? unnamed.filter((name) => shared.test(name)) : [], part, parts);
    const rest = sampleOf(
      unnamed.filter((name) => !shared?.test(name)),
      others,
    );
    return boundaries.filter((name) => named.test(name) || inCommon.includes(name) || rest.includes(name));
  }

  /** One run to its end. */
  private async unkilled(): Promise<Reply> {
    const site = await this.ready();
    const child = this.child ?? site.child();
    this.child = child;
    const reply = await child.do(this.command(site));
    this.durationMs = reply.durationMs;
    await this.reset(site, child, reply.shown, await this.judge(site, reply.shown));
    return reply;
  }

  private async attempt(attempt: Attempt, onRecovered?: (reply: Reply) => void): Promise<void> {
    const { tally } = this;
    if (tally.failures.length >= MOST_FAILURES) return;
    try {
      const wasKilled = await this.kill(attempt);
      const site = await this.ready();
      if (attempt.again) await this.killAgain(site, attempt.again);
      const child = site.child();
      this.child = child;
      const recovered = await child.do({ do: 'start' });
      onRecovered?.(recovered);
      const side = await this.judge(site, recovered.shown);
      await this.reset(site, child, recovered.shown, side);
      if (!wasKilled) return;
      tally.survived += 1;
      tally[side === SIDES[this.operation].before ? 'old' : 'new'] += 1;
    } catch (error) {
      const failure = `${describe(attempt)}: ${(error as Error).message}`;
      console.error(`${tally.strategy}, ${tally.how}: ${failure}`);
      tally.failures.push(failure);
      await this.drop();
    }
  }

  /** False when a run had ended before its instant had come. */
  private async kill({ at, target = 'group' }: Attempt): Promise<boolean> {
    const site = await this.ready();
    const victim = this.child ?? site.child();
    this.child = null;
    site.prepareChild();
    const command = this.command(site);
    const isNamed = 'boundary' in at;
    const end = isNamed
      ? await victim.try({ ...command, kill: { ...at, target } })
      : await victim.try(command, { afterMs: at.fraction * this.durationMs, target });
    // Tools that outlive their parent continue meanwhile, as in reality.
    if (target === 'group') await victim.end();
    else site.leave(victim);
    if (end !== 'killed' && isNamed) throw new Error(end.error ?? 'this boundary was not reached');
    if (end === 'killed') this.tally[isNamed ? 'named' : 'random'] += 1;
    return end === 'killed';
  }

  private async killAgain(site: Site, kill: Kill): Promise<void> {
    const child = site.child();
    const end = await child.try({ do: 'start', kill });
    await child.end();
    if (end !== 'killed') throw new Error(end.error ?? 'this boundary was not reached');
  }

  private command(site: Site) {
    return this.operation === 'restore' ? { do: 'restore' as const, archive: site.archive } : { do: this.operation };
  }

  /** A site as the operation wants to find it. */
  private async ready(): Promise<Site> {
    if (!this.site) {
      this.site = await Site.create(this.strategy);
      this.known = this.site.runs;
      this.live = 'b';
    }
    const { before } = SIDES[this.operation];
    if (this.live !== before) await this.bring(before, this.site);
    return this.site;
  }

  private async bring(side: Side, site: Site): Promise<void> {
    const child = (this.child ??= site.child());
    if (side === 'b') await child.do({ do: 'undo' });
    const command = side === 'a' ? { do: 'restore' as const, archive: site.archive } : { do: 'forget' as const };
    const { shown } = await child.do(command);
    if (side === 'b') await site.expectInactive(undefined);
    this.live = side;
    this.known = new Set(shown.runs.map(({ record }) => record.id));
  }

  /** The site, if there is one, with everything on it. */
  async drop(): Promise<void> {
    await this.child?.end();
    this.child = null;
    await this.site?.remove();
    this.site = null;
  }

  /** @throws Error with what is wrong */
  private async judge(site: Site, shown: Shown): Promise<Side> {
    const { after } = SIDES[this.operation];
    const side = await site.side();
    const kept = shown.previous.states;
    if (kept.length > 1) throw new Error(`${kept.length} states are kept for undo`);
    const run = shown.runs.find(({ record }) => !this.known.has(record.id));
    if (this.operation === 'backup') expectBackupTold(run, shown);
    else expectTold(run, side === after);
    const wantsCopy = this.operation === 'undo' || (this.operation === 'restore' && side === after);
    if (wantsCopy && kept.length === 0) throw new Error(`state ${side} is live and nothing is kept for undo`);
    if (!wantsCopy && kept.length > 0) throw new Error(`state ${side} is live and something is kept for undo`);
    await site.expectInactive(kept[0] && slotsOnlyIn(shown.previous, [kept[0].id]));
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
        await site.expectInactive(undefined);
      }
    }
    if (site.strategy.kind === 'engine') site.forget(now);
    this.live = before;
    this.known = new Set(now.runs.map(({ record }) => record.id));
  }
}

function describe({ at, again, target }: Attempt): string {
  const first = 'boundary' in at ? `killed at «${at.boundary}»` : `killed after ${at.fraction} of its time`;
  return `${first}${target === 'process' ? ' without its tools' : ''}${again ? `, then at «${again.boundary}»` : ''}`;
}
