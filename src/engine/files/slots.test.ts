import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createStaged,
  discard,
  switchOver,
  type FolderPlan,
  positionOf,
  SLOT_NAME,
  slotsOf,
  switchBack,
} from './slots';

/** Contents of a folder by top-level name: a text is a file, '-> x' a symbolic link, an object a folder. */
interface Tree {
  [name: string]: string | Tree;
}
/** Location of the contents of a restore's folders at some moment; null: no such folder. */
interface Layout {
  live: Tree | null;
  staged: Tree | null;
  previous: Tree | null;
  moving: Tree | null;
}

const LONGEST = `${'é'.repeat(127)}x`;
const OLD: Tree = { both: 'old', [LONGEST]: 'old', folder: { 'old 🛟': 'old' }, link: '-> /nowhere' };
const NEW: Tree = { both: 'new', '\u202Egpj.exe': 'new', folder: { deep: { new: 'new' } } };

const NOTHING = { live: null, staged: null, previous: null, moving: null };
const BEFORE: Layout = { ...NOTHING, live: OLD, staged: NEW };
const AFTER: Layout = { ...NOTHING, live: NEW, previous: OLD };

let home: string;
let folder: string;
beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), 'safekeep-slots-'));
  folder = path.join(home, 'uploads');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function write(where: string, tree: Tree): void {
  mkdirSync(where, { recursive: true });
  for (const [name, content] of Object.entries(tree)) {
    const file = path.join(where, name);
    if (typeof content !== 'string') write(file, content);
    else if (content.startsWith('-> ')) symlinkSync(content.slice(3), file);
    else writeFileSync(file, content);
  }
}

function read(where: string): Tree | null {
  if (!lstatSync(where, { throwIfNoEntry: false })) return null;
  const tree: Tree = {};
  for (const entry of readdirSync(where, { withFileTypes: true })) {
    const file = path.join(where, entry.name);
    if (SLOT_NAME.test(entry.name)) continue;
    if (entry.isDirectory()) tree[entry.name] = read(file) ?? {};
    else tree[entry.name] = entry.isSymbolicLink() ? `-> ${readlinkSync(file)}` : readFileSync(file, 'utf8');
  }
  return tree;
}

function build(plan: FolderPlan, layout: Layout): void {
  if (layout.live) write(plan.folder, layout.live);
  for (const [slot, where] of Object.entries(slotsOf(plan))) {
    const tree = layout[slot as keyof Layout];
    if (tree) write(where, tree);
  }
}

function layoutOf(plan: FolderPlan): Layout {
  const { staged, previous, moving } = slotsOf(plan);
  return { live: read(plan.folder), staged: read(staged), previous: read(previous), moving: read(moving) };
}

/** Every combination of moved and unmoved children of a folder. */
function splits(tree: Tree): [moved: Tree, left: Tree][] {
  const names = Object.keys(tree);
  const pick = (mask: number, wanted: boolean) =>
    Object.fromEntries(Object.entries(tree).filter(([name]) => Boolean(mask & (1 << names.indexOf(name))) === wanted));
  return Array.from({ length: 1 << names.length }, (_, mask) => [pick(mask, true), pick(mask, false)]);
}

const HALFWAY: Record<'rename' | 'children', [state: string, layout: Layout][]> = {
  rename: [
    ['the live folder has moved', { ...NOTHING, staged: NEW, previous: OLD }],
    ['an empty folder was created in the place of the live one', { ...NOTHING, live: {}, staged: NEW, previous: OLD }],
  ],
  children: [
    ...splits(OLD).map(([moved, left]): [string, Layout] => [
      `${Object.keys(moved).length} old children are moved away (${Object.keys(moved).join(', ').slice(0, 40)})`,
      { live: left, staged: NEW, previous: null, moving: moved },
    ]),
    ...splits(NEW).map(([moved, left]): [string, Layout] => [
      `${Object.keys(moved).length} new children are live (${Object.keys(moved).join(', ')})`,
      { live: moved, staged: left, previous: OLD, moving: null },
    ]),
  ],
};

