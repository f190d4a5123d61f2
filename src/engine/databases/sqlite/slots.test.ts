import { link, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type SqliteSlots, switchOver, positionOf, removeInactiveFiles, settle, slotNames, slotsOf } from './slots';

let folder: string;
let slots: SqliteSlots;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'safekeep-slots-'));
  slots = slotsOf(path.join(folder, 'app.sqlite'), slotNames(path.join(folder, 'app.sqlite'), 'r1'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const put = (slot: keyof SqliteSlots, content: string) => writeFile(slots[slot], content);
const content = async () => {
  const names = (await readdir(folder)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(path.join(folder, name), 'utf8')])),
  );
};

describe('the position of the two slots', () => {
  it('is unclear without an inactive file, and before the switchover with a staged file', async () => {
    await put('live', 'old');
    expect(await positionOf(slots)).toBe('unclear');
    await put('staged', 'new');
    expect(await positionOf(slots)).toBe('before switchover');
  });

  it('is after the switchover once both names have changed', async () => {
    await put('live', 'old');
    await put('staged', 'new');
    await switchOver(slots.live, slots.staged, slots.previous);
    expect(await positionOf(slots)).toBe('after switchover');
    expect(await content()).toEqual({ 'app.sqlite': 'new', 'app.sqlite.safekeep-r1.previous': 'old' });
  });

  it('is before again once a switchover that was killed between link and rename is settled', async () => {
    await put('live', 'old');
    await put('staged', 'new');
    await link(slots.live, slots.previous);
    expect(await positionOf(slots)).toBe('unclear');
    await settle(slots);
    expect(await positionOf(slots)).toBe('before switchover');
    expect(await content()).toEqual({ 'app.sqlite': 'old', 'app.sqlite.safekeep-r1.staged': 'new' });
  });

  it('is after again once an undo that was killed between link and rename is settled', async () => {
    await put('live', 'new');
    await put('previous', 'old');
    await link(slots.live, slots.staged);
    expect(await positionOf(slots)).toBe('unclear');
    await settle(slots);
    expect(await positionOf(slots)).toBe('after switchover');
    expect(await content()).toEqual({ 'app.sqlite': 'new', 'app.sqlite.safekeep-r1.previous': 'old' });
  });

  it.each([['missing'], ['empty']])(
    'restores the name of the live file when a killed switchover left it %s',
    async (how) => {
      await put('staged', 'new');
      await put('previous', 'old');
      if (how === 'empty') await put('live', '');
      expect(await positionOf(slots)).toBe('unclear');
      await settle(slots);
      expect(await positionOf(slots)).toBe('before switchover');
      expect(await content()).toEqual({ 'app.sqlite': 'old', 'app.sqlite.safekeep-r1.staged': 'new' });
    },
  );

  it('is unclear with three different files, and nothing is dropped then', async () => {
    await put('live', 'one');
    await put('staged', 'two');
    await put('previous', 'three');
    expect(await positionOf(slots)).toBe('unclear');
    await expect(removeInactiveFiles(slots)).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(Object.keys(await content())).toHaveLength(3);
  });
});

describe('dropping the inactive slot', () => {
  it('never drops the only live data after a killed switchover', async () => {
    await put('staged', 'new');
    await put('previous', 'old');
    await removeInactiveFiles(slots);
    expect(await content()).toEqual({ 'app.sqlite': 'old' });
  });

  it('drops this plan’s files only and can be repeated', async () => {
    await put('live', 'old');
    await put('staged', 'new');
    await writeFile(`${slots.staged}-wal`, '');
    await writeFile(path.join(folder, 'app.sqlite.safekeep-r2.previous'), 'other');
    await removeInactiveFiles(slots);
    await removeInactiveFiles(slots);
    expect(await content()).toEqual({ 'app.sqlite': 'old', 'app.sqlite.safekeep-r2.previous': 'other' });
  });

  it('returns the journal that a killed switchover had already moved to the live file', async () => {
    await put('live', 'old');
    await put('staged', 'new');
    await writeFile(`${slots.previous}-journal`, 'of the old one');
    await removeInactiveFiles(slots);
    expect(await content()).toEqual({ 'app.sqlite': 'old', 'app.sqlite-journal': 'of the old one' });
  });

  it('refuses a plan with other file names', () => {
    expect(() => slotsOf(slots.live, { staged: '../x.safekeep-r1.staged', previous: 'x' })).toThrow(/not Safekeep/);
  });
});

it('rolls back a switchover whose second step fails', async () => {
  await put('live', 'old');
  await expect(switchOver(slots.live, slots.staged, slots.previous)).rejects.toThrow(/ENOENT/);
  expect(await content()).toEqual({ 'app.sqlite': 'old' });
});
