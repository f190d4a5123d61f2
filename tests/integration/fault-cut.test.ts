import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { housekeep } from '../../src/server/runs/previous';
import { Safekeep } from '../../src/server/safekeep';
import type { RunView } from '../../src/shared/runs';
import { shareOf } from '../support/extent';
import { type FaultScene, SERVER_WAYS, startFaultScene } from '../support/fault-scene';
import { type Ambush, at, type Moment } from '../support/moments';
import type { CutAt } from '../support/tcp-proxy';

type State = 'old' | 'new';
type Word = 'load' | 'count' | 'switchover' | 'commit';

/** The client's statements at the moments that matter, by strategy. */
const WORDS: Record<string, Record<Word, RegExp>> = {
  database: { load: /COPY "?public"?\."?things/, count: /count\(\*\)/, switchover: /ALTER DATABASE/, commit: /COMMIT/ },
  schema: { load: /COPY "?public"?\."?things/, count: /count\(\*\)/, switchover: /COMMIT/, commit: /COMMIT/ },
  tables: { load: /INSERT INTO `things`/, count: /count\(\*\)/i, switchover: /RENAME TABLE/, commit: /RENAME TABLE/ },
  names: { load: /INSERT INTO `\w*things`/, count: /count\(\*\)/i, switchover: /RENAME TABLE/, commit: /RENAME TABLE/ },
};

/**
 * away: every connection is refused until the run has ended. A number: this many are. A word: all connections are cut when it is sent,
 * and `refused` connections after it.
 */
type How = 'cut' | 'away' | number | `${CutAt} ${Word}`;
type Cut = [moment: Moment, how: How, refused: number];

/** Before the switch: the run fails, or has not needed the connection. */
const STAGING: Cut[] = [
  ['step stageDatabase', 'away', 0],
  ['step stageDatabase', 'unsent load', 0],
  ['step stageDatabase', 'unsent load', 2],
  ['step stageFiles', 'cut', 0],
  ['step stageFiles', 'away', 0],
  ['step checkStaged', 'unsent count', 0],
];
/** From the switch on: the old state comes back as soon as the server is there again, or the new one stays. */
const SWITCHOVER: Cut[] = [
  ['step switchover', 'cut', 0],
  ['app disconnect', 5, 0],
  ['before switchOver', 'unsent switchover', 0],
  ['before switchOver', 'unanswered switchover', 0],
  ['before switchOver', 'unanswered commit', 1],
  ['before switchOver', 'unanswered commit', 8],
  ['after switchOver', 8, 0],
  ['app reload', 'cut', 0],
  ['app healthCheck', 8, 0],
];
/** The same during an undo. */
const UNDO: Cut[] = [
  ['step prepare', 'cut', 0],
  ['app disconnect', 5, 0],
  ['before switchBack', 'unanswered switchover', 0],
  ['before switchBack', 'unanswered switchover', 8],
  ['after switchBack', 8, 0],
  ['app healthCheck', 'cut', 0],
];

const CODES = /^(DATABASE_UNREACHABLE|TOOL_FAILED|STAGED_DATA_DIFFERS|SWITCHOVER_FAILED|RESTORED_APP_UNHEALTHY)$/;
const CAUSE =
  /ECONNRESET|lost|terminated|unexpectedly|rolled back|cannot connect|transaction that loaded it has ended/i;

const WAYS = SERVER_WAYS.filter(({ strategy }) => strategy !== 'names');
/** Its staging and its undo speak to the server as those of 'database' do. */
const ONLY_EXCHANGE = 'schema';

describe.each(WAYS)('on $name', (way) => {
  let scene: FaultScene;
  let ambush: Ambush | undefined;
  let cutsBefore = 0;
  beforeAll(async () => {
    scene = await startFaultScene(way);
  });
  afterEach(() => {
    ambush?.remove();
    scene.proxy?.accept();
  });
  afterAll(async () => await scene?.stop());

  function lieInWait([moment, how, refused]: Cut) {
    const { proxy } = scene;
    if (!proxy) throw new Error('no proxy');
    cutsBefore = proxy.cuts;
    const { app } = scene.host;
    ambush = at(app, moment, () => {
      const [where, word] = String(how).split(' ') as [CutAt, Word | undefined];
      if (word) proxy.cutAt(WORDS[way.strategy]?.[word] ?? /^$/, where, () => proxy.refuse(refused));
      else if (how === 'away') {
        proxy.refuse();
        void Safekeep.of(app).runs.idle().then(proxy.accept);
      } else proxy.refuse(Number(how) || 0);
    });
  }

  /** Failed and whole, or done in spite of it. */
  async function judge(run: RunView, [, how]: Cut, before: State, after: State): Promise<State> {
    scene.proxy?.accept();
    expect(ambush?.happened).toBe(true);
    ambush?.remove();
    if (String(how).includes(' ')) expect(scene.proxy?.cuts).toBe(cutsBefore + 1);
    if (run.status !== 'failed') {
      await scene.expectDone(run, after);
      return after;
    }
    // Housekeeping discards the slots that could not be discarded while the server was unavailable.
    if (how === 'away') {
      const safekeep = Safekeep.of(scene.host.app);
      await safekeep.runs.idle();
      await housekeep(safekeep, new Date());
    }
    expect(run.error?.code).toMatch(CODES);
    await scene.expectWhole({ run, state: before, code: run.error?.code ?? '', message: CAUSE });
    return before;
  }

  // Every moment somewhere; all of them everywhere in `npm run matrix`.
  const wholeWays = WAYS.filter(({ strategy }) => strategy !== ONLY_EXCHANGE);
  const part = wholeWays.indexOf(way);
  const ofRestore = [
    ...(part < 0 ? [] : shareOf(STAGING, part, wholeWays.length)),
    ...shareOf(SWITCHOVER, WAYS.indexOf(way), WAYS.length),
  ];
  const ofUndo = part < 0 ? shareOf(UNDO.slice(0, 2), 0, 2) : shareOf(UNDO, part, wholeWays.length);

  it.each(ofRestore)('a restore is whole: %s, %s, %i', async (...cut) => {
    lieInWait(cut);
    const live = await judge(await scene.restore(), cut, 'old', 'new');
    if (live === 'new') await scene.expectDone(await scene.undo(), 'old');
  });

  it.each(ofUndo)('an undo is whole: %s, %s, %i', async (...cut) => {
    await scene.expectDone(await scene.restore(), 'new');
    lieInWait(cut);
    const live = await judge(await scene.undo(), cut, 'new', 'old');
    if (live === 'new') await scene.expectDone(await scene.undo(), 'old');
  });

  it('a restore without a fault succeeds, and so does its undo', async () => {
    await scene.expectDone(await scene.restore(), 'new');
    await scene.expectDone(await scene.undo(), 'old');
  });
});
