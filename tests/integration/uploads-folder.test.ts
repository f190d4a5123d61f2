/** Upload folders of every kind: switched over and undone as a whole, or refused. */
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import * as fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { carryOver } from '../../src/engine/files/carry-over';
import { planFolders } from '../../src/engine/files/plan';
import { createStaged, discard, switchOver, type FolderPlan, switchBack } from '../../src/engine/files/slots';
import { stageFiles, type StagedFile } from '../../src/engine/files/stage';
import type { Site } from '../../src/engine/site';
import SafekeepPlugin from '../../src/server';
import type { Manifest } from '../../src/shared/manifest';
import type { RunView } from '../../src/shared/runs';
import { startApp } from '../support/app';
import { removeFolder, temporaryFolder } from '../support/child';
import * as compare from '../support/compare';
import { endOfRun, makeBackup, makeRestore } from '../support/safekeep';
import { systemUser } from '../support/system-user';

// Only root may mount; CI is root, and nothing may skip there.
const mayMount = process.getuid?.() === 0;

let home: string;
let mounted: string[];
beforeEach(() => {
  home = fs.realpathSync(temporaryFolder('uploads'));
  mounted = [];
});
afterEach(() => {
  for (const folder of mounted.reverse()) execFileSync('umount', ['--lazy', folder]);
  removeFolder(home);
});

function mount(folder: string, ...args: string[]): void {
  fs.mkdirSync(folder, { recursive: true });
  execFileSync('mount', [...args, folder]);
  mounted.push(folder);
}
const tmpfs = (folder: string) => mount(folder, '-t', 'tmpfs', 'safekeep-test');

const LONGEST = `${'é'.repeat(127)}x`;
/** Names that are hard to handle; all of them are in the backup and live, with different content. */
const NAMES = [
  'a',
  'new\nline',
  '100%25',
  LONGEST,
  '\u202Egpj.exe 🛟',
  'back\\slash',
  `deep/${'d/'.repeat(200)}file`,
  'dir/b',
];

function put(folder: string, names: string[], content: string): void {
  for (const name of names) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), `${content} of ${name}`);
  }
}

/** The content of a folder, without slots. */
async function content(folder: string): Promise<compare.FolderFingerprint> {
  const all = Object.entries(await compare.fingerprintFolder(folder));
  return Object.fromEntries(all.filter(([name]) => !/^(hex:)?\.safekeep-/.test(name)));
}

const context = { signal: new AbortController().signal, log: () => undefined, progress: () => undefined };

/** A backup of what lies in a folder, as the engine sees it while it restores. */
function filesOf(source: string): StagedFile[] {
  const names = fs.readdirSync(source, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => fs.statSync(path.join(source, name)).isFile());
  return files.map((name) => {
    const bytes = fs.readFileSync(path.join(source, name));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { path: name, entry: { name, bytes: bytes.length, sha256, mode: 0o640, mtimeMs: 1_700_000_000_000 } };
  });
}

async function plan(documentRoot: string, more: Partial<Site> = {}) {
  const manifest = {
    files: { roots: [{ id: 'local', storages: ['local'], documentRoot, files: 0, bytes: 0 }] },
  } as unknown as Manifest;
  const site = {
    storages: [],
    documentRoots: { storage: home, working: home, default: path.join(home, 'default') },
    allowedRoots: [home],
    reservedFolders: [],
    otherApps: [],
    ...more,
  } as unknown as Site;
  return await planFolders(manifest, 'abc123', ['database', 'files'], site);
}

async function planOf(documentRoot: string): Promise<FolderPlan> {
  const { targets, problems } = await plan(documentRoot);
  expect(problems).toEqual([]);
  const [target] = targets;
  if (!target) throw new Error('no target');
  return target.plan;
}

async function stageFrom(source: string, made: FolderPlan): Promise<string> {
  const staged = await createStaged(made);
  const openEntry = async (entry: { name: string }) => createReadStream(path.join(source, entry.name));
  await stageFiles(staged, filesOf(source), openEntry, context, () => undefined);
  return staged;
}

