import { describe, expect, it } from 'vitest';
import type { DatabaseFacts, Manifest } from '../shared/manifest';
import type { Content } from '../shared/runs';
import { readableBytes } from './bytes';
import { type ArchiveFacts, type Check, compatibilityOf, type CurrentSite, requireCompatible } from './compatibility';
import type { ToolReport } from './databases/driver';
import type { SafekeepError } from './errors';
import { fill } from './messages';

const facts: DatabaseFacts = {
  dialect: 'postgres',
  flavour: 'postgres',
  serverVersion: '15.4',
  underscored: false,
  tablePrefix: '',
  schema: 'public',
  encoding: 'UTF8',
  collation: 'en_US.UTF-8',
  timeZone: 'UTC',
  extensions: [],
  roles: [],
  dataBytes: 1000,
};

type Both = { manifest: Manifest; database: NonNullable<Manifest['database']>; current: CurrentSite };

/** A backup and an app that fit, and what a test changes about them. */
function tableOf(change: (both: Both) => void = () => undefined, contents: Content[] = ['database', 'files']): Check[] {
  const database = { ...facts, tool: { name: 'pg_dump', version: '15.4' }, parts: ['dump.pgdump'], tables: [] };
  const app = { name: 'main', version: '2.2.15', plugins: [{ name: 'a', version: '1.2.0' }] };
  const manifest: Manifest = {
    format: 1,
    name: 'main_20260102T030405Z_abcdef',
    createdAt: '2026-01-02T03:04:05.000Z',
    app,
    contents: ['database', 'files'],
    note: '',
    trigger: 'manual',
    database,
    files: { roots: [], missing: 0 },
    keyFingerprints: { APP_KEY: 'aa', aes_key: 'bb' },
    entries: { count: 0, bytes: 0, sha256: '' },
    warnings: 0,
  };
  const planning = { plan: null, blockers: [], warnings: [], summary: { text: '' }, downtime: { text: '' } };
  const current: CurrentSite = {
    app: structuredClone(app),
    database: structuredClone(facts),
    tools: [],
    planning,
    keyFingerprints: { ...manifest.keyFingerprints },
    space: [{ folder: '/srv/uploads', needed: 100, free: 1000 }],
    folders: { problems: [], moved: [], shared: [] },
    discards: null,
    archive: { source: 'listed', verified: null },
  };
  change({ manifest, database, current });
  return compatibilityOf(manifest, current, contents);
}

const nothing = { acceptWarnings: [], discard: [] };
const statusesOf = (checks: Check[]) => Object.fromEntries(checks.map(({ code, status }) => [code, status]));
const textOf = ({ backup, current, remedy }: Check) =>
  [backup, current, remedy].map(({ text, params }) => fill(text, params));
const misfits = (checks: Check[]) => checks.filter(({ status }) => status !== 'ok');

describe('a backup that fits', () => {
  it('is compatible line by line, without a remedy', () => {
    const checks = tableOf();
    expect(Object.keys(statusesOf(checks))).toEqual([
      ...['archive', 'dialect', 'underscored', 'tablePrefix', 'schema', 'databaseVersion', 'encoding', 'collation'],
      ...['appVersion', 'plugins', 'keys', 'freeSpace'],
    ]);
    expect(misfits(checks)).toEqual([]);
    for (const check of checks.slice(1)) expect(textOf(check)[2], check.code).toBe('');
    expect(() => requireCompatible(checks, [], nothing)).not.toThrow();
  });

  it('is judged by what is chosen from it only', () => {
    const changed = ({ manifest, database }: Both) => {
      database.dialect = 'mysql';
      manifest.app.version = '99.0.0';
    };
    expect(statusesOf(tableOf(changed, ['files']))).toEqual({ archive: 'ok', freeSpace: 'ok' });
    expect(misfits(tableOf(changed, ['database']))).not.toEqual([]);
  });
});

