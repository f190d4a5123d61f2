/** Faults of the tool that loads a dump: the data is wholly old or wholly new, and the run reports which. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { IDLE_VARIABLE } from '../../src/engine/process';
import { BEHAVIOURS, fakeTools, type FakeTools } from '../support/fake-tools';
import { type FaultScene, SERVER_WAYS, startFaultScene } from '../support/fault-scene';
import { logOf } from '../support/safekeep';

/** Only where SQL is made of the dump, not where its list is read. */
const whileLoading = (behaviour: string) => `case " $* " in *" -f "*) ${behaviour};; *) real "$@";; esac`;

/** The fault, its script, and the error that it causes. */
type Fault = [what: string, load: string, code: string, message: RegExp];

const FAULTS: Record<'postgres' | 'mariadb', Fault[]> = {
  postgres: [
    ['writes half and is content', BEHAVIOURS.printsHalfAndIsContent, 'TOOL_FAILED', /pg_restore/],
    [
      'leaves out the end of the SQL',
      whileLoading('real "$@" > $here/whole; head -c -200 $here/whole; exit 0'),
      'TOOL_FAILED',
      /pg_restore.*output is incomplete/,
    ],
    ['writes half and fails', whileLoading(BEHAVIOURS.printsHalfAndFails), 'TOOL_FAILED', /pg_restore|PostgreSQL/],
    ['is killed', whileLoading(BEHAVIOURS.isKilled), 'TOOL_KILLED', /pg_restore.*SIGKILL/],
    ['hangs', whileLoading(BEHAVIOURS.hangs), 'TOOL_TIMED_OUT', /pg_restore was idle for 1 seconds/],
  ],
  mariadb: [
    ['takes half and is content', BEHAVIOURS.takesHalfAndIsContent, 'TOOL_FAILED', /mariadb.*exited before/],
    ['is killed', BEHAVIOURS.isKilled, 'TOOL_KILLED', /mariadb.*SIGKILL/],
    ['hangs', BEHAVIOURS.hangs, 'TOOL_TIMED_OUT', /mariadb was idle for 1 seconds/],
  ],
};

describe.each(SERVER_WAYS.filter(({ strategy }) => strategy !== 'schema'))('on $name a load tool', (way) => {
  const family = way.dialect === 'postgres' ? 'postgres' : 'mariadb';
  let scene: FaultScene;
  let tools: FakeTools | undefined;
  beforeAll(async () => {
    scene = await startFaultScene(way);
  });
  const realAgain = () => {
    delete process.env[IDLE_VARIABLE];
    tools?.remove();
    tools = undefined;
  };
  afterEach(realAgain);
  afterAll(async () => await scene?.stop());

  it.each(FAULTS[family])('that %s leaves the old state', async (_what, load, code, message) => {
    if (code === 'TOOL_TIMED_OUT') process.env[IDLE_VARIABLE] = '1';
    tools = fakeTools(family, { load });
    const run = await scene.restore();
    expect(run.step).toBe('stageDatabase');
    await scene.expectWhole({ run, state: 'old', code, message });
  });

  it('that is the real one again succeeds after all of that', async () => {
    await scene.expectDone(await scene.restore(), 'new');
    await scene.expectDone(await scene.undo(), 'old');
  });

  it('that prints a notice succeeds, and the run log contains the notice', async () => {
    tools = fakeTools(family, { load: BEHAVIOURS.printsANotice });
    const run = await scene.restore();
    await scene.expectDone(run, 'new');
    expect(run.status).toBe('succeeded with warnings');
    expect(await logOf(scene.root, run.id)).toContain('a harmless notice');
  });
});
