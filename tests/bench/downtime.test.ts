/**
 * `npm run bench`: how long the app is unavailable during a restore and during its undo, with little data and with much, for every
 * way to restore. Sizes by BENCH_SMALL_MB (default 10) and BENCH_LARGE_MB (default 1000); BENCH_WAYS picks ways by name.
 */
import path from 'node:path';
import sqlite3 from 'sqlite3';
import { afterAll, describe, expect, test } from 'vitest';
import { FILL_COLLECTION, gapOfApi, ROW_BYTES, rowSql } from './orders';
import { PreviousFile, slotsOnlyIn } from '../../src/engine/previous';
import { type RealHost, startRealHost } from '../support/real-host';
import { endOfRun } from '../support/safekeep';
import { freshDatabase, type FreshDatabase, type ServerDialect } from '../support/servers';

const SIZES_MB = [Number(process.env['BENCH_SMALL_MB'] ?? 10), Number(process.env['BENCH_LARGE_MB'] ?? 1000)];

interface Way {
  dialect: 'sqlite' | ServerDialect;
  strategy: string;
  mayCreateDatabases: boolean;
  prepare?: (database: FreshDatabase) => Promise<unknown>;
}

/** A schema of the server's administrator, as all had it before PostgreSQL 15. */
const lendSchema = async (database: FreshDatabase) => {
  await database.asAdmin('ALTER SCHEMA public OWNER TO CURRENT_USER');
  await database.asAdmin(`GRANT ALL ON SCHEMA public TO "${database.username}"`);
};

const WAYS: Way[] = [
  { dialect: 'sqlite', strategy: 'file', mayCreateDatabases: true },
  { dialect: 'postgres', strategy: 'database', mayCreateDatabases: true },
  { dialect: 'postgres', strategy: 'schema', mayCreateDatabases: false },
  { dialect: 'postgres', strategy: 'objects', mayCreateDatabases: false, prepare: lendSchema },
  { dialect: 'mariadb', strategy: 'tables', mayCreateDatabases: true },
  { dialect: 'mariadb', strategy: 'names', mayCreateDatabases: false },
];
const wanted = process.env['BENCH_WAYS']?.split(',');
const figures: string[] = [];

afterAll(() => console.log(['way, data: longest gap of the API in a restore, in its undo', ...figures].join('\n')));

describe.each(WAYS.filter(({ strategy }) => wanted?.includes(strategy) ?? true))('$dialect, $strategy', (way) => {
  test('downtime', { timeout: 3_600_000 }, async () => {
    const { dialect, strategy, mayCreateDatabases, prepare } = way;
    const database = dialect === 'sqlite' ? null : await freshDatabase(dialect, { mayCreateDatabases });
    if (database) await prepare?.(database);
    const host = await startRealHost({ database: database ?? 'sqlite' });
    try {
      await host.api.get('collections:create', { body: FILL_COLLECTION });
      let rows = 0;
      for (const megabytes of SIZES_MB) {
        const more = Math.round((megabytes * 1e6) / ROW_BYTES) - rows;
        await execute(host, rowSql(dialect, rows, more));
        rows += more;
        figures.push(`${dialect} ${strategy}, ${megabytes} MB: ${(await downtimes(host, strategy)).join(' ms, ')} ms`);
      }
    } finally {
      await host.stop();
      await database?.drop();
    }
  });
});

/** Restore and undo, milliseconds each. */
async function downtimes({ api, storage }: RealHost, strategy: string): Promise<number[]> {
  const backup = await api.get('safekeepBackups:create', { body: { contents: ['database'] } });
  expect((await endOfRun(api, backup.runId, 1_800_000)).status).toMatch(/^succeeded/);
  const restored = await gapOfApi(api, async () => {
    const { runId } = await api.get('safekeepBackups:restore', { body: { name: backup.backupName } });
    const run = await endOfRun(api, runId, 1_800_000);
    expect(run.status, JSON.stringify(run.error)).toMatch(/^succeeded/);
    const previous = await new PreviousFile(path.join(storage, 'safekeep/main/previous.json')).read();
    expect(slotsOnlyIn(previous, [runId as string]).database?.strategy).toBe(strategy);
    return runId as string;
  });
  const undone = await gapOfApi(api, async () => {
    const { runId } = await api.get(`safekeepRuns:undo?filterByTk=${restored.result}`, { method: 'POST' });
    const run = await endOfRun(api, runId, 1_800_000);
    expect(run.status, JSON.stringify(run.error)).toMatch(/^succeeded/);
  });
  await api.get(`safekeepBackups:destroy?filterByTk=${backup.backupName}`, { method: 'POST' });
  return [restored.worstMs, undone.worstMs];
}

async function execute({ database, storage }: RealHost, sql: string): Promise<void> {
  if (database) return void (await database.asAdmin(sql));
  const file = new sqlite3.Database(path.join(storage, 'db/nocobase.sqlite'));
  file.configure('busyTimeout', 60_000);
  await new Promise<void>((resolve, reject) => file.run(sql, (error) => (error ? reject(error) : resolve())));
  await new Promise<void>((resolve) => file.close(() => resolve()));
}
