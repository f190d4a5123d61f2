/** What the files of history and backups say. */
import { verifyArchive } from '../../../src/engine/backup';
import type { RunStore } from '../../../src/engine/runs/run-store';
import type { LocalStorage } from '../../../src/engine/storages/local';
import type { Shown } from '../protocol';

export async function shownBy(runs: RunStore, storage: LocalStorage): Promise<Shown> {
  const states = (await runs.all()).map(async (record) => ({ record, log: (await runs.readLog(record.id, 0)).lines }));
  const context = { signal: new AbortController().signal, log: () => undefined, progress: () => undefined };
  const backups = (await storage.list()).map(async ({ name, sidecar }) => {
    const reading = verifyArchive(storage.archivePath(name), context);
    const whole = await reading.then(
      () => true,
      () => false,
    );
    return { name, whole, hasSidecar: sidecar !== null };
  });
  return { runs: await Promise.all(states), backups: await Promise.all(backups) };
}