/** Restore, undo, redo, undo: each side is whole by hash every time, and nothing of ours is left at the end. */
async function expectRoundTrip(documentRoot: string, mode: FolderPlan['mode'], beside: string): Promise<void> {
  const source = path.join(home, 'backup');
  put(source, [...NAMES, 'only in the backup'], 'backup');
  const made = await planOf(documentRoot);
  expect(made.mode).toBe(mode);
  const [before, wanted] = [await content(documentRoot).catch(() => ({})), await content(source)];
  const surroundings = fs.readdirSync(beside);
  await stageFrom(source, made);
  compare.expectSameFiles(before, await content(documentRoot));
  const attributes = () => {
    const { mode: permissions, uid, gid, mtimeMs } = fs.statSync(documentRoot);
    return { permissions, uid, gid, mtimeMs: Math.round(mtimeMs) };
  };
  const kept = attributes();
  for (let round = 0; round < 2; round++) {
    await switchOver(made);
    compare.expectSameFiles(wanted, await content(documentRoot));
    expect(attributes()).toEqual(kept);
    await switchBack(made);
    compare.expectSameFiles(before, await content(documentRoot));
    expect(attributes()).toEqual(kept);
  }
  await switchOver(made);
  await discard(made);
  compare.expectSameFiles(wanted, await compare.fingerprintFolder(documentRoot));
  expect(fs.readdirSync(beside)).toEqual(surroundings);
}

function seed(folder: string): void {
  put(folder, [...NAMES, 'only live'], 'live');
  fs.mkdirSync(path.join(folder, 'empty/folder'), { recursive: true });
  fs.symlinkSync('/nowhere', path.join(folder, 'link'));
  // A name that is no UTF-8: it is in no backup, but a switchover moves it.
  fs.writeFileSync(Buffer.concat([Buffer.from(`${folder}/no UTF-8 `), Buffer.from([0xff, 0xfe])]), 'bytes');
  fs.chmodSync(folder, 0o2775);
  fs.utimesSync(folder, 1_600_000_000, 1_600_000_000);
}

describe('restore, undo and redo of', () => {
  it('a plain folder', async () => {
    seed(path.join(home, 'uploads'));
    await expectRoundTrip(path.join(home, 'uploads'), 'rename', home);
  });

  it('a folder that is a link, and one with a link in its path', async () => {
    const real = path.join(home, 'elsewhere/real');
    seed(real);
    fs.symlinkSync('elsewhere/real', path.join(home, 'uploads'));
    await expectRoundTrip(path.join(home, 'uploads'), 'rename', path.dirname(real));
    expect(fs.readlinkSync(path.join(home, 'uploads'))).toBe('elsewhere/real');
    fs.symlinkSync('elsewhere', path.join(home, 'path'));
    await expectRoundTrip(path.join(home, 'path/real'), 'rename', path.dirname(real));
  });

  it('a folder that does not exist yet, also behind a link', async () => {
    fs.symlinkSync('later/real', path.join(home, 'uploads'));
    const made = await planOf(path.join(home, 'uploads'));
    expect(made.folder).toBe(path.join(home, 'later/real'));
    put(path.join(home, 'backup'), NAMES, 'backup');
    await stageFrom(path.join(home, 'backup'), made);
    await switchOver(made);
    compare.expectSameFiles(await content(path.join(home, 'backup')), await content(path.join(home, 'uploads')));
    await switchBack(made);
    expect(await content(path.join(home, 'uploads'))).toEqual({});
  });

  it.runIf(mayMount)('a folder on another disk than the storage folder', async () => {
    tmpfs(path.join(home, 'disk'));
    seed(path.join(home, 'disk/uploads'));
    await expectRoundTrip(path.join(home, 'disk/uploads'), 'rename', path.join(home, 'disk'));
  });

  it.runIf(mayMount)('a mount point of a disk of its own', async () => {
    tmpfs(path.join(home, 'uploads'));
    seed(path.join(home, 'uploads'));
    await expectRoundTrip(path.join(home, 'uploads'), 'children', home);
  });

  it.runIf(mayMount)('a bind mount', async () => {
    seed(path.join(home, 'source'));
    mount(path.join(home, 'uploads'), '--bind', path.join(home, 'source'));
    await expectRoundTrip(path.join(home, 'uploads'), 'children', home);
  });

  it.runIf(mayMount)('a mount point with thousands of children', async () => {
    const [folder, names] = [path.join(home, 'uploads'), Array.from({ length: 3000 }, (_, n) => `file ${n}`)];
    tmpfs(folder);
    put(folder, names, 'live');
    const made = await planOf(folder);
    const before = await content(folder);
    put(await createStaged(made), names, 'backup');
    await switchOver(made);
    const after = await content(folder);
    expect(Object.keys(after)).toHaveLength(names.length);
    expect(fs.readFileSync(path.join(folder, 'file 2999'), 'utf8')).toBe('backup of file 2999');
    await switchBack(made);
    compare.expectSameFiles(before, await content(folder));
  });

  it('a folder into which a file is being written meanwhile: the file stays with its state', async () => {
    for (const mode of ['rename', 'children'] as const) {
      const folder = path.join(home, mode);
      put(folder, ['dir/other'], 'live');
      put(path.join(home, `backup ${mode}`), ['a'], 'backup');
      const made: FolderPlan = { folder, mode, id: 'abc123' };
      await stageFrom(path.join(home, `backup ${mode}`), made);
      const upload = fs.openSync(path.join(folder, 'dir/upload'), 'w');
      fs.writeSync(upload, 'first half, ');
      await switchOver(made);
      fs.writeSync(upload, 'second half');
      fs.closeSync(upload);
      expect(Object.keys(await content(folder))).toEqual(['a']);
      await switchBack(made);
      expect(fs.readFileSync(path.join(folder, 'dir/upload'), 'utf8')).toBe('first half, second half');
    }
  });
});

