import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { codeOf, expectRefusal, type Scene, startScene } from '../support/bad-day';
import { makeBackup, sha256 } from '../support/safekeep';

let scene: Scene;
let name: string;
let fingerprint: string | null;
let bytes: number;

beforeAll(async () => {
  scene = await startScene();
  const made = await makeBackup(scene.root);
  ({ name, sha256: fingerprint } = made);
  bytes = made.bytes ?? 0;
  await scene.remember();
});
afterEach(async () => await scene.expectUntouched());
afterAll(async () => await scene?.host.stop());

const TRICKS: [trick: string, value: string][] = [
  ['a way up', '../../etc/passwd'],
  ['a way up, encoded twice', '..%2F..%2Fetc%2Fpasswd'],
  ['an absolute path', '/etc/passwd'],
  ['a way up behind a good name', 'main_20260102T030405Z_abcdef/../../../etc/passwd'],
  ['a NUL', 'main_20260102T030405Z_abcdef\0.json'],
  ['a line break', 'main_20260102T030405Z_abcdef\n'],
  ['backslashes', '..\\..\\etc\\passwd'],
  ['ten thousand letters', 'a'.repeat(10_000)],
  ['a quote', `' OR '1'='1`],
  ['a name of the list of properties', '__proto__'],
];

describe.each(TRICKS)('%s where a name is asked for', (_trick, value) => {
  const encoded = encodeURIComponent(value);

  it.each(['get', 'update', 'destroy', 'verify'])('is refused by safekeepBackups:%s', async (action) => {
    const reply = await scene.root.call(`safekeepBackups:${action}?filterByTk=${encoded}`, { body: { note: 'x' } });
    // The host looks the key of a destroy up before it asks us, and its database chokes on a NUL.
    if (action === 'destroy' && value.includes('\0')) return expect(reply.status).toBe(500);
    expectRefusal(reply, 404, 'NOT_FOUND');
  });

  it.each(['get', 'log', 'cancel', 'undo', 'discard'])('is refused by safekeepRuns:%s', async (action) => {
    const reply = await scene.root.call(`safekeepRuns:${action}?filterByTk=${encoded}`, { method: 'POST' });
    expectRefusal(reply, 404, 'NOT_FOUND');
  });

  it('is refused in the body of actions that read archives and uploads', async () => {
    for (const action of ['inspect', 'preview', 'restore', 'verify', 'ticket']) {
      const reply = await scene.root.call(`safekeepBackups:${action}`, { body: { name: value } });
      expectRefusal(reply, 404, 'NOT_FOUND');
    }
    for (const action of ['inspect', 'preview', 'restore', 'uploadFinish', 'uploadAbort', 'keepUpload']) {
      const reply = await scene.root.call(`safekeepBackups:${action}`, { body: { uploadId: value } });
      expectRefusal(reply, 404, 'NOT_FOUND');
    }
    const chunk = await scene.root.call(`safekeepBackups:uploadAppend?uploadId=${encoded}&offset=0`, {
      body: new Uint8Array(3),
      headers: { 'content-type': 'application/octet-stream' },
    });
    expectRefusal(chunk, 404, 'NOT_FOUND');
    expect(existsSync('/etc/passwd')).toBe(true);
  });
});

describe('a body of the wrong shape', () => {
  it.each([
    ['safekeepBackups:create', { contents: [] }],
    ['safekeepBackups:create', { contents: ['everything'] }],
    ['safekeepBackups:create', { contents: 'database' }],
    ['safekeepBackups:create', { note: { $gt: '' } }],
    ['safekeepBackups:inspect', {}],
    ['safekeepBackups:inspect', { name: 'a', uploadId: 'b' }],
    ['safekeepBackups:inspect', { name: ['a'] }],
    ['safekeepBackups:restore', { name: { $ne: null } }],
    ['safekeepBackups:restore', { name: 'a', filesMode: 'overwrite' }],
    ['safekeepBackups:restore', { name: 'a', acceptWarnings: 'all' }],
    ['safekeepBackups:restore', { name: 'a', discard: 'all' }],
    ['safekeepBackups:create', { previous: 7 }],
    ['safekeepBackups:preview', {}],
    ['safekeepBackups:ticket', {}],
    ['safekeepBackups:get', {}],
    ['safekeepBackups:destroy', {}],
    ['safekeepBackups:list?pageSize=100000', undefined],
    ['safekeepBackups:list?page=0', undefined],
    ['safekeepRuns:log?filterByTk=x&offset=-1', {}],
    ['safekeepRuns:get', {}],
  ])('is refused by %s: %j', async (action, body) => {
    const before = readdirSync(scene.backups);
    const reply = await scene.root.call(action, body === undefined ? {} : { body });
    const isLog = action.startsWith('safekeepRuns:log');
    expectRefusal(reply, isLog ? 404 : 400, isLog ? 'NOT_FOUND' : 'BAD_REQUEST');
    expect(readdirSync(scene.backups)).toEqual(before);
  });

  it('is refused by safekeepBackups:create: a note of 501 letters', async () => {
    const body = { note: 'n'.repeat(501) };
    expectRefusal(await scene.root.call('safekeepBackups:create', { body }), 400, 'BAD_REQUEST');
  });

  it.each(['sort=nothing', 'filter={"nothing":1}', 'filter={"name.$nothing":1}', 'filter=not JSON', 'sort=-__proto__'])(
    'does not bring down the lists: %s',
    async (query) => {
      for (const resource of ['safekeepBackups', 'safekeepRuns']) {
        const reply = await scene.root.call(`${resource}:list?${query}`);
        expect([200, 400], JSON.stringify(reply.body)).toContain(reply.status);
        if (reply.status === 400) expect(codeOf(reply)).toBe('BAD_REQUEST');
      }
    },
  );
});

