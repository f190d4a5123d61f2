/** An unusable journal stops the app and touches nothing; once the file is repaired, the app starts. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Journal, JournalFile } from '../../src/engine/journal';
import { SafekeepError } from '../../src/engine/errors';
import SafekeepPlugin from '../../src/server';
import { startApp, type TestApp } from '../support/app';
import { expectSameState, startScene, type State } from '../support/bad-day';
import { removeFolder, temporaryFolder } from '../support/child';
import * as compare from '../support/compare';
import { makeBackup, makeRestore } from '../support/safekeep';

let storage: string;
let file: string;
let good: string;

beforeAll(async () => {
  storage = temporaryFolder('journals');
  const { host, root } = await startScene({ storage });
  // An app that acted on a wrong journal would roll this back.
  const { name } = await makeBackup(root);
  await root.get('things:create', { body: { title: 'third' } });
  let seen = '';
  const { remove } = JournalFile.prototype;
  JournalFile.prototype.remove = async function (this: JournalFile) {
    if (existsSync(this.file)) seen = readFileSync(this.file, 'utf8');
    await remove.call(this);
  };
  try {
    await makeRestore(root, { name });
  } finally {
    JournalFile.prototype.remove = remove;
  }
  expect(JSON.parse(seen)).toMatchObject({ format: 2, state: 'switched over', direction: 'restore' });
  good = seen;
  await host.stop({ keepData: true });
  file = path.join(storage, 'safekeep/main/journal.json');
});
afterAll(() => removeFolder(storage));

const database = () => path.join(storage, 'db/nocobase.sqlite');

async function look(): Promise<State> {
  const target = { dialect: 'sqlite', storage: database(), tablePrefix: '', underscored: false } as const;
  return {
    database: await compare.fingerprint(target, {}),
    // Everything below the storage folder: inactive slots, the journal and the database's own file included.
    files: await compare.fingerprintFolder(storage),
  };
}

const start = async (): Promise<TestApp> => await startApp({ plugin: SafekeepPlugin, storage, install: false });

const changed = (change: (journal: Journal) => object) => () => {
  const journal = JSON.parse(good) as Journal;
  // Nobody is at work on it.
  return JSON.stringify(change({ ...journal, owner: { ...journal.owner, pid: 1, started: '0' } }));
};

it.each<[string, () => string | Buffer, string, RegExp, RegExp]>([
  ['garbage', () => Buffer.from([0, 255, 128, 10, 7]), 'JOURNAL_UNREADABLE', /JSON/, /recovery\.md/],
  ['empty', () => '', 'JOURNAL_UNREADABLE', /JSON/, /recovery\.md/],
  ['cut', () => good.slice(0, good.length >> 1), 'JOURNAL_UNREADABLE', /JSON/, /recovery\.md/],
  ['of another make', () => '{"format":2,"hello":"world"}', 'JOURNAL_UNREADABLE', /runId|database/, /recovery\.md/],
  [
    'of a future format',
    changed((journal) => ({ ...journal, format: 3 })),
    'JOURNAL_UNREADABLE',
    /its format is 3, this version supports 2/,
    /Update Safekeep/,
  ],
  [
    'for another database',
    changed((journal) => ({ ...journal, place: { ...journal.place, storage: '/elsewhere/nocobase.sqlite' } })),
    'JOURNAL_ELSEWHERE',
    /storage \/elsewhere\/nocobase\.sqlite.*storage .*db\/nocobase\.sqlite/,
    /Configure the app for the database of the journal/,
  ],
])('a journal that is %s', async (_what, content, code, message, hint) => {
  writeFileSync(file, content());
  const before = await look();
  for (const attempt of ['first', 'second']) {
    const error: unknown = await start().then(
      async (host) => {
        await host.stop({ keepData: true });
        return null;
      },
      (reason: unknown) => reason,
    );
    expect(error, `the ${attempt} start`).toBeInstanceOf(SafekeepError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string });
    expect((error as SafekeepError).message).toContain(file);
    expect((error as SafekeepError).hint).toMatch(hint);
    expectSameState(before, await look());
  }

  const inactive = `${file}.aside`;
  renameSync(file, inactive);
  const host = await start();
  try {
    const titles = (await host.root.get('things:list?sort=id')).map(({ title }: { title: string }) => title);
    expect(titles).toEqual(['first', 'second']);
    const { database: rows } = await look();
    compare.expectSame(withoutOwn(before.database), withoutOwn(rows));
  } finally {
    await host.stop({ keepData: true });
    renameSync(inactive, path.join(storage, 'no journal'));
  }
});

/** Tables that a start and a login write. */
function withoutOwn({ tables, schema }: compare.Fingerprint): compare.Fingerprint {
  const own = /^(issuedTokens|safekeep(Runs|Backups))$/;
  return { tables: Object.fromEntries(Object.entries(tables).filter(([name]) => !own.test(name))), schema };
}
