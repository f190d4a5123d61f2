/**
 * `npm run bench`: one backup and one restore of a large NocoBase on PostgreSQL, compared with the time of the client tools for
 * the same data. Sizes by BENCH_ROWS (default 2,000,000: about 1 GB) and BENCH_FILES_MB (default 400).
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findProgram, temporaryFolder, versionedFolders } from '../support/child';
import { type PostgresServer, startPostgres } from '../support/postgres';
import { type RealHost, startRealHost } from '../support/real-host';
import { endOfRun } from '../support/safekeep';
import type { FreshDatabase } from '../support/servers';

const ROWS = Number(process.env['BENCH_ROWS'] ?? 2_000_000);
const FILES_MB = Number(process.env['BENCH_FILES_MB'] ?? 400);
const MB = 1e6;

let server: PostgresServer;
let host: RealHost;
let database: FreshDatabase;
const figures: Record<string, string> = {};

beforeAll(async () => {
  server = await startPostgres({ durable: true });
  const { port, superuser: username, password } = server;
  const asAdmin = async (sql: string, name = 'bench') => {
    const client = new pg.Client({ host: server.host, port, user: username, password, database: name });
    await client.connect();
    return await client.query<Record<string, unknown>>(sql).then(
      ({ rows }) => client.end().then(() => rows),
      (error: Error) => client.end().then(() => Promise.reject(error)),
    );
  };
  await asAdmin('CREATE DATABASE bench', 'postgres');
  const drop = () => Promise.resolve();
  database = { dialect: 'postgres', host: server.host, port, username, password, database: 'bench', asAdmin, drop };
  host = await startRealHost({ database });
  await host.api.get('collections:create', {
    body: {
      name: 'orders',
      title: 'Orders',
      fields: [
        { name: 'id', type: 'bigInt', autoIncrement: true, primaryKey: true, interface: 'id' },
        { name: 'customer', type: 'string', interface: 'input' },
        { name: 'notes', type: 'text', interface: 'textarea' },
        { name: 'amount', type: 'decimal', interface: 'number' },
        { name: 'details', type: 'json', interface: 'json' },
      ],
    },
  });
  const notes = Array.from({ length: 9 }, (_, n) => `md5((g * ${n + 7})::text)`).join(" || ' ' || ");
  await asAdmin(`INSERT INTO orders (customer, notes, amount, details)
    SELECT 'Customer ' || g % 5000, ${notes}, (g % 100000) / 100.0,
      json_build_object('line', g, 'sku', md5(g::text), 'paid', g % 3 = 0)
    FROM generate_series(1, ${ROWS}) g`);
  await asAdmin('CREATE INDEX orders_customer ON orders (customer)');
  await asAdmin('ANALYZE');
  const uploads = path.join(host.storage, 'uploads');
  mkdirSync(uploads, { recursive: true });
  for (let n = 0; n < FILES_MB; n++) writeFileSync(path.join(uploads, `photo-${n}.jpg`), randomBytes(MB));
  figures['data'] = `${ROWS} rows, database ${await databaseMegabytes('bench')} MB, ${FILES_MB} files of 1 MB`;
}, 900_000);

afterAll(async () => {
  await host?.stop();
  await server?.stop();
  console.log(
    Object.entries(figures)
      .map(([name, value]) => `${name.padEnd(34)} ${value}`)
      .join('\n'),
  );
});

test('a large site is backed up and restored', { timeout: 1_800_000 }, async () => {
  const backup = await measured('backup', async () => {
    const { runId, backupName } = await host.api.get('safekeepBackups:create', { body: {} });
    const run = await endOfRun(host.api, runId, 1_200_000);
    expect(run.status, JSON.stringify(run.error)).toBe('succeeded');
    return backupName as string;
  });
  const { bytes } = await host.api.get(`safekeepBackups:get?filterByTk=${backup}`);
  figures['archive size'] = `${(bytes / MB).toFixed(0)} MB`;
  await database.asAdmin('DELETE FROM orders WHERE id % 2 = 0');
  await measured('restore', async () => {
    const { runId } = await host.api.get('safekeepBackups:restore', { body: { name: backup } });
    const run = await endOfRun(host.api, runId, 1_200_000);
    expect(run.status, JSON.stringify(run.error)).toBe('succeeded');
  });
  const [counted] = await database.asAdmin('SELECT count(*)::int AS n FROM orders');
  expect(counted?.['n']).toBe(ROWS);
});

test('the native tools on the same data', { timeout: 1_800_000 }, async () => {
  const folder = temporaryFolder('bench');
  const bin = versionedFolders('/usr/lib/postgresql', 'bin');
  const env = { ...process.env, PGHOST: server.host, PGPORT: String(server.port), PGUSER: server.superuser };
  const run = (name: string, program: string, args: string[]) => {
    const started = performance.now();
    const { status, stderr } = spawnSync(program, args, { env: { ...env, PGPASSWORD: server.password } });
    expect(status, String(stderr)).toBe(0);
    figures[name] = `${((performance.now() - started) / 1000).toFixed(1)} s`;
  };
  const dump = path.join(folder, 'bench.dump');
  run('pg_dump -Fc (default level)', findProgram(['pg_dump'], bin, ''), ['-Fc', '-f', dump, 'bench']);
  figures['pg_dump -Fc size'] = `${(statSync(dump).size / MB).toFixed(0)} MB`;
  run('tar of the uploads', 'tar', ['-cf', path.join(folder, 'uploads.tar'), '-C', host.storage, 'uploads']);
  await database.asAdmin('CREATE DATABASE bench_native', 'postgres');
  run('pg_restore', findProgram(['pg_restore'], bin, ''), ['-d', 'bench_native', dump]);
  rmSync(folder, { recursive: true });
});

/** Runs the work while a client polls the API, and notes wall time, downtime, disk and memory. */
async function measured<T>(name: string, work: () => Promise<T>): Promise<T> {
  const diskBefore = await diskMegabytes();
  const memoryBefore = residentMegabytes();
  let [peakDisk, peakMemory, worstMs, slowestMs, stop] = [diskBefore, memoryBefore, 0, 0, false];
  const poll = (async () => {
    let lastGood = performance.now();
    while (!stop) {
      const asked = performance.now();
      const good = await host.api.call('users:list?pageSize=1').then(
        ({ status }) => status === 200,
        () => false,
      );
      const now = performance.now();
      if (good) {
        slowestMs = Math.max(slowestMs, now - asked);
        worstMs = Math.max(worstMs, now - lastGood);
        lastGood = now;
      }
      peakMemory = Math.max(peakMemory, residentMegabytes());
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const watchDisk = (async () => {
    while (!stop) {
      peakDisk = Math.max(peakDisk, await diskMegabytes());
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  })();
  const started = performance.now();
  const result = await work();
  figures[`${name}: wall time`] = `${((performance.now() - started) / 1000).toFixed(1)} s`;
  stop = true;
  await Promise.all([poll, watchDisk]);
  figures[`${name}: longest gap of the API`] = `${worstMs.toFixed(0)} ms (slowest answer ${slowestMs.toFixed(0)} ms)`;
  figures[`${name}: extra disk at peak`] = `${(peakDisk - diskBefore).toFixed(0)} MB`;
  figures[`${name}: extra disk afterwards`] = `${((await diskMegabytes()) - diskBefore).toFixed(0)} MB`;
  figures[`${name}: server memory`] = `${memoryBefore} MB before, ${peakMemory} MB at peak`;
  return result;
}

/** All databases of the server (without its write-ahead log) and the host's storage folder. */
async function diskMegabytes(): Promise<number> {
  const sql = 'SELECT sum(pg_database_size(oid))::bigint AS bytes FROM pg_database';
  const [row] = await database.asAdmin(sql, 'postgres');
  return Number(row?.['bytes'] ?? 0) / MB + folderMegabytes(host.storage);
}

async function databaseMegabytes(name: string): Promise<string> {
  const [row] = await database.asAdmin(`SELECT pg_database_size('${name}') AS bytes`, 'postgres');
  return (Number(row?.['bytes']) / MB).toFixed(0);
}

function folderMegabytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    bytes += statSync(path.join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes / MB;
}

function residentMegabytes(): number {
  const status = readFileSync(`/proc/${host.pid()}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1000);
}
