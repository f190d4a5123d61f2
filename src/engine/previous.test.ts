import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DatabasePlan } from './databases/driver';
import type { FolderPlan } from './files/slots';
import type { Slots } from './moves';
import {
  afterSwitchover,
  isExpired,
  type Origin,
  type PreviousData,
  PreviousFile,
  slotsOnlyIn,
  slotsToReach,
  unreferenced,
  without,
  withoutSlots,
} from './previous';

const NOW = new Date('2026-11-20T12:00:00.000Z');
const at = (hour: number) => new Date(NOW.getTime() + hour * 3600_000).toISOString();
const database = (id: string): DatabasePlan => ({ dialect: 'sqlite', strategy: 'file', id, names: {} });
const folder = (id: string): FolderPlan => ({ folder: '/srv/uploads', mode: 'rename', id });
const both = (id: string): Slots => ({ database: database(id), folders: [folder(id)] });
const onlyDatabase = (id: string): Slots => ({ database: database(id), folders: [] });
const onlyFiles = (id: string): Slots => ({ database: null, folders: [folder(id)] });

let home: string;
beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), 'safekeep-previous-'));
});
afterEach(() => rmSync(home, { recursive: true }));

/** Data with its real slots: one word stands for the content of each slot and of the live place. */
class World {
  data: PreviousData;
  readonly live: Record<string, string> = { database: 'db0', '/srv/uploads': 'files0' };
  readonly slots = new Map<string, string>();
  private hour = 0;

  constructor(data: PreviousData) {
    this.data = data;
  }

  restore(id: string, slots: Slots, undoHours = 72): void {
    for (const [part, plan] of parts(slots))
      this.slots.set(`${part} ${plan}`, part === 'database' ? `db of ${id}` : `files of ${id}`);
    this.switch(id, slots, undoHours, { runId: id, backupName: `backup ${id}`, backupAt: at(0), at: at(0), by: null });
  }

  /** Brings back what a run replaced. */
  undo(id: string, target: string, undoHours = 72): void {
    this.switch(id, slotsToReach(this.data, target, NOW), undoHours, null);
  }

  private switch(id: string, slots: Slots, undoHours: number, origin: Origin | null): void {
    for (const [part, plan] of parts(slots)) {
      const inSlot = this.slots.get(`${part} ${plan}`) ?? 'nothing';
      this.slots.set(`${part} ${plan}`, this.live[part] ?? '');
      this.live[part] = inSlot;
    }
    this.hour += 1;
    this.data = afterSwitchover(this.data, { runId: id, slots, at: at(this.hour), by: 'admin', origin, undoHours });
  }
}

function parts({ database: one, folders }: Slots): [string, string][] {
  const inFolders = folders.map(({ folder: name, id }): [string, string] => [name, id]);
  return one ? [['database', one.id], ...inFolders] : inFolders;
}

async function newWorld(): Promise<World> {
  return new World(await new PreviousFile(path.join(home, 'previous.json')).read());
}
const idsOf = ({ states }: PreviousData) => states.map(({ id }) => id);

