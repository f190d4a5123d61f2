import type { JournalFile } from '../engine/journal';
import type { Slots } from '../engine/switchover';
import type { RunHistory } from '../engine/history/run-history';

/** What lies aside and what is under way, a line each. @throws JOURNAL_UNREADABLE */
export async function describeState({
  journal,
  history,
}: {
  journal: JournalFile;
  history: RunHistory;
}): Promise<string[]> {
  const lines: string[] = [];
  const found = await journal.read();
  if (found) {
    const life = (await journal.life(found)) === 'dead' ? 'which has ended' : 'which is at work';
    const { runId, direction, state, owner } = found;
    lines.push(
      `Unfinished: ${direction} ${runId}, state “${state}”, by process ${owner.pid} on ${owner.host}, ${life}.`,
    );
    lines.push(...placesOf(found).map((place) => `  ${place}`));
  } else {
    lines.push('No unfinished restore.');
  }
  for (const { id, kind, slots, undoUntil } of await history.all()) {
    if (!slots) continue;
    lines.push(`Kept: the state before the ${kind} ${id}${undoUntil ? `, until ${undoUntil}` : ', to be dropped'}.`);
    lines.push(...placesOf(slots).map((place) => `  ${place}`));
  }
  return lines;
}

function placesOf({ database, folders }: Slots): string[] {
  const names = database ? Object.entries(database.names).map(([key, name]) => `${key} ${name}`) : [];
  return [
    ...(database ? [`database (${database.dialect}, strategy ${database.strategy}): ${names.join(', ')}`] : []),
    ...folders.map(({ folder, mode, id }) => `folder ${folder} (${mode}, ${id})`),
  ];
}
