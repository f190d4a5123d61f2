import { afterEach, describe, expect, it } from 'vitest';
import type { RunView } from '../../src/shared/runs';
import { startApiWriter } from '../support/api-writer';
import { type FaultScene, SERVER_WAYS, SQLITE, startFaultScene, type Way } from '../support/fault-scene';
import * as compare from '../support/compare';
import { isFull, shareOf } from '../support/extent';
import { at, type Moment } from '../support/moments';
import { keepAnEyeOnRuns, type VitalSigns, vitalSigns } from '../support/vital-signs';
import { targetOf } from '../support/zoo/target';

/** Restores, each with its undo, in a row. */
const PAIRS = isFull ? 30 : 6;
/** Until here caches fill and pools reach their size. */
const WARM_UP = 3;
const RUNS_PER_PAIR = 2;
const RELOADS_PER_PAIR = 2;
/** The app's end, and both ends of the proxy before the server; all are in this process. */
const SOCKETS_PER_SESSION = 3;
const RELOADS = 6;

const SERVERS = SERVER_WAYS.filter(({ strategy }) => strategy === 'database' || strategy === 'tables');
const WAYS: Way[] = [SQLITE, ...shareOf(SERVERS, 0, SERVERS.length)];

let scene: FaultScene | undefined;
let objects: ReturnType<typeof keepAnEyeOnRuns>;
afterEach(async () => {
  objects?.stop();
  await scene?.stop();
  scene = undefined;
});

/** How much more there is of everything with each step, by the middle one: something is given back late now and then. */
function ratesOf(signs: readonly VitalSigns[]): Record<string, number> {
  const counts = signs.map(countsOf);
  if (counts.length < 2) throw new Error('nothing to compare');
  const names = new Set(counts.flatMap((sign) => Object.keys(sign)));
  const steps = (name: string) => counts.slice(1).map((sign, n) => (sign[name] ?? 0) - (counts[n]?.[name] ?? 0));
  return Object.fromEntries([...names].map((name) => [name, median(steps(name))]));
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function countsOf({ listeners, descriptors, resources }: VitalSigns): Record<string, number> {
  const named = (kind: string, counts: Record<string, number>) =>
    Object.entries(counts).map(([name, count]) => [`${kind} ${name}`, count] as const);
  return {
    listeners,
    ...Object.fromEntries([...named('descriptor', descriptors), ...named('resource', resources)]),
  };
}

describe.each(WAYS)('many restores and undos on $name', (way) => {
  it('lose no acknowledged write, and nothing grows', { timeout: isFull ? 3_600_000 : 600_000 }, async () => {
    scene = await startFaultScene(way);
    const { root, host, restore, undo, inventory, forgetPrevious } = scene;
    const { app } = host;
    const titles = () =>
      compare.withConnection(targetOf(host), async (connection) => {
        const rows = await connection.query('SELECT title FROM things');
        return new Set(rows.map(({ title }) => String(title)));
      });
    const missing = (written: Iterable<string>, ...states: Set<string>[]) =>
      [...written].filter((title) => !states.some((state) => state.has(title)));
    /** Runs it, and reads the live data right before the switchover. */
    const lookingAt = async (moment: Moment, run: () => Promise<RunView>) => {
      let seen = new Set<string>();
      const ambush = at(app, moment, async () => void (seen = await titles()));
      const { status, error } = await run();
      ambush.remove();
      expect({ status, error }).toEqual({ status: expect.stringMatching(/^succeeded/) as string, error: null });
      return seen;
    };

    /** Without the sessions in the app's pool, which go up and down: those that nobody knows of are in the inventory. */
    const signs = async (): Promise<VitalSigns> => {
      const found = await vitalSigns(app);
      const { pool } = app.db.sequelize.connectionManager as unknown as { pool?: { size: number } };
      const pooled = scene?.proxy ? SOCKETS_PER_SESSION * (pool?.size ?? 0) : 0;
      const less = (counts: Record<string, number>, kind: string) => ({
        ...counts,
        [kind]: (counts[kind] ?? 0) - pooled,
      });
      const { descriptors, resources } = found;
      return { ...found, descriptors: less(descriptors, 'socket'), resources: less(resources, 'TCPSocketWrap') };
    };

    // What the host itself keeps of each reload is not ours to give back.
    const reloads: VitalSigns[] = [];
    for (let n = 1; n <= RELOADS; n++) {
      await app.restart();
      if (n >= WARM_UP) reloads.push(await signs());
    }

    objects = keepAnEyeOnRuns();
    const writer = startApiWriter(root);
    const pairs: VitalSigns[] = [];
    const around: string[][] = [];
    let known = new Set<string>();
    for (let pair = 1; pair <= PAIRS; pair++) {
      const old = await lookingAt('before switchOver', restore);
      const restored = await lookingAt('before switchBack', undo);
      await writer.pause();
      // What is kept for an undo stays until its time is over.
      await forgetPrevious();
      const live = await titles();
      expect(missing(old, live)).toEqual([]);
      expect(missing(writer.acknowledged, live, restored, known)).toEqual([]);
      known = new Set([...known, ...restored, ...live]);
      if (pair >= WARM_UP) {
        pairs.push(await signs());
        around.push((await inventory()).map((name) => name.replace(/[a-z]{8}(?=\b|_)/g, '<id>')));
      }
      if (pair < PAIRS) writer.resume();
    }
    const { acknowledged, unavailable, odd } = writer;
    expect(odd).toEqual([]);
    expect(acknowledged.length).toBeGreaterThan(PAIRS);
    expect(unavailable.maintenance + unavailable.unanswered).toBeGreaterThan(0);

    const first = pairs[0];
    const last = pairs.at(-1);
    const perPair = ratesOf(pairs);
    const perReload = ratesOf(reloads);
    console.log(
      way.name,
      JSON.stringify({ acknowledged: acknowledged.length, unavailable, perPair, perReload, first, last }),
    );
    const made = objects.made();
    expect(made['recorder']).toBeGreaterThan(RUNS_PER_PAIR * PAIRS);
    expect(made['driver']).toBeGreaterThanOrEqual(RUNS_PER_PAIR * PAIRS);
    // The last ones may still be held; a leak holds one of each pair.
    const piledUp = async () => Object.entries((await signs()).objects).filter(([, held]) => held >= PAIRS);
    await expect.poll(piledUp, { timeout: 60_000, interval: 1000 }).toEqual([]);
    expect(around.at(-1)).toEqual(around[0]);
    expect(last?.childProcesses).toBe(first?.childProcesses);
    for (const [what, rate] of Object.entries(perPair)) {
      const ofHost = RELOADS_PER_PAIR * Math.max(0, perReload[what] ?? 0);
      expect(rate, `${what} per restore and undo; the host's own: ${ofHost}`).toBeLessThanOrEqual(ofHost);
    }
  });
});