describe('previous data', () => {
  it('of a wrong restore and of the right one after it can both be reached directly', async () => {
    const world = await newWorld();
    world.restore('R1', both('a'));
    world.restore('R2', both('b'));
    expect(idsOf(world.data)).toEqual(['R1', 'R2']);
    world.undo('U1', 'R1');
    expect(world.live).toEqual({ database: 'db0', '/srv/uploads': 'files0' });
    expect(idsOf(world.data)).toEqual(['R2', 'U1']);
    world.undo('U2', 'R2');
    expect(world.live).toEqual({ database: 'db of R1', '/srv/uploads': 'files of R1' });
    world.undo('U3', 'U1');
    expect(world.live).toEqual({ database: 'db of R2', '/srv/uploads': 'files of R2' });
    // Three more states: what the two undos left, and the data from before everything.
    expect(world.data.inactive).toHaveLength(4);
  });

  it('goes back step by step, and each step can be redone', async () => {
    const world = await newWorld();
    world.restore('R1', both('a'));
    world.restore('R2', onlyDatabase('b'));
    world.undo('U1', 'R2');
    expect(world.live).toEqual({ database: 'db of R1', '/srv/uploads': 'files of R1' });
    world.undo('U2', 'R1');
    expect(world.live).toEqual({ database: 'db0', '/srv/uploads': 'files0' });
    world.undo('U3', 'U2');
    world.undo('U4', 'U1');
    expect(world.live).toEqual({ database: 'db of R2', '/srv/uploads': 'files of R1' });
  });

  it('is put together from the slots of several runs', async () => {
    const world = await newWorld();
    world.restore('R1', onlyDatabase('a'));
    world.restore('R2', onlyFiles('b'));
    world.restore('R3', onlyDatabase('c'));
    expect(slotsToReach(world.data, 'R1', NOW)).toEqual({ database: database('a'), folders: [folder('b')] });
    world.undo('U1', 'R1');
    expect(world.live).toEqual({ database: 'db0', '/srv/uploads': 'files0' });
    world.undo('U2', 'R3');
    expect(world.live).toEqual({ database: 'db of R1', '/srv/uploads': 'files of R2' });
    world.undo('U3', 'R2');
    expect(world.live).toEqual({ database: 'db of R1', '/srv/uploads': 'files0' });
    world.undo('U4', 'U1');
    expect(world.live).toEqual({ database: 'db of R3', '/srv/uploads': 'files of R2' });
  });

  it('remembers where the live data came from', async () => {
    const world = await newWorld();
    expect(world.data.live.origin).toBeNull();
    world.restore('R1', both('a'));
    world.restore('R2', both('b'));
    expect(world.data.live.origin).toMatchObject({ runId: 'R2', backupName: 'backup R2' });
    world.undo('U1', 'R2');
    expect(world.data.live.origin).toMatchObject({ runId: 'R1' });
    world.undo('U2', 'R1');
    expect(world.data.live.origin).toBeNull();
  });

  it('is recorded once, however often a recovery repeats it', async () => {
    const world = await newWorld();
    const done = { runId: 'R1', slots: both('a'), at: at(0), by: null, origin: null, undoHours: 1 };
    const once = afterSwitchover(world.data, done);
    expect(afterSwitchover(once, done)).toBe(once);
  });

  it('is not kept without an undo window', async () => {
    const world = await newWorld();
    world.restore('R1', both('a'), 0);
    expect(idsOf(world.data)).toEqual([]);
    expect(world.data.endings).toEqual([{ id: 'R1', at: at(1), why: 'not kept' }]);
    expect(unreferenced(world.data).flatMap(parts)).toEqual([
      ['/srv/uploads', 'a'],
      ['database', 'a'],
    ]);
    expect(() => slotsToReach(world.data, 'R1', NOW)).toThrow(
      expect.objectContaining({ code: 'NOTHING_TO_UNDO' }) as Error,
    );
  });

  it('that expires or is discarded frees the slots that only it needs, and records the reason', async () => {
    const world = await newWorld();
    world.restore('R1', both('a'), 10);
    world.restore('R2', onlyDatabase('b'), 20);
    // The files from before R1 are needed by its state alone; those of R1 are live.
    expect(parts(slotsOnlyIn(world.data, ['R1']))).toEqual([
      ['database', 'a'],
      ['/srv/uploads', 'a'],
    ]);
    expect(parts(slotsOnlyIn(world.data, ['R2']))).toEqual([['database', 'b']]);
    expect(unreferenced(world.data)).toEqual([]);
    const later = new Date(at(12));
    const left = without(world.data, isExpired(later), 'expired', later);
    expect(idsOf(left)).toEqual(['R2']);
    expect(left.endings.at(-1)).toEqual({ id: 'R1', at: at(12), why: 'expired' });
    const gone = unreferenced(left);
    expect(gone.flatMap(parts)).toEqual([
      ['/srv/uploads', 'a'],
      ['database', 'a'],
    ]);
    // One could not be discarded: it is found again.
    const after = withoutSlots(left, gone.slice(0, 1));
    expect(unreferenced(after).flatMap(parts)).toEqual([['database', 'a']]);
    expect(() => slotsToReach(world.data, 'R1', later)).toThrow(
      expect.objectContaining({ code: 'NOTHING_TO_UNDO' }) as Error,
    );
  });

  it('that became live again is no longer offered', async () => {
    const world = await newWorld();
    world.restore('R1', both('a'));
    world.undo('U1', 'R1');
    expect(idsOf(world.data)).toEqual(['U1']);
    expect(world.data.endings).toEqual([{ id: 'R1', at: at(2), why: 'live again' }]);
  });
});

describe('its file', () => {
  it('is read as it was written', async () => {
    const file = new PreviousFile(path.join(home, 'previous.json'));
    const world = await newWorld();
    world.restore('R1', both('a'));
    await file.change(() => world.data);
    expect(await new PreviousFile(path.join(home, 'previous.json')).read()).toEqual(world.data);
    expect(readdirSync(home)).toEqual(['previous.json']);
  });

  it.each(['', '{', 'null', '{"format":2}'])('is never taken for empty: %s', async (text) => {
    writeFileSync(path.join(home, 'previous.json'), text);
    const file = new PreviousFile(path.join(home, 'previous.json'));
    await expect(file.read()).rejects.toMatchObject({ code: 'PREVIOUS_UNREADABLE' });
    await expect(file.change((data) => data)).rejects.toMatchObject({ code: 'PREVIOUS_UNREADABLE' });
  });
});