describe('an action that changes something is refused as a GET, as a link or an image could send it:', () => {
  const CHANGES = {
    safekeepBackups: [
      ...['create', 'update', 'destroy', 'verify', 'restore', 'rescan', 'ticket', 'inspect', 'preview'],
      ...['uploadStart', 'uploadAppend', 'uploadFinish', 'uploadAbort', 'keepUpload'],
    ],
    safekeepRuns: ['cancel', 'undo', 'discard'],
    safekeepSettings: ['update', 'tools'],
  };
  const all = Object.entries(CHANGES).flatMap(([resource, actions]) => actions.map((one) => `${resource}:${one}`));

  it.each(all)('%s', async (action) => {
    const query = `filterByTk=${name}&name=${name}&contents[]=files&maxBackups=1&isProtected=true&note=forged`;
    const reply = await scene.root.call(`${action}?${query}`, { method: 'GET' });
    expectRefusal(reply, 405, 'METHOD_NOT_ALLOWED');
    expect(reply.headers.get('allow')).toBe('POST');
  });
});

describe('a download', () => {
  async function ticket(): Promise<string> {
    return scene.root.url + (await scene.root.get('safekeepBackups:ticket', { body: { name } })).url;
  }
  async function refused(url: string, status: number, code: string) {
    const reply = await fetch(url);
    expectRefusal({ status: reply.status, headers: reply.headers, body: await reply.json() }, status, code);
  }

  it('without a ticket, or with a forged one, is refused', async () => {
    const url = `${scene.root.url}/api/safekeepBackups:download`;
    await refused(url, 400, 'BAD_REQUEST');
    await refused(`${url}?name=${name}`, 400, 'BAD_REQUEST');
    for (const forged of ['', 'x', '../../etc/passwd', '__proto__', name]) {
      await refused(`${url}?ticket=${encodeURIComponent(forged)}`, 403, 'TICKET_INVALID');
    }
  });

  it('works with a ticket, and resumes after an interruption', async () => {
    const url = await ticket();
    const first = await fetch(url, { headers: { range: 'bytes=0-999' } });
    const start = Buffer.from(await first.arrayBuffer());
    const etag = first.headers.get('etag') ?? '';
    expect(first.headers.get('content-disposition')).toContain(`${name}.safekeep.zip`);
    const rest = await fetch(url, { headers: { range: 'bytes=1000-', 'if-range': etag } });
    expect(rest.status).toBe(206);
    expect(sha256(Buffer.concat([start, Buffer.from(await rest.arrayBuffer())]))).toBe(fingerprint);
  });

  it('that resumes a different archive gets the whole archive', async () => {
    const reply = await fetch(await ticket(), {
      headers: { range: 'bytes=1000-', 'if-range': '"of another archive"' },
    });
    expect(reply.status).toBe(200);
    expect(sha256(Buffer.from(await reply.arrayBuffer()))).toBe(fingerprint);
  });

  it('with a ticket that was changed or is older than twelve hours is refused', async () => {
    const url = await ticket();
    await refused(
      url.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
      403,
      'TICKET_INVALID',
    );
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 12 * 3_600_000 + 1000 });
    try {
      await refused(url, 403, 'TICKET_INVALID');
    } finally {
      vi.useRealTimers();
    }
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
  });

  it('of a deleted backup is refused without revealing its folder', async () => {
    const { name: other } = await makeBackup(scene.root, { contents: ['files'] });
    const { url } = await scene.root.get('safekeepBackups:ticket', { body: { name: other } });
    await scene.root.get(`safekeepBackups:destroy?filterByTk=${other}`, { method: 'POST' });
    const reply = await fetch(scene.root.url + url);
    const body: unknown = await reply.json();
    expectRefusal({ status: reply.status, headers: reply.headers, body }, 404, 'NOT_FOUND');
    expect(JSON.stringify(body)).not.toContain(path.basename(scene.host.storage));
  });

  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=100-199', 100, 200],
    ['bytes=-7', -7, undefined],
    ['bytes=5-', 5, undefined],
    ['bytes=10-99999999999', 10, undefined],
  ])('of the range %s returns exactly that range', async (range, start, end) => {
    const whole = Buffer.from(await (await fetch(await ticket())).arrayBuffer());
    const reply = await fetch(await ticket(), { headers: { range } });
    const part = Buffer.from(await reply.arrayBuffer());
    expect(reply.status).toBe(206);
    expect(part.equals(whole.subarray(start, end))).toBe(true);
    const first = start < 0 ? bytes + start : start;
    expect(reply.headers.get('content-range')).toBe(`bytes ${first}-${first + part.length - 1}/${bytes}`);
  });

  it('of a range behind the end is refused with the size', async () => {
    for (const range of [`bytes=${bytes}-`, 'bytes=99999999999-']) {
      const reply = await fetch(await ticket(), { headers: { range } });
      expect([reply.status, reply.headers.get('content-range')]).toEqual([416, `bytes */${bytes}`]);
      expect(await reply.text()).toBe('');
    }
  });

  it('of several ranges, or of an invalid range, returns the whole archive', async () => {
    for (const range of ['bytes=0-1,5-6', 'pages=1-2', 'bytes=x']) {
      const reply = await fetch(await ticket(), { headers: { range } });
      expect([reply.status, (await reply.arrayBuffer()).byteLength]).toEqual([200, bytes]);
    }
  });

  it('that is interrupted releases the archive', async () => {
    const abort = new AbortController();
    const reply = await fetch(await ticket(), { signal: abort.signal });
    abort.abort();
    await expect(reply.arrayBuffer()).rejects.toThrow();
    expect((await fetch(await ticket())).status).toBe(200);
  });
});
