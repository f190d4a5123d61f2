import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { HostApi } from '../../scripts/host-api.mjs';
import { expectRefusal, type Scene, startScene } from '../support/bad-day';
import { makeBackup } from '../support/safekeep';

/** Every permission and its actions; `runs:cancel` belongs to all that start runs. */
const GROUPS: Record<string, string[]> = {
  'pm.safekeep': [
    'safekeepBackups:list',
    'safekeepBackups:get',
    'safekeepRuns:list',
    'safekeepRuns:get',
    'safekeepRuns:log',
    'safekeepRuns:previous',
    'safekeepSettings:get',
  ],
  'pm.safekeep.create': [
    'safekeepBackups:create',
    'safekeepBackups:update',
    'safekeepBackups:verify',
    'safekeepBackups:rescan',
    'safekeepBackups:keepUpload',
  ],
  'pm.safekeep.download': ['safekeepBackups:ticket'],
  'pm.safekeep.restore': [
    'safekeepBackups:inspect',
    'safekeepBackups:preview',
    'safekeepBackups:restore',
    'safekeepBackups:uploadStart',
    'safekeepBackups:uploadAppend',
    'safekeepBackups:uploadFinish',
    'safekeepBackups:uploadAbort',
    'safekeepRuns:undo',
  ],
  'pm.safekeep.delete': ['safekeepBackups:destroy', 'safekeepRuns:discard'],
  'pm.safekeep.settings': ['safekeepSettings:update', 'safekeepSettings:tools'],
};
const snippets = Object.keys(GROUPS);
const everyAction = [...Object.values(GROUPS).flat(), 'safekeepRuns:cancel'];

let scene: Scene;
let name: string;

beforeAll(async () => {
  scene = await startScene();
  ({ name } = await makeBackup(scene.root));
});
afterAll(async () => await scene?.host.stop());

/** A call that is refused as such wherever it is allowed: it names nothing that exists. */
async function statusOf(api: HostApi, action: string): Promise<number> {
  const body = { name: 'nothing', uploadId: 'nothing', filterByTk: 'nothing', contents: ['nothing'], maxBackups: -1 };
  return (await api.call(`${action}?filterByTk=nothing`, { body })).status;
}

async function allowedTo(api: HostApi): Promise<string[]> {
  const allowed: string[] = [];
  for (const action of everyAction) if ((await statusOf(api, action)) !== 403) allowed.push(action);
  return allowed;
}

describe('the permissions of a role', () => {
  it.each(snippets)('is what %s names, and nothing else', async (snippet) => {
    const api = await scene.host.userWith([snippet]);
    const cancels = snippet === 'pm.safekeep.create' || snippet === 'pm.safekeep.restore';
    const expected = [...(GROUPS[snippet] ?? []), ...(cancels ? ['safekeepRuns:cancel'] : [])];
    expect(await allowedTo(api)).toEqual(expected);
  });

  it('is nothing without a permission', async () => {
    expect(await allowedTo(await scene.host.userWith([]))).toEqual([]);
    expect(await allowedTo(await scene.host.userWith(['ui.*', 'pm.users']))).toEqual([]);
  });

  it('is everything with the permission for all of Safekeep', async () => {
    expect(await allowedTo(await scene.host.userWith(['pm.safekeep', 'pm.safekeep.*']))).toEqual(everyAction);
  });

  it('is nothing for a user who is not signed in or has an invalid token', async () => {
    const forged = { ...scene.host.anonymous, token: 'eyJhbGciOiJIUzI1NiJ9.e30.x' };
    for (const action of everyAction) {
      expect(await statusOf(scene.host.anonymous, action), action).toBe(401);
      const reply = await scene.host.anonymous.call(action, { body: {}, token: forged.token });
      expect(reply.status, action).toBe(401);
    }
    const backups = await scene.root.get('safekeepBackups:list');
    expect(backups.map((backup: { name: string }) => backup.name)).toEqual([name]);
  });
});

