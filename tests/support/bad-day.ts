/** A NocoBase with something to lose, and the eye that sees whether a bad day has cost any of it. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { HostApi } from '../../scripts/host-api.mjs';
import SafekeepPlugin from '../../src/server';
import { housekeep } from '../../src/server/runs/previous';
import { Safekeep } from '../../src/server/safekeep';
import type { ApiError, RunView } from '../../src/shared/runs';
import { startApp, type TestApp, type TestAppOptions } from './app';
import * as compare from './compare';
import { append, endOfRun } from './safekeep';
import { targetOf } from './zoo/target';

export type Reply = Awaited<ReturnType<HostApi['call']>>;

/** Tables that logins and Safekeep's own lists write. */
const OWN_ROWS = [/(^|\.)safekeep(Runs|Backups)$/, /(^|\.)issuedTokens$/];
/** What a run that failed must not leave anywhere below the storage folder. */
const LEFTOVER = /\.partial$|\.tmp$|safekeep-[a-z0-9]+\.|^journal\.json$/;

const A_YEAR_MS = 365 * 24 * 3600_000;

/** Rows, definitions and files, by hash. */
export interface State {
  database: compare.Fingerprint;
  files: compare.FolderFingerprint;
}

/** Both are one state, to the last byte. */
export function expectSameState(wanted: State, found: State): void {
  compare.expectSame(wanted.database, found.database);
  compare.expectSameFiles(wanted.files, found.files);
}

export interface Scene {
  readonly host: TestApp;
  /** Signed in as root. */
  readonly root: HostApi;
  readonly uploads: string;
  /** Where the archives lie. */
  readonly backups: string;
  /** What is there now, by hash. */
  look(): Promise<State>;
  /** Takes what is there now as what must stay. */
  remember(): Promise<void>;
  /** Rows, definitions and files are those remembered, nothing lies around, and the app serves. */
  expectUntouched(): Promise<void>;
  /** The same without looking for leftovers. */
  expectUntouchedData(): Promise<void>;
  /** Discards what successful restores keep for an undo. */
  forgetPrevious(): Promise<void>;
}

export async function startScene(options: Omit<TestAppOptions, 'plugin'> = {}): Promise<Scene> {
  const host = await startApp({ plugin: SafekeepPlugin, ...options });
  const { root, storage } = host;
  const uploads = path.join(storage, 'uploads');
  mkdirSync(path.join(uploads, 'deep'), { recursive: true });
  writeFileSync(path.join(uploads, 'deep/one.txt'), 'one');
  writeFileSync(path.join(uploads, 'two.bin'), Buffer.alloc(20_000, 'two '));
  await root.get('collections:create', {
    body: { name: 'things', title: 'Things', fields: [{ name: 'title', type: 'string', interface: 'input' }] },
  });
  for (const title of ['first', 'second']) await root.get('things:create', { body: { title } });

  const target = { ...targetOf(host), ...options.databaseOptions };
  const look = async (): Promise<State> => ({
    database: await compare.fingerprint(target, { ignoreRowsOf: OWN_ROWS }),
    files: await compare.fingerprintFolder(uploads),
  });
  let before: State | null = null;
  return {
    host,
    root,
    uploads,
    backups: path.join(storage, 'safekeep/main/backups'),
    look,
    remember: async () => {
      before = await look();
    },
    expectUntouchedData: async () => {
      if (!before) throw new Error('remember() comes first');
      expectSameState(before, await look());
    },
    expectUntouched: async () => {
      if (!before) throw new Error('remember() comes first');
      expectSameState(before, await look());
      expect(await leftovers(host)).toEqual([]);
      expect(await root.get('things:list?sort=id')).toMatchObject([{ title: 'first' }, { title: 'second' }]);
    },
    forgetPrevious: async () => {
      const safekeep = Safekeep.of(host.app);
      await safekeep.runs.idle();
      await housekeep(safekeep, new Date(Date.now() + A_YEAR_MS));
    },
  };
}

/** Everything a run or an upload has left, by name. */
async function leftovers({ storage, database }: TestApp): Promise<string[]> {
  const files = readdirSync(storage, { recursive: true, encoding: 'utf8' }).filter((file) => {
    return LEFTOVER.test(path.basename(file)) || path.dirname(file) === path.join('safekeep/main/uploads');
  });
  if (!database) return files;
  const databases =
    database.dialect === 'postgres'
      ? `SELECT datname AS name FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE r.rolname = '${database.username}'`
      : `SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name LIKE '${database.database}%'`;
  const names = (await database.asAdmin(databases)).map(({ name }) => String(name));
  return [...files, ...names.filter((name) => name !== database.database)];
}

/** The answer is this refusal, in the shape every refusal has. */
export function expectRefusal(reply: Reply, status: number, code: string): ApiError {
  expect({ status: reply.status, code: codeOf(reply) }, JSON.stringify(reply.body)).toEqual({ status, code });
  const [error] = reply.body.errors as ApiError[];
  return expectTold(error);
}

export function codeOf(reply: Reply): string | undefined {
  return (reply.body as { errors?: ApiError[] }).errors?.[0]?.code;
}

/** The run has failed for this reason. */
export function expectFailed(run: RunView, code: string): ApiError {
  expect({ status: run.status, code: run.error?.code }, JSON.stringify(run.error)).toEqual({
    status: code === 'CANCELLED' ? 'cancelled' : 'failed',
    code,
  });
  expect(run.finishedAt).not.toBeNull();
  return expectTold(run.error);
}

/** Message and hint are there and every place in them is filled. */
function expectTold(error: ApiError | null | undefined): ApiError {
  expect(error?.message.length).toBeGreaterThan(10);
  expect(error?.hint.length).toBeGreaterThan(5);
  expect(`${error?.message} ${error?.hint}`).not.toMatch(/\{\{|\[object/);
  if (error?.code !== 'BAD_REQUEST') expect(`${error?.message} ${error?.hint}`).not.toMatch(/undefined|NaN/);
  return error as ApiError; // Expected right above.
}

/** Starts a run and waits for its end, however it goes. */
export async function runToEnd(root: HostApi, action: string, body: object): Promise<RunView> {
  const { runId } = await root.get(action, { body });
  return await endOfRun(root, runId);
}

/** Sends a file in one chunk and finishes the upload; the answer whatever its status. */
export async function tryUpload(root: HostApi, bytes: Buffer): Promise<Reply & { uploadId: string }> {
  const body = { fileName: 'from elsewhere.safekeep.zip', bytes: bytes.length };
  const { uploadId } = await root.get('safekeepBackups:uploadStart', { body });
  const { status } = await append(root, uploadId, 0, bytes);
  expect(status).toBe(200);
  return { uploadId, ...(await root.call('safekeepBackups:uploadFinish', { body: { uploadId } })) };
}

/** Handles many items, a few at a time, and returns the answers in order. */
export async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const waiting = items.entries();
  const worker = async () => {
    for (const [at, item] of waiting) results[at] = await work(item);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return results;
}