describe('each incompatibility is reported with both sides and a remedy:', () => {
  const CASES: [
    what: string,
    code: string,
    status: 'warning' | 'blocking',
    expected: RegExp,
    change: (both: Both) => void,
  ][] = [
    [
      'another dialect',
      'dialect',
      'blocking',
      /^mysql\|postgres\|.*DB_DIALECT is mysql/,
      ({ database }) => (database.dialect = 'mysql'),
    ],
    [
      'the other underscored',
      'underscored',
      'blocking',
      /^true\|false\|.*DB_UNDERSCORED=true/,
      ({ database }) => (database.underscored = true),
    ],
    [
      'another table prefix',
      'tablePrefix',
      'blocking',
      /^nb_\|–\|.*DB_TABLE_PREFIX=nb_/,
      ({ database }) => (database.tablePrefix = 'nb_'),
    ],
    [
      'no table prefix',
      'tablePrefix',
      'blocking',
      /^–\|nb_\|/,
      ({ current }) => (current.database.tablePrefix = 'nb_'),
    ],
    [
      'another schema',
      'schema',
      'blocking',
      /^sales\|public\|.*DB_SCHEMA=sales/,
      ({ database }) => (database.schema = 'sales'),
    ],
    [
      'a newer database server',
      'databaseVersion',
      'blocking',
      /postgres 16\.1\|postgres 15\.4\|.*16\.1 or newer/,
      ({ database }) => (database.serverVersion = '16.1'),
    ],
    [
      'another character set',
      'encoding',
      'blocking',
      /^SQL_ASCII\|UTF8\|.+SQL_ASCII/,
      ({ database }) => (database.encoding = 'SQL_ASCII'),
    ],
    ['another sorting', 'collation', 'warning', /^C\|en_US.UTF-8\|.+ C/, ({ database }) => (database.collation = 'C')],
    [
      'a newer NocoBase',
      'appVersion',
      'blocking',
      /2\.2\.16\|NocoBase 2\.2\.15\|.*2\.2\.16 or newer/,
      ({ manifest }) => (manifest.app.version = '2.2.16'),
    ],
    [
      'an unknown version of NocoBase',
      'appVersion',
      'blocking',
      /strange/,
      ({ manifest }) => (manifest.app.version = 'strange'),
    ],
    [
      'a missing plugin',
      'plugins',
      'warning',
      /^b 3\.0\.0\|missing: b 3\.0\.0\|Install/,
      ({ manifest }) => manifest.app.plugins.push({ name: 'b', version: '3.0.0' }),
    ],
    [
      'an older plugin',
      'plugins',
      'warning',
      /^a 1\.3\.0\|older: a 1\.2\.0\|.*update/,
      ({ manifest }) => (manifest.app.plugins = [{ name: 'a', version: '1.3.0' }]),
    ],
    [
      'another key',
      'keys',
      'warning',
      /APP_KEY, aes_key\|different: aes_key\|Copy/,
      ({ current }) => (current.keyFingerprints.aes_key = 'cc'),
    ],
    [
      'a key that is not known here',
      'keys',
      'warning',
      /different: aes_key/,
      ({ current }) => void delete current.keyFingerprints.aes_key,
    ],
    [
      'too little space',
      'freeSpace',
      'blocking',
      /5\.0 GB needed\|1\.0 kB free in \/srv\/uploads\|Free some/,
      ({ current }) => (current.space = [{ folder: '/srv/uploads', needed: 5e9, free: 1000 }]),
    ],
    [
      'a folder that cannot be replaced',
      'fileFolders',
      'blocking',
      /^\/etc\|it is not for file storages\|Name it/,
      ({ current }) =>
        current.folders.problems.push({
          folder: '/etc',
          reason: { text: 'it is not for file storages' },
          remedy: { text: 'Name it' },
        }),
    ],
    [
      'file storages that have another folder here',
      'fileFolders',
      'warning',
      /^\/there\|\/here\|The files are restored to/,
      ({ current }) => current.folders.moved.push({ there: '/there', here: '/here' }),
    ],
    [
      'a client tool that is missing',
      'tools',
      'blocking',
      /pg_restore is missing\|Install it with: apt-get install x/,
      ({ current }) => current.tools.push(tool('missing', null)),
    ],
    [
      'a client tool that is too old',
      'tools',
      'blocking',
      /pg_restore 9\.6 is too old\|Install it with: apt-get install x/,
      ({ current }) => current.tools.push(tool('too old', '9.6')),
    ],
    [
      'a database that cannot be replaced',
      'strategy',
      'blocking',
      /no way\|this way/,
      ({ current }) => current.planning?.blockers.push({ reason: { text: 'no way' }, remedy: { text: 'this way' } }),
    ],
    [
      'a warning of the database',
      'roles',
      'warning',
      /^sales\|–\|Create/,
      ({ current }) =>
        current.planning?.warnings.push({
          code: 'roles',
          backup: 'sales',
          current: '–',
          remedy: { text: 'Create them' },
        }),
    ],
  ];

  function tool(status: ToolReport['status'], version: string | null): ToolReport {
    return { name: 'pg_restore', path: null, version, status, install: 'apt-get install x' };
  }

  it.each(CASES)('%s', (_what, code, status, expected, change) => {
    const checks = tableOf(change);
    const [check, ...more] = misfits(checks);
    expect(more).toEqual([]);
    expect([check?.code, check?.status]).toEqual([code, status]);
    const text = check ? textOf(check).join('|') : '';
    expect(text).toMatch(expected);
    expect(text).not.toContain('{{');
    const refusal = status === 'blocking' ? 'INCOMPATIBLE' : 'WARNINGS_NOT_ACCEPTED';
    expect(() => requireCompatible(checks, [], nothing)).toThrow(
      expect.objectContaining({ code: refusal }) as SafekeepError,
    );
    const accepting = () =>
      requireCompatible(checks, [], { ...nothing, acceptWarnings: checks.map((one) => one.code) });
    if (status === 'warning') expect(accepting).not.toThrow();
    else expect(accepting).toThrow(expect.objectContaining({ code: 'INCOMPATIBLE' }) as SafekeepError);
  });
});

