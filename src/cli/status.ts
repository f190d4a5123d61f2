import type { JournalFile } from '../engine/journal';
import { type Slots, slotsOf } from '../engine/moves';
import { type PreviousFile, slotsOnlyIn } from '../engine/previous';

/** An unfinished restore and the previous data, as lines of text. @throws JOURNAL_UNREADABLE, PREVIOUS_UNREADABLE */
export async function describeState({
  journal,
  previous,
}: {
  journal: JournalFile;
  previous: PreviousFile;
}): Promise<string[]> {
  const lines: string[] = [];
  const found = await journal.read();
  if (found) {
    const life = (await journal.life(found)) === 'dead' ? 'which has ended' : 'which is still running';
    const { runId, direction, state, owner } = found;
    lines.push(`Unfinished: ${direction} ${runId}, state "${state}", process ${owner.pid} on ${owner.host}, ${life}.`);
    lines.push(...placesOf(slotsOf(found)).map((place) => `  ${place}`));
  } else {
    lines.push('No unfinished restore.');
  }
  const kept = await previous.read();
  for (const { id, replacedAt, until } of kept.states) {
    lines.push(`Previous data, replaced at ${replacedAt} by run ${id}, kept until ${until}.`);
    lines.push(...placesOf(slotsOnlyIn(kept, [id])).map((place) => `  ${place}`));
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