describe('the automatic actions of the collections are disabled for root, too:', () => {
  const AUTOMATIC = [
    ...[
      'create',
      'update',
      'destroy',
      'updateOrCreate',
      'firstOrCreate',
      'move',
      'add',
      'set',
      'remove',
      'toggle',
      'query',
    ],
    ...['list', 'get', 'export', 'import', 'importXlsx', 'exportAttachments', 'upload', 'bulkUpdate', 'bulkDestroy'],
  ];
  const OURS: Record<string, string[]> = {
    safekeepBackups: ['list', 'get', 'create', 'update', 'destroy'],
    safekeepRuns: ['list', 'get'],
    safekeepSettings: ['get', 'update'],
  };

  async function picture() {
    const { db } = scene.host.app;
    const rows = Object.keys(OURS).map(async (collection) => {
      const found: { toJSON(): object }[] = await db.getRepository(collection).find();
      return [collection, found.map((row) => row.toJSON())];
    });
    return Object.fromEntries(await Promise.all(rows)) as Record<string, object[]>;
  }

  it.each(Object.keys(OURS))('%s', async (collection) => {
    const before = await picture();
    expect(before['safekeepRuns']).toHaveLength(1);
    const [run] = before['safekeepRuns'] as { id: string }[];
    const key = { safekeepBackups: name, safekeepRuns: run?.id, safekeepSettings: '1' }[collection];
    // The host prints every action that it does not know.
    vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const values = { id: 'forged', name: 'forged', status: 'succeeded', note: 'forged', maxBackups: 1 };
    for (const action of AUTOMATIC.filter((one) => !OURS[collection]?.includes(one))) {
      for (const source of ['', '&filter={}']) {
        const query = `${collection}:${action}?filterByTk=${key}&filterKeys[]=id${source}`;
        const { status } = await scene.root.call(query, { body: { ...values, values } });
        expect([404, 405], `${query} answered ${status}`).toContain(status);
      }
    }
    vi.restoreAllMocks();
    expect(await picture()).toEqual(before);
  });

  it('an update of a backup changes its note and protection, and ignores other fields', async () => {
    const [before] = (await picture())['safekeepBackups'] ?? [];
    const body = {
      note: 'mine',
      status: 'failed',
      sha256: 'forged',
      name: 'forged',
      bytes: 1,
      runId: null,
      trigger: 'cli',
    };
    await scene.root.get(`safekeepBackups:update?filterByTk=${name}`, { body });
    expect((await picture())['safekeepBackups']).toEqual([{ ...before, note: 'mine' }]);
    await scene.root.get(`safekeepBackups:update?filterByTk=${name}`, { body: { note: '' } });
  });

  it('deleting by a filter, or many at once, deletes nothing', async () => {
    for (const query of ['', '?filter={}', '?filter={"status":"succeeded"}', '?filterByTk[]=a&filterByTk[]=b']) {
      const reply = await scene.root.call(`safekeepBackups:destroy${query}`, { method: 'POST' });
      expect([400, 404], `${query}: ${JSON.stringify(reply.body)}`).toContain(reply.status);
    }
    expect(await scene.root.get('safekeepBackups:list')).toHaveLength(1);
  });
});

describe('a protected backup', () => {
  it('cannot be deleted before the protection is removed', async () => {
    const { name: isProtected } = await makeBackup(scene.root, { contents: ['files'] });
    const update = async (body: object) => scene.root.get(`safekeepBackups:update?filterByTk=${isProtected}`, { body });
    const destroy = async () =>
      scene.root.call(`safekeepBackups:destroy?filterByTk=${isProtected}`, { method: 'POST' });
    await update({ isProtected: true });
    expect(expectRefusal(await destroy(), 409, 'PROTECTED').message).toContain(isProtected);
    await update({ isProtected: false });
    expect((await destroy()).status).toBe(200);
    expectRefusal(await destroy(), 404, 'NOT_FOUND');
  });

  it('keeps its protection without the permission to delete', async () => {
    const { name: isProtected } = await makeBackup(scene.root, { contents: ['files'] });
    const update = async (api: HostApi, body: object) =>
      api.call(`safekeepBackups:update?filterByTk=${isProtected}`, { body });
    const maker = await scene.host.userWith(['pm.safekeep', 'pm.safekeep.create']);
    expect((await update(maker, { isProtected: true })).status).toBe(200);
    expectRefusal(await update(maker, { isProtected: false }), 403, 'FORBIDDEN');
    expect(await scene.root.get(`safekeepBackups:get?filterByTk=${isProtected}`)).toMatchObject({ isProtected: true });
    const keeper = await scene.host.userWith(['pm.safekeep', 'pm.safekeep.create', 'pm.safekeep.delete']);
    expect((await update(keeper, { isProtected: false })).status).toBe(200);
    await scene.root.get(`safekeepBackups:destroy?filterByTk=${isProtected}`, { method: 'POST' });
  });

  it('survives the limit on the number of backups, which counts database and files separately', async () => {
    const { name: isProtected } = await makeBackup(scene.root, { contents: ['files'] });
    await scene.root.get(`safekeepBackups:update?filterByTk=${isProtected}`, { body: { isProtected: true } });
    await scene.root.get('safekeepSettings:update', { body: { maxBackups: 1 } });
    const { name: newest } = await makeBackup(scene.root, { contents: ['files'] });
    const left: { name: string }[] = await scene.root.get('safekeepBackups:list?sort=name');
    expect(left.map((backup) => backup.name)).toEqual([isProtected, newest, name].sort());
  });
});

describe('invalid settings are refused:', () => {
  it.each([
    [{ maxBackups: -1 }],
    [{ maxBackups: 1.5 }],
    [{ maxBackups: '10' }],
    [{ undoHours: 1e9 }],
    [{ defaultContents: [] }],
    [{ defaultContents: ['everything'] }],
  ])('%j', async (body) => {
    const before = await scene.root.get('safekeepSettings:get');
    expectRefusal(await scene.root.call('safekeepSettings:update', { body }), 400, 'BAD_REQUEST');
    const { maxBackups, undoHours, defaultContents } = await scene.root.get('safekeepSettings:get');
    expect(before).toMatchObject({ maxBackups, undoHours, defaultContents });
  });
});