describe.each(['rename', 'children'] as const)('the switchover of a folder (%s)', (mode) => {
  const planned = (): FolderPlan => ({ folder, mode, id: 'abc123' });

  it.each([['before the switchover', BEFORE], ...HALFWAY[mode], ['after the switchover', AFTER]] as [string, Layout][])(
    'is completed or rolled back when %s',
    async (_state, layout) => {
      const plan = planned();
      build(plan, layout);
      await switchOver(plan);
      expect(layoutOf(plan)).toEqual(AFTER);
      rmSync(home, { recursive: true });
      build(plan, layout);
      await switchBack(plan);
      expect(layoutOf(plan)).toEqual(BEFORE);
    },
  );

  it('can be repeated in either direction any number of times', async () => {
    const plan = planned();
    build(plan, BEFORE);
    for (let round = 0; round < 3; round++) {
      await switchOver(plan);
      await switchOver(plan);
      expect(layoutOf(plan)).toEqual(AFTER);
      expect(await positionOf(plan)).toBe('after switchover');
      await switchBack(plan);
      await switchBack(plan);
      expect(layoutOf(plan)).toEqual(BEFORE);
      expect(await positionOf(plan)).toBe('before switchover');
    }
  });

  it('is unclear halfway, and nothing is dropped then', async () => {
    for (const [state, layout] of HALFWAY[mode]) {
      const plan = planned();
      build(plan, layout);
      expect(await positionOf(plan), state).toBe('unclear');
      await expect(discard(plan), state).rejects.toMatchObject({ code: 'INTERNAL' });
      expect(layoutOf(plan), state).toEqual(layout);
      rmSync(home, { recursive: true });
    }
  });

  it('drops the inactive slot and nothing else once it is complete', async () => {
    const plan = planned();
    for (const layout of [BEFORE, AFTER]) {
      build(plan, layout);
      await discard(plan);
      expect(layoutOf(plan)).toEqual({ ...NOTHING, live: layout.live });
      await discard(plan);
      expect(await positionOf(plan)).toBe('unclear');
      rmSync(home, { recursive: true });
    }
  });

  it('begins with an empty staged folder and creates a missing live one', async () => {
    const plan = planned();
    expect(read(await createStaged(plan))).toEqual({});
    expect(layoutOf(plan)).toEqual({ ...NOTHING, live: {}, staged: {} });
    await expect(createStaged(plan)).rejects.toThrow('EEXIST');
  });

  it('leaves the slots of another restore alone', async () => {
    const [plan, other] = [planned(), { ...planned(), id: 'other1' }];
    build(plan, BEFORE);
    write(slotsOf(other).previous, { theirs: 'kept' });
    await switchOver(plan);
    expect(layoutOf(plan)).toEqual(AFTER);
    await switchBack(plan);
    await discard(plan);
    expect(read(slotsOf(other).previous)).toEqual({ theirs: 'kept' });
  });
});

describe('the names of slots', () => {
  it('fit a folder with a name of maximum length, and remain unique', async () => {
    const names = [LONGEST, `${'é'.repeat(127)}y`, 'n'.repeat(255), '\u202E🛟'.repeat(30)];
    const plans = names.map((name): FolderPlan => ({ folder: path.join(home, name), mode: 'rename', id: 'abc123' }));
    for (const plan of plans) build(plan, BEFORE);
    for (const plan of plans) {
      await switchOver(plan);
      expect(layoutOf(plan)).toEqual(AFTER);
    }
    const slots = plans.flatMap((plan) => Object.values(slotsOf(plan)));
    expect(new Set(slots).size).toBe(slots.length);
    for (const slot of slots) {
      expect(Buffer.byteLength(path.basename(slot))).toBeLessThanOrEqual(255);
      expect(path.basename(slot)).toMatch(SLOT_NAME);
    }
  });

  it('are distinguishable from names of uploads', () => {
    for (const name of ['safekeep', '.safekeep', '.safekeep-abc', 'a.safekeep-abc.staged', '.x.safekeep-ABC.staged']) {
      expect(name).not.toMatch(SLOT_NAME);
    }
  });
});
