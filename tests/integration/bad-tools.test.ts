import { readdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { InspectAnswer, ToolsAnswer } from '../../src/shared/api';
import { expectFailed, expectRefusal, runToEnd, type Scene, startScene } from '../support/bad-day';
import { BEHAVIOURS, type Behaviour, fakeTools, type FakeTools } from '../support/fake-tools';
import { endOfRun, makeBackup } from '../support/safekeep';

describe.each(['postgres', 'mariadb'] as const)('on %s', (family) => {
  const [dump, load] = family === 'postgres' ? ['pg_dump', 'pg_restore'] : ['mariadb-dump', 'mariadb'];
  let scene: Scene;
  let name: string;
  let tools: FakeTools | undefined;

  beforeAll(async () => {
    scene = await startScene({ database: family });
    ({ name } = await makeBackup(scene.root));
    await scene.remember();
  });
  afterEach(async () => {
    tools?.remove();
    tools = undefined;
    await scene.expectUntouched();
    expect(readdirSync(scene.backups).sort()).toEqual([`${name}.safekeep.zip`, `${name}.safekeep.zip.json`]);
  });
  afterAll(async () => await scene?.host.stop());

  const failingBackup = () => runToEnd(scene.root, 'safekeepBackups:create', { contents: ['database'] });

  /** A backup that failed is listed as such until the administrator removes it. */
  async function expectListedAsFailed(backupName: string | null, code: string) {
    const listed = await scene.root.get(`safekeepBackups:get?filterByTk=${backupName}`);
    expect(listed).toMatchObject({ status: 'failed', bytes: null, error: { code } });
    expectRefusal(await scene.root.call('safekeepBackups:inspect', { body: { name: backupName } }), 404, 'NOT_FOUND');
    await scene.root.get(`safekeepBackups:destroy?filterByTk=${backupName}`, { method: 'POST' });
    expect(await scene.root.get('safekeepBackups:list')).toHaveLength(1);
  }

  describe.each<[string, string | null, string]>([
    ['missing', null, 'TOOL_MISSING'],
    ['too old', '9.4.26', 'TOOL_TOO_OLD'],
  ])('a client tool that is %s', (_how, version, code) => {
    it('fails a backup before it starts, and the error names the command that installs it', async () => {
      tools = fakeTools(family, {}, version);
      const run = await failingBackup();
      const error = expectFailed(run, code);
      expect(run.step).toBe('prepare');
      expect(error.message).toContain(dump);
      if (version) expect(error.message).toContain(version);
      expect(error.hint).toMatch(/apt-get install -y \w+-client/);
      await expectListedAsFailed(run.backupName, code);
    });

    it('refuses a restore, and the error names the command that installs it', async () => {
      tools = fakeTools(family, {}, version);
      const { checks, restorable }: InspectAnswer = await scene.root.get('safekeepBackups:inspect', { body: { name } });
      expect(restorable).toBe(false);
      const found = checks.filter((check) => check.code === 'tools');
      expect(found.map(({ current }) => current).join()).toContain(load);
      for (const check of found) {
        expect(check.status).toBe('blocking');
        expect(check.remedy).toMatch(/apt-get install -y \w+-client/);
      }
      const reply = await scene.root.call('safekeepBackups:restore', { body: { name } });
      expect(expectRefusal(reply, 409, 'INCOMPATIBLE').message).toContain('tools');
      const { tools: reported }: ToolsAnswer = await scene.root.get('safekeepSettings:tools', { method: 'POST' });
      expect(reported.map((tool) => tool.status)).toContain('blocking');
    });
  });

  it.each<[string, Behaviour, string[]]>([
    ['prints half and fails', { dump: BEHAVIOURS.printsHalfAndFails }, ['TOOL_FAILED']],
    ['prints half and exits with 0', { dump: BEHAVIOURS.printsHalfAndIsContent }, ['DUMP_INCOMPLETE']],
    ['prints nothing and exits with 0', { dump: BEHAVIOURS.printsNothing }, ['DUMP_INCOMPLETE']],
  ])('a dump tool that %s leaves no backup', async (_what, behaviour, codes) => {
    tools = fakeTools(family, behaviour);
    const run = await failingBackup();
    expect(codes).toContain(run.error?.code);
    const { message } = expectFailed(run, codes[0] ?? '');
    if (codes.includes('TOOL_FAILED')) expect(message).toMatch(/exit code 1.*disk on fire/);
    await expectListedAsFailed(run.backupName, codes[0] ?? '');
  });

  it('a load tool that fails halfway leaves live data unchanged and nothing staged', async () => {
    tools = fakeTools(family, { load: BEHAVIOURS.takesHalfAndFails });
    const run = await runToEnd(scene.root, 'safekeepBackups:restore', { name });
    expect(expectFailed(run, 'TOOL_FAILED').message).toMatch(/exit code 3.*server on fire/);
    expect(run.step).toBe('stageDatabase');
  });

  it('a load tool that loads nothing and exits with 0 is detected before the switchover', async () => {
    tools = fakeTools(family, { load: 'cat > /dev/null; exit 0' });
    const run = await runToEnd(scene.root, 'safekeepBackups:restore', { name });
    expect(run.status).toBe('failed');
    expect(run.error?.code).toMatch(/^(STAGED_DATA_DIFFERS|TOOL_FAILED|ARCHIVE_DAMAGED)$/);
    expect(['stageDatabase', 'checkStaged']).toContain(run.step);
  });

  it('during a backup every other run is refused, and cancelling it leaves no trace', async () => {
    tools = fakeTools(family, { dump: BEHAVIOURS.waits });
    const { runId, backupName } = await scene.root.get('safekeepBackups:create', { body: {} });
    await tools.started();
    for (const [action, body] of [
      ['safekeepBackups:create', {}],
      ['safekeepBackups:restore', { name }],
      ['safekeepBackups:verify', { name }],
    ] as const) {
      const { message } = expectRefusal(await scene.root.call(action, { body }), 409, 'BUSY');
      expect(message).toContain('backup');
    }
    const destroy = `safekeepBackups:destroy?filterByTk=${backupName}`;
    expectRefusal(await scene.root.call(destroy, { method: 'POST' }), 409, 'BUSY');
    expectRefusal(await scene.root.call('safekeepBackups:ticket', { body: { name: backupName } }), 404, 'NOT_FOUND');

    await scene.root.get(`safekeepRuns:cancel?filterByTk=${runId}`, { method: 'POST' });
    const run = await endOfRun(scene.root, runId);
    expectFailed(run, 'CANCELLED');
    expectRefusal(
      await scene.root.call(`safekeepRuns:cancel?filterByTk=${runId}`, { method: 'POST' }),
      409,
      'NOT_RUNNING',
    );
    await scene.root.get(destroy, { method: 'POST' });
  });

  it('a restore that is cancelled while it loads leaves live data unchanged and nothing staged', async () => {
    tools = fakeTools(family, { load: BEHAVIOURS.waits });
    const { runId } = await scene.root.get('safekeepBackups:restore', { body: { name } });
    await tools.started();
    await scene.root.get(`safekeepRuns:cancel?filterByTk=${runId}`, { method: 'POST' });
    expectFailed(await endOfRun(scene.root, runId), 'CANCELLED');
  });
});