describe('merging', () => {
  it('keeps what a backup cannot contain: links, empty folders, names that are not UTF-8', async () => {
    const folder = path.join(home, 'uploads');
    seed(folder);
    put(path.join(home, 'backup'), ['a', 'only in the backup'], 'backup');
    const made = await planOf(folder);
    const before = await content(folder);
    await stageFrom(path.join(home, 'backup'), made);
    const carried = await carryOver(made, context);
    await carried.update(context);
    await switchOver(made);
    const wanted = { ...before, ...(await content(path.join(home, 'backup'))) };
    compare.expectSameFiles(wanted, await content(folder));
    await switchBack(made);
    compare.expectSameFiles(before, await content(folder));
  });
});

describe('the plan refuses what cannot be switched over, and nothing is touched:', () => {
  async function expectProblem(folder: string, reason: string, more: Partial<Site> = {}): Promise<void> {
    const { targets, problems } = await plan(folder, more);
    expect(targets).toEqual([]);
    expect(problems).toMatchObject([{ folder, reason: { text: reason } }]);
  }

  it.runIf(mayMount)('a folder that is mounted only for reading', async () => {
    seed(path.join(home, 'source'));
    mount(path.join(home, 'uploads'), '--bind', '-o', 'ro', path.join(home, 'source'));
    await expectProblem(path.join(home, 'uploads'), 'it is not writable');
  });

  it.runIf(mayMount)('a folder with something mounted inside of it', async () => {
    put(path.join(home, 'uploads'), ['a'], 'live');
    tmpfs(path.join(home, 'uploads/deep/inner disk'));
    await expectProblem(path.join(home, 'uploads'), 'it contains a mount point: {{mounted}}');
  });

  it('a folder outside of those for file storages, also by way of a link', async () => {
    fs.mkdirSync(path.join(home, 'allowed'));
    fs.mkdirSync(path.join(home, 'secret'));
    fs.symlinkSync('../secret', path.join(home, 'allowed/uploads'));
    const { problems } = await plan(path.join(home, 'allowed/uploads'), {
      allowedRoots: [path.join(home, 'allowed')],
    });
    expect(problems).toMatchObject([{ folder: path.join(home, 'secret') }]);
  });

  it.runIf(mayMount)(
    'as somebody who is not root: a folder only for reading; one below a folder only for reading moves child by child',
    async () => {
      const user = systemUser('nobody');
      if (!user) throw new Error('not root');
      fs.chmodSync(home, 0o755);
      for (const [parent, folder, modes] of [
        ['a', 'a/uploads', [0o755, 0o555]],
        ['b', 'b/uploads', [0o555, 0o755]],
        ['c', 'c/uploads', [0o755, 0o755]],
      ] as const) {
        fs.mkdirSync(path.join(home, folder), { recursive: true });
        for (const [index, one] of [parent, folder].entries()) {
          fs.chownSync(path.join(home, one), user.uid, user.gid);
          fs.chmodSync(path.join(home, one), modes[index] ?? 0);
        }
      }
      const outfile = path.join(home, 'roots.mjs');
      await build({
        entryPoints: ['src/engine/files/roots.ts'],
        outfile,
        bundle: true,
        platform: 'node',
        format: 'esm',
        logLevel: 'error',
      });
      const script = `import { switchoverModeOf } from ${JSON.stringify(outfile)};
      for (const one of ['a', 'b', 'c']) console.log(await switchoverModeOf(${JSON.stringify(home)} + '/' + one + '/uploads').catch((error) => error.code));`;
      const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
        ...user,
        cwd: '/',
        encoding: 'utf8',
      });
      expect(output.trim().split('\n')).toEqual(['FOLDER_NOT_WRITABLE', 'children', 'rename']);
    },
  );
});

