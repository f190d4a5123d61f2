/** Disk space of previous data, and which of it must be discarded to make room. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { DatabaseDriver } from './databases/driver';
import { slotsOf as folderSlots } from './files/slots';
import { bytesBelow, nearestFolder } from './files/space';
import type { Slots } from './moves';
import { type PreviousData, slotsOnlyIn } from './previous';

/** Space needed in a folder's file system, and free there; bytes. */
export interface Space {
  folder: string;
  needed: number;
  free: number;
}

/** Bytes of slots on this server, by file system; incomplete where the size of the database is unknown. */
interface Size {
  byDevice: Map<number, number>;
  isComplete: boolean;
}

/** Bytes that discarding these slots frees on this server; null where unknown. */
export async function bytesIn(slots: Slots, driver: DatabaseDriver, databaseFolder?: string): Promise<number | null> {
  const { byDevice, isComplete } = await sizeOf(slots, driver, databaseFolder);
  return isComplete ? [...byDevice.values()].reduce((sum, bytes) => sum + bytes, 0) : null;
}

async function sizeOf(slots: Slots, driver: DatabaseDriver, databaseFolder: string = path.sep): Promise<Size> {
  const byDevice = new Map<number, number>();
  const add = async (folder: string, bytes: number) => {
    const { dev } = await stat(await nearestFolder(folder));
    byDevice.set(dev, (byDevice.get(dev) ?? 0) + bytes);
  };
  for (const plan of slots.folders) {
    const { staged, previous } = folderSlots(plan);
    await add(plan.folder, (await bytesBelow(staged)) + (await bytesBelow(previous)));
  }
  const ofDatabase = slots.database ? await driver.inactiveBytes(slots.database) : 0;
  if (ofDatabase) await add(databaseFolder, ofDatabase);
  return { byDevice, isComplete: ofDatabase !== null };
}

/**
 * Previous data that must be discarded to free the space, newest first: the oldest is the data from before the first restore
 * and goes last.
 * @returns ids of states; empty when there is enough space, null when discarding everything is not enough
 */
export async function discardsFor(
  space: readonly Space[],
  data: PreviousData,
  driver: DatabaseDriver,
  databaseFolder?: string,
): Promise<string[] | null> {
  const short = space.filter(({ needed, free }) => free < needed);
  if (short.length === 0) return [];
  const newestFirst = data.states.map(({ id }) => id).reverse();
  for (let count = 1; count <= newestFirst.length; count += 1) {
    const ids = newestFirst.slice(0, count);
    const { byDevice } = await sizeOf(slotsOnlyIn(data, ids), driver, databaseFolder);
    const isEnough = await Promise.all(
      short.map(async ({ folder, needed, free }) => {
        const { dev } = await stat(await nearestFolder(folder));
        return free + (byDevice.get(dev) ?? 0) >= needed;
      }),
    );
    if (isEnough.every(Boolean)) return ids;
  }
  return null;
}