describe('what is no misfit:', () => {
  it.each<[string, (both: Both) => void]>([
    ['a newer NocoBase here', ({ current }) => (current.app.version = '2.10.0')],
    [
      'a released version where the backup’s was a preview of it',
      ({ manifest }) => (manifest.app.version = '2.2.15-beta.3'),
    ],
    ['a newer database server here', ({ current }) => (current.database.serverVersion = '17.0')],
    ['an older patch of the database server here', ({ current }) => (current.database.serverVersion = '15.1')],
    ['a newer plugin here', ({ current }) => (current.app.plugins = [{ name: 'a', version: '1.10.0' }])],
    ['a plugin that only this app has', ({ current }) => current.app.plugins.push({ name: 'z', version: '1.0.0' })],
    ['a key that only this app has', ({ current }) => (current.keyFingerprints.other = 'x')],
    ['a time zone or roles that differ', ({ database }) => (database.timeZone = 'Asia/Tokyo')],
  ])('%s', (_what, change) => {
    expect(misfits(tableOf(change))).toEqual([]);
  });
});

it('another dialect ends the comparison of the databases', () => {
  const checks = tableOf(({ database }) => Object.assign(database, { dialect: 'mysql', flavour: 'mysql', schema: '' }));
  expect(misfits(checks).map(({ code }) => code)).toEqual(['dialect']);
});

describe('MySQL and MariaDB', () => {
  const versions = (backup: string, current: string, flavours: ['mysql' | 'mariadb', 'mysql' | 'mariadb']) =>
    statusesOf(
      tableOf(({ database, current: here }) => {
        Object.assign(database, { dialect: 'mysql', flavour: flavours[0], serverVersion: backup });
        Object.assign(here.database, { dialect: 'mysql', flavour: flavours[1], serverVersion: current });
      }),
    ).databaseVersion;

  it.each([
    ['8.0.39', '8.0.1', 'ok'],
    ['8.0.39', '8.4.0', 'ok'],
    ['8.4.0', '8.0.39', 'blocking'],
    ['8.0.1', '5.7.44', 'blocking'],
    ['10.11.6', '10.6.9', 'blocking'],
    ['10.6.9', '10.11.6', 'ok'],
  ])('differ by their minor version too: from %s to %s is %s', (backup, current, expected) => {
    expect(versions(backup, current, ['mysql', 'mysql'])).toBe(expected);
  });

  it('are a warning for each other', () => {
    expect(versions('8.0.39', '10.11.6', ['mysql', 'mariadb'])).toBe('warning');
    expect(versions('10.11.6', '8.0.39', ['mariadb', 'mysql'])).toBe('warning');
  });
});

it('the first folder with too little space is reported', () => {
  const checks = tableOf(({ current }) => {
    current.space = [
      { folder: '/one', needed: 10, free: 100 },
      { folder: '/two', needed: 200, free: 100 },
    ];
  });
  expect(misfits(checks).map((check) => textOf(check)[1])).toEqual(['100 B free in /two']);
});

it('sizes are reported in decimal units', () => {
  expect([0, 999, 1000, 1_500_000, 2e9, 3.25e12, 9e18].map(readableBytes)).toEqual([
    ...['0 B', '999 B', '1.0 kB', '1.5 MB', '2.0 GB', '3.3 TB', '9000000.0 TB'],
  ]);
});

describe('the archive itself comes first:', () => {
  const verified = (result: 'restorable' | 'bytes only' | 'failed') => {
    return { at: '2026-11-20T02:00:00.000Z', runId: 'r', result, detail: { text: '' } };
  };
  it.each<[ArchiveFacts, Check['status'], RegExp]>([
    [{ source: 'listed', verified: null }, 'ok', /never verified.*Verify it first/],
    [{ source: 'listed', verified: verified('restorable') }, 'ok', /^\|verified\|$/],
    [{ source: 'listed', verified: verified('bytes only') }, 'ok', /not loaded/],
    [{ source: 'listed', verified: verified('failed') }, 'blocking', /verification failed.*another backup/],
    [{ source: 'replaced', verified: verified('restorable') }, 'blocking', /not the archive.*Rescan/],
    [{ source: 'uploaded', verified: null }, 'ok', /uploaded/],
  ])('%o', (archive, status, expected) => {
    const [check] = tableOf(({ current }) => (current.archive = archive));
    expect(check).toMatchObject({ code: 'archive', status });
    expect(check ? textOf(check).join('|') : '').toMatch(expected);
  });
});

describe('previous data in the way', () => {
  const short = ({ current }: Both) => {
    current.space = [{ folder: '/srv/uploads', needed: 1000, free: 10 }];
    current.discards = ['R2'];
  };

  it('is discarded only when each of it is named', () => {
    const checks = tableOf(short);
    expect(statusesOf(checks)).toMatchObject({ freeSpace: 'warning' });
    const refusal = expect.objectContaining({ code: 'PREVIOUS_AT_RISK' }) as SafekeepError;
    expect(() => requireCompatible(checks, ['R2'], nothing)).toThrow(refusal);
    expect(() => requireCompatible(checks, ['R2'], { acceptWarnings: ['freeSpace'], discard: ['R1'] })).toThrow(
      refusal,
    );
    expect(() => requireCompatible(checks, ['R2'], { acceptWarnings: [], discard: ['R2'] })).not.toThrow();
  });
});