describe.runIf(mayMount)('a whole app whose uploads are', () => {
  it.each(['a mount point', 'a link to a folder elsewhere', 'only for reading'])('%s', async (kind) => {
    const [storage, uploads] = [path.join(home, 'storage'), path.join(home, 'storage/uploads')];
    fs.mkdirSync(storage);
    if (kind === 'a link to a folder elsewhere') {
      fs.mkdirSync(path.join(home, 'elsewhere'));
      fs.symlinkSync(path.join(home, 'elsewhere'), uploads);
    } else tmpfs(uploads);
    const host = await startApp({ plugin: SafekeepPlugin, storage });
    try {
      const target = {
        dialect: 'sqlite',
        storage: path.join(storage, 'db/nocobase.sqlite'),
        tablePrefix: '',
        underscored: false,
      } as const;
      const picture = async () => ({
        files: await content(uploads),
        database: await compare.fingerprint(target, { ignoreRowsOf: [/^safekeep(Runs|Backups)$/, 'issuedTokens'] }),
      });
      put(uploads, NAMES, 'backed up');
      const before = await picture();
      const { name } = await makeBackup(host.root);
      put(uploads, [...NAMES.slice(2), 'newer'], 'changed');
      fs.rmSync(path.join(uploads, 'a'));
      await host.app.db.getRepository('roles').create({ values: { name: 'newer' } });
      const changed = await picture();
      if (kind === 'only for reading') {
        execFileSync('mount', ['-o', 'remount,ro', uploads]);
        await expect(makeRestore(host.root, { name })).rejects.toThrow(/not writable/);
        compare.expectSameFiles(changed.files, await content(uploads));
        compare.expectSame(changed.database, (await picture()).database);
        await makeRestore(host.root, { name, contents: ['database'] });
        compare.expectSame(before.database, (await picture()).database);
        compare.expectSameFiles(changed.files, await content(uploads));
        return;
      }
      const { id } = await makeRestore(host.root, { name });
      compare.expectSameFiles(before.files, (await picture()).files);
      compare.expectSame(before.database, (await picture()).database);
      const { runId } = await host.root.get('safekeepRuns:undo', { body: { filterByTk: id } });
      const undone: RunView = await endOfRun(host.root, runId);
      expect(undone.status).toBe('succeeded');
      compare.expectSameFiles(changed.files, (await picture()).files);
      compare.expectSame(changed.database, (await picture()).database);
    } finally {
      await host.stop();
    }
  });
});
