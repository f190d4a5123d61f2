/** A process can be killed between any two calls to the file system; the next process finds what it left. */
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SwitchoverMode } from './roots';
import {
  createStaged,
  discard,
  switchOver,
  type FolderPlan,
  type Ownership,
  positionOf,
  SLOT_NAME,
  slotsOf,
  switchBack,
} from './slots';

/** The calls of the code under test, and the change at which its process dies; from then on it does nothing. */
const calls = vi.hoisted(() => ({ made: [] as string[], changes: 0, dieAt: Infinity }));
/** Between these nothing changes. */
const READS = vi.hoisted(() => ['lstat', 'stat', 'readdir', 'realpath', 'readFile', 'readlink', 'access', 'opendir']);

/** What the removal of a folder has done when it is killed. */
function removeSome(folder: string): void {
  if (!fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  for (const name of fs.readdirSync(folder).slice(0, 2)) fs.rmSync(path.join(folder, name), { recursive: true });
}

vi.mock('node:fs/promises', async (original) => {
  const real: Record<string, unknown> = await original();
  const call = (name: string, places: unknown[]) => {
    if (calls.changes === calls.dieAt && name === 'rm') removeSome(String(places[0]));
    if (calls.changes >= calls.dieAt) throw new Error('killed');
    if (!READS.includes(name)) calls.changes += 1;
    calls.made.push([name, ...places.map(String)].join('\0'));
  };
  const watched = (name: string) => {
    return async (...args: unknown[]) => {
      call(name, args.slice(0, 2));
      const result: unknown = await (real[name] as (...all: unknown[]) => Promise<unknown>)(...args);
      if (name !== 'open') return result;
      const handle = result as fs.promises.FileHandle;
      // The kernel writes the data of a killed process to disk: the request is enough.
      handle.sync = async () => call('sync', [args[0]]);
      return handle;
    };
  };
  const names = Object.keys(real).filter((name) => typeof real[name] === 'function');
  return { ...real, ...Object.fromEntries(names.map((name) => [name, watched(name)])) };
});

// Hundreds of small switchovers: on a busy machine they take longer than the usual limit.
vi.setConfig({ testTimeout: 90_000 });

let home: string;
beforeEach(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'safekeep-killed-'));
});
afterEach(() => {
  alive();
  fs.rmSync(home, { recursive: true, force: true });
});

function alive(): void {
  calls.dieAt = Infinity;
  calls.changes = 0;
  calls.made.length = 0;
}

/** Files below a folder by path, without slots. */
function filesIn(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  const look = (prefix: string) => {
    for (const entry of fs.readdirSync(path.join(folder, prefix), { withFileTypes: true })) {
      const name = path.join(prefix, entry.name);
      if (SLOT_NAME.test(entry.name)) continue;
      if (entry.isDirectory()) look(name);
      else found[name] = fs.readFileSync(path.join(folder, name), 'utf8');
    }
  };
  look('');
  return found;
}

function put(folder: string, files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), content);
  }
}

const OLD = { both: 'old', only: 'old', 'folder/a': 'old', 'folder/b': 'old', swap: 'old', 'dir/x': 'old' };
const NEW = { both: 'new', fresh: 'new', 'folder/a': 'new', 'folder/c': 'new', 'swap/file': 'new' };

/** In a folder that other apps use too. */
const THEIRS = { theirs: 'theirs', 'folder/theirs': 'theirs', 'dir/theirs': 'theirs', 'fold/er/theirs': 'theirs' };

const planOf = (mode: SwitchoverMode, name: string = mode): FolderPlan => ({
  folder: path.join(home, `uploads ${name}`),
  mode,
  id: 'abc123',
});

/** A folder before the switchover or after it. */
async function prepare(plan: FolderPlan, side: 'old' | 'new'): Promise<void> {
  put(plan.folder, OLD);
  if (plan.mode === 'files') put(plan.folder, THEIRS);
  put(await createStaged(plan), NEW);
  if (side === 'new') await MOVES.switchOver(plan);
}

