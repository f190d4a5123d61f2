import { type PreviousData, type PreviousState, slotsOnlyIn } from '../../engine/previous';
import { bytesIn } from '../../engine/room';
import type { PreviousView } from '../../shared/api';
import type { Content } from '../../shared/runs';
import type { Safekeep } from '../safekeep';

/** Previous data as the API shows it, in the order given. */
export async function previousViews(
  safekeep: Safekeep,
  data: PreviousData,
  states: readonly PreviousState[],
): Promise<PreviousView[]> {
  const driver = safekeep.driver();
  try {
    const views: PreviousView[] = [];
    for (const state of states) {
      const record = await safekeep.history.load(state.id);
      const { id, replacedAt, replacedBy, until, origin } = state;
      const bytes = await bytesIn(slotsOnlyIn(data, [id]), driver);
      const kind = record?.kind === 'undo' ? ('undo' as const) : ('restore' as const);
      const contents = contentsThatDiffer(data, state);
      views.push({ id, replacedBy: kind, replacedAt, startedBy: replacedBy, until, origin, contents, bytes });
    }
    return views;
  } finally {
    await driver.close();
  }
}

/** The contents that would change if a state became live. */
function contentsThatDiffer({ live }: PreviousData, { versions }: PreviousState): Content[] {
  const differing = Object.keys(versions).filter((part) => versions[part] !== live.versions[part]);
  const contents: Content[] = [];
  if (differing.includes('database')) contents.push('database');
  if (differing.some((part) => part !== 'database')) contents.push('files');
  return contents;
}
