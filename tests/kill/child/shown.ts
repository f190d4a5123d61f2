/** The content of the files of history and backups. */
import { readBack } from '../../../src/engine/backup';
import type { RunHistory } from '../../../src/engine/history/run-history';
import type { LocalDestination } from '../../../src/engine/destinations/local';
import type { PreviousFile } from '../../../src/engine/previous';
import type { Shown } from '../protocol';

interface Kept {
  history: RunHistory;
  destination: LocalDestination;
  previous: PreviousFile;
}

export async function shownBy({ history, destination, previous }: Kept): Promise<Shown> {
  const states = (await history.all()).map(async (record) => ({
    record,
    log: (await history.readLog(record.id, 0)).lines,
  }));
  const context = { signal: new AbortController().signal, log: () => undefined, progress: () => undefined };
  const backups = (await destination.list()).map(async ({ name, sidecar }) => {
    const reading = readBack(destination.archivePath(name), context);
    const whole = await reading.then(
      () => true,
      () => false,
    );
    return { name, whole, hasSidecar: sidecar !== null };
  });
  return { runs: await Promise.all(states), backups: await Promise.all(backups), previous: await previous.read() };
}