/** The live files of a side. */
const liveOn = ({ mode }: FolderPlan, side: 'old' | 'new') => ({
  ...(side === 'old' ? OLD : NEW),
  ...(mode === 'files' && THEIRS),
});

/** All observable properties of other apps' files. */
function look(plan: FolderPlan, names: string[] = plan.mode === 'files' ? Object.keys(THEIRS) : []): string[] {
  return names.map((name) => {
    const file = path.join(plan.folder, name);
    const { ino, mtimeNs, ctimeNs, nlink } = fs.lstatSync(file, { bigint: true });
    return [name, fs.readFileSync(file, 'utf8'), ino, mtimeNs, ctimeNs, nlink].join(' ');
  });
}

/** As the host does; false where the place is taken. */
function uploadTo(file: string, content: string): boolean {
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content, { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

function withdraw(file: string): void {
  fs.rmSync(file);
  if (fs.readdirSync(path.dirname(file)).length === 0) fs.rmdirSync(path.dirname(file));
}

async function dies(work: () => Promise<unknown>, at: number): Promise<boolean> {
  alive();
  calls.dieAt = at;
  const died = await work().then(
    () => false,
    (error: Error) => {
      if (!error.message.includes('killed')) throw error;
      return true;
    },
  );
  alive();
  return died;
}

/** No file waits for its place, and discarding the inactive slot removes all of this app's entries. */
async function expectClean(plan: FolderPlan): Promise<void> {
  const names = () => [...fs.readdirSync(path.dirname(plan.folder)), ...fs.readdirSync(plan.folder)];
  expect(names().filter((name) => /moving|dropped/.test(name))).toEqual([]);
  await discard(plan);
  expect(names().filter((name) => name.includes('safekeep-'))).toEqual([]);
}

const owning = (files: object): Ownership => ({ ours: Object.keys(files), theirs: new Set() });
/** As an app that knows its records; after a kill, the next process knows only the names of the slots. */
const MOVES = {
  switchOver: (plan: FolderPlan) => switchOver(plan, owning(OLD)),
  switchBack: (plan: FolderPlan) => switchBack(plan, owning(NEW)),
};
const RECOVERIES = {
  switchOver: (plan: FolderPlan) => switchOver(plan),
  switchBack: (plan: FolderPlan) => switchBack(plan),
};
const BOTH = ['switchOver', 'switchBack'] as const;
const SWITCHOVERS = [
  ['switchOver', 'old'],
  ['switchBack', 'new'],
] as const;

/** Every moment at which a switchover can be killed, each prepared anew. */
async function atEveryMoment(
  setUp: () => Promise<void>,
  work: () => Promise<unknown>,
  look: (moment: number) => Promise<void>,
): Promise<number> {
  for (let moment = 0; ; moment++) {
    fs.rmSync(home, { recursive: true, force: true });
    fs.mkdirSync(home);
    await setUp();
    const died = await dies(work, moment);
    await look(moment);
    if (!died) return moment;
  }
}

describe.each(['rename', 'children', 'files'] as const)('a switchover of a folder (%s) that is killed', (mode) => {
  describe.each(SWITCHOVERS)('in %s', (move, side) => {
    it.each(BOTH)('reaches a complete side with a new %s', async (recovery) => {
      const plan = planOf(mode);
      let halfWay = 0;
      let theirs: string[] = [];
      const setUp = async () => {
        await prepare(plan, side);
        theirs = look(plan);
      };
      const moments = await atEveryMoment(
        setUp,
        () => MOVES[move](plan),
        async (moment) => {
          expect(look(plan), `moment ${moment}`).toEqual(theirs);
          if ((await positionOf(plan)) === 'unclear') halfWay += 1;
          const isUntouched = (await positionOf(plan)) === 'before switchover';
          // A switchover that has not begun knows nothing without records.
          expect(await (isUntouched ? MOVES : RECOVERIES)[recovery](plan), `moment ${moment}`).toEqual([]);
          expect(look(plan), `moment ${moment}`).toEqual(theirs);
          const { staged, previous } = slotsOf(plan);
          const live = liveOn(plan, recovery === 'switchOver' ? 'new' : 'old');
          const inactive = recovery === 'switchOver' ? OLD : NEW;
          expect(filesIn(plan.folder), `moment ${moment}`).toEqual(live);
          expect(filesIn(recovery === 'switchOver' ? previous : staged), `moment ${moment}`).toEqual(inactive);
          await expectClean(plan);
        },
      );
      expect(moments).toBeGreaterThan(5);
      expect(halfWay).toBeGreaterThan(2);
    });

    // Other apps upload only to a shared folder.
    const isShared = mode === 'files';
    it.each(isShared ? BOTH : [])(
      'leaves uploads of other apps in place, before a new %s and after it',
      async (recovery) => {
        const plan = planOf(mode);
        // In every free place, including those that the app's own files have just left.
        const uploads = [
          'stray',
          'both',
          'only',
          'fresh',
          'folder/a',
          'folder/stray',
          'dir',
          'dir/x',
          'swap',
          'swap/in',
        ];
        const ours = recovery === 'switchOver' ? NEW : OLD;
        let taken = 0;
        await atEveryMoment(
          () => prepare(plan, side),
          () => MOVES[move](plan),
          async (moment) => {
            if ((await positionOf(plan)) !== 'unclear') return;
            const uploaded = uploads.filter((name) => uploadTo(path.join(plan.folder, name), `stray ${name}`));
            const theirs = look(plan, [...Object.keys(THEIRS), ...uploaded]);
            const refused = await RECOVERIES[recovery](plan);
            const seen = () => look(plan, [...Object.keys(THEIRS), ...uploaded]);
            expect(seen(), `moment ${moment}`).toEqual(theirs);
            const live = filesIn(plan.folder);
            const waiting = Object.keys(ours).filter((name) => live[name] !== ours[name as keyof typeof ours]);
            expect(
              waiting.filter((name) => !refused.includes(name)),
              `moment ${moment}`,
            ).toEqual([]);
            taken += waiting.length;
            // They wait, and become live after the others are gone.
            for (const name of uploaded) withdraw(path.join(plan.folder, name));
            await RECOVERIES[recovery === 'switchOver' ? 'switchBack' : 'switchOver'](plan);
            expect(await RECOVERIES[recovery](plan)).toEqual([]);
            expect(filesIn(plan.folder), `moment ${moment}`).toEqual(
              liveOn(plan, recovery === 'switchOver' ? 'new' : 'old'),
            );
            await expectClean(plan);
          },
        );
        expect(taken).toBeGreaterThan(20);
      },
    );

    it.each(isShared ? [] : BOTH)('loses no upload made before a new %s', async (recovery) => {
      const plan = planOf(mode);
      const uploads = {
        stray: '1',
        both: '2',
        only: '3',
        'folder/a': '4',
        'folder/stray': '5',
        dir: '6',
        'swap/in': '7',
      };
      let met = 0;
      await atEveryMoment(
        () => prepare(plan, side),
        () => MOVES[move](plan),
        async (moment) => {
          if ((await positionOf(plan)) !== 'unclear') return;
          const uploaded: string[] = [];
          for (const [name, content] of Object.entries(uploads)) {
            if (uploadTo(path.join(plan.folder, name), content)) uploaded.push(content);
          }
          met += uploaded.length;
          await MOVES[recovery](plan);
          const live = filesIn(plan.folder);
          expect(live, `moment ${moment}`).toMatchObject(recovery === 'switchOver' ? NEW : OLD);
          const { staged, previous } = slotsOf(plan);
          const inactive = filesIn(recovery === 'switchOver' ? previous : staged);
          const all = [...Object.values(live), ...Object.values(inactive)];
          expect(
            uploaded.filter((content) => !all.includes(content)),
            `moment ${moment}`,
          ).toEqual([]);
          // Files in a whole folder that was added move with that folder; all others are live.
          const strayed = uploaded.filter((content) => !Object.values(live).includes(content));
          expect(
            strayed.every((content) => ['4', '5', '7'].includes(content)),
            `moment ${moment}: ${strayed}`,
          ).toBe(true);
          expect(await positionOf(plan)).toBe(recovery === 'switchOver' ? 'after switchover' : 'before switchover');
          await expectClean(plan);
        },
      );
      expect(met).toBeGreaterThan(mode === 'rename' ? 6 : 100);
    });

    it('has made every name durable when it is done, and each phase before the next', async () => {
      const plan = planOf(mode);
      await prepare(plan, side);
      alive();
      await MOVES[move](plan);
      const waiting = new Set<string>();
      const slots = Object.values(slotsOf(plan));
      for (const made of calls.made) {
        const [name, from = '', to = ''] = made.split('\0');
        const isPhase = name === 'rename' && (slots.includes(from) || slots.includes(to));
        if (isPhase) expect([...waiting], made).toEqual([]);
        if (name === 'rename') [from, to].forEach((place) => waiting.add(path.dirname(place)));
        if (name === 'link') waiting.add(path.dirname(to));
        if (name === 'mkdir' || name === 'unlink') waiting.add(path.dirname(from));
        if (name === 'rm') {
          // All of it is on the disk elsewhere by then.
          expect(
            [...waiting].filter((place) => !place.startsWith(from)),
            made,
          ).toEqual([]);
          [...waiting].filter((place) => place.startsWith(from)).forEach((place) => waiting.delete(place));
        }
        if (name === 'sync') waiting.delete(from);
        if (name === 'rmdir') expect(waiting.has(from), made).toBe(false);
      }
      expect([...waiting]).toEqual([]);
      expect(calls.made.filter((made) => made.startsWith('sync')).length).toBeGreaterThanOrEqual(2);
    });
  });

  it('while the inactive slot is dropped leaves all of it or nothing for a switchover', async () => {
    const plan = planOf(mode);
    await atEveryMoment(
      () => prepare(plan, 'new'),
      () => discard(plan),
      async (moment) => {
        if ((await positionOf(plan)) === 'after switchover') {
          expect(filesIn(slotsOf(plan).previous), `moment ${moment}`).toEqual(OLD);
        }
        await discard(plan);
        expect(filesIn(plan.folder), `moment ${moment}`).toEqual(liveOn(plan, 'new'));
        expect(fs.readdirSync(home)).toEqual([path.basename(plan.folder)]);
        expect(await positionOf(plan)).toBe('unclear');
      },
    );
  });
});

it.each(BOTH)('two folders reach the same side with a new %s, wherever both were', async (recovery) => {
  const plans = [planOf('rename', 'files'), planOf('files', 'rename')];
  const both = async (move: (plan: FolderPlan) => Promise<unknown>) => {
    for (const plan of plans) await move(plan);
  };
  for (const [move, side] of SWITCHOVERS) {
    await atEveryMoment(
      () => both((plan) => prepare(plan, side)),
      () => both(MOVES[move]),
      async (moment) => {
        await both(MOVES[recovery]);
        for (const plan of plans) {
          const live = liveOn(plan, recovery === 'switchOver' ? 'new' : 'old');
          expect(filesIn(plan.folder), `moment ${moment}`).toEqual(live);
          await expectClean(plan);
        }
      },
    );
  }
});

it('makes no more file system calls for a thousand files than for five', async () => {
  const [few, many] = [planOf('rename', 'few'), planOf('rename', 'many')];
  await prepare(few, 'old');
  await prepare(many, 'old');
  put(many.folder, Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`more ${n}`, 'old'])));
  const made: number[] = [];
  for (const plan of [few, many]) {
    alive();
    await switchOver(plan);
    await switchBack(plan);
    made.push(calls.made.length);
  }
  expect(made[0]).toBe(made[1]);
});
