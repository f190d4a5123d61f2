/** A process can be killed between any two calls to the file system; a new driver then reaches a complete side. */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DatabasePlan } from '../driver';
import { createSqliteDriver } from '.';
import { withSqlite } from './connection';
import { slotNames } from './slots';

/** The calls of the code under test, and the one at which its process dies; from then on it does nothing. */
const calls = vi.hoisted(() => ({ made: 0, dieAt: Infinity, links: true, opened: [] as string[] }));

vi.mock('node:fs/promises', async (original) => {
  const real: Record<string, unknown> = await original();
  const watched = (name: string) => {
    return async (...args: unknown[]) => {
      if (calls.made >= calls.dieAt) throw new Error('killed');
      calls.made += 1;
      if (name === 'open') calls.opened.push(String(args[0]));
      if (name === 'link' && !calls.links) throw Object.assign(new Error('no links here'), { code: 'EPERM' });
      const result: unknown = await (real[name] as (...all: unknown[]) => Promise<unknown>)(...args);
      // A process that is killed leaves its disk to the kernel.
      return name === 'open' ? Object.assign(result as object, { sync: async () => undefined }) : result;
    };
  };
  const names = Object.keys(real).filter((name) => typeof real[name] === 'function');
  return { ...real, ...Object.fromEntries(names.map((name) => [name, watched(name)])) };
});

// Hundreds of small switchovers: on a busy machine they take longer than the usual limit.
vi.setConfig({ testTimeout: 90_000 });

let folder: string;
let file: string;
let plan: DatabasePlan;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'safekeep-killed-'));
  file = path.join(folder, 'app.sqlite');
  plan = { dialect: 'sqlite', strategy: 'file', id: 'r1', names: slotNames(file, 'r1') };
});
afterEach(() => {
  Object.assign(calls, { dieAt: Infinity, links: true });
  fs.rmSync(folder, { recursive: true, force: true });
});

const driver = () =>
  createSqliteDriver({ dialect: 'sqlite', storage: file, tablePrefix: '', underscored: false }, { switchWaitMs: 300 });
const run = { signal: new AbortController().signal, log: () => undefined, progress: () => undefined };

async function make(target: string, content: string, journal: string): Promise<void> {
  fs.writeFileSync(target, '');
  await withSqlite(target, {}, async (connection) => {
    await connection.all('PRAGMA synchronous = OFF');
    await connection.all(`PRAGMA journal_mode = ${journal}`);
    await connection.all('CREATE TABLE t (x)');
    await connection.all('INSERT INTO t VALUES (?)', [content]);
  });
}

type Side = 'old' | 'new';

const DAMAGED = 'no database at all, but long enough to be taken for one. '.repeat(100);

/** Before the switchover, or after it, in a folder that contains nothing else. */
async function prepare(side: Side, live: 'WAL' | 'DELETE' | 'damaged'): Promise<void> {
  for (const name of fs.readdirSync(folder)) fs.rmSync(path.join(folder, name));
  await make(file, 'old', live === 'damaged' ? 'DELETE' : live);
  if (live === 'damaged') {
    fs.writeFileSync(file, DAMAGED);
  }
  await make(path.join(folder, plan.names.staged ?? ''), 'new', live === 'damaged' ? 'DELETE' : live);
  if (side === 'new') await driver().switchOver(plan, run);
}

/** Every row by hash, or the bytes of a file that is not a database. */
async function content(): Promise<string> {
  const rows = await withSqlite(file, {}, (connection) => connection.all('SELECT x FROM t')).catch(() => null);
  if (!rows) return fs.readFileSync(file, 'utf8') === DAMAGED ? 'old' : 'unknown';
  const hash = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex');
  return hash(rows) === hash([{ x: 'old' }]) ? 'old' : hash(rows) === hash([{ x: 'new' }]) ? 'new' : 'unknown';
}

/** Every moment at which the work can be killed, each prepared anew; returns their number. */
async function atEveryMoment(
  setUp: () => Promise<void>,
  work: () => Promise<unknown>,
  look: (moment: string) => Promise<void>,
): Promise<number> {
  for (let moment = 0; ; moment++) {
    await setUp();
    Object.assign(calls, { made: 0, dieAt: moment });
    await work().catch((error: Error) => {
      if (!error.message.includes('killed')) throw error;
    });
    const died = calls.made >= calls.dieAt;
    calls.dieAt = Infinity;
    await look(`killed before call ${moment}`);
    if (!died) return moment;
  }
}

const SWITCHOVERS = [
  ['switchOver', 'old'],
  ['switchBack', 'new'],
] as const;

describe.each([
  ['WAL', 'with hard links', true],
  ['DELETE', 'without hard links', false],
  ['damaged', 'with hard links', true],
] as const)('of a live file (%s) %s', (live, _where, links) => {
  it.each(SWITCHOVERS)('a %s that is killed is completed or rolled back', async (move, from) => {
    calls.links = links;
    for (const [recovery, side] of [
      ['switchOver', 'new'],
      ['switchBack', 'old'],
    ] as const) {
      const moments = await atEveryMoment(
        () => prepare(from, live),
        () => driver()[move](plan, run),
        async (moment) => {
          await driver()[recovery](plan, run);
          expect(await driver().position(plan), moment).toBe(side === 'new' ? 'after switchover' : 'before switchover');
          expect(await content(), moment).toBe(side);
          await driver().discard(plan);
          expect(await content(), moment).toBe(side);
          const names = fs.readdirSync(folder).filter((name) => !name.startsWith('app.sqlite-'));
          expect(names, moment).toEqual(['app.sqlite']);
          expect(await driver().position(plan), moment).toBe('unclear');
        },
      );
      expect(moments).toBeGreaterThan(15);
    }
  });

  it.each(SWITCHOVERS)('the inactive file can be dropped after a %s that was killed', async (move, from) => {
    calls.links = links;
    await atEveryMoment(
      () => prepare(from, live),
      () => driver()[move](plan, run),
      async (moment) => {
        await driver().discard(plan);
        expect(['old', 'new'], moment).toContain(await content());
        const names = fs.readdirSync(folder).filter((name) => !name.startsWith('app.sqlite-'));
        expect(names, moment).toEqual(['app.sqlite']);
      },
    );
  });

  it.each(['old', 'new'] as const)('a drop that is killed leaves the live side (%s) unchanged', async (side) => {
    await atEveryMoment(
      () => prepare(side, live),
      () => driver().discard(plan),
      async (moment) => {
        expect(await content(), moment).toBe(side);
        await driver().discard(plan);
        expect(await content(), moment).toBe(side);
      },
    );
  });
});

it('never opens the live file itself: closing it would release the locks of the app', async () => {
  await prepare('old', 'WAL');
  calls.opened.length = 0;
  await driver().plan('r2', { dataBytes: 1 } as never, { excludeRowsOf: [], schemas: [], fileTables: [] });
  await driver().switchOver(plan, run);
  await driver().switchBack(plan, run);
  await driver().discard(plan);
  expect(calls.opened.length).toBeGreaterThan(3);
  expect(calls.opened.filter((opened) => path.basename(opened) === 'app.sqlite')).toEqual([]);
});
