/** `npm run reach`: on every server and with every strategy, a backup is verified, restored, undone and redone, to the last row. */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TOOLS_PATH_VARIABLE } from '../../src/engine/databases/tools';
import { expectSame, fingerprint, type Fingerprint } from '../support/compare';
import { removeFolder, temporaryFolder } from '../support/child';
import { COMPARE_TOOLS_VARIABLE } from '../support/compare/postgres';
import { anyKeyNames } from '../support/mysql-driver';
import type { Slots } from '../../src/engine/moves';
import { strategiesOf, type Strategy, type Subject, subjectFor } from './content';
import { Engine } from './engine';
import { type ReachServer, type ServerKind, SERVERS } from './servers';

const STEPS = ['backup', 'verify', 'restore', 'undo', 'redo', 'saved', 'upgrade'] as const;
type Step = (typeof STEPS)[number];

interface Row {
  server: string;
  client: string;
  strategy: Strategy;
  steps: Partial<Record<Step, string>>;
  seconds: number;
}
const table: Row[] = [];

/** Of each family and strategy, the archive that the server before has made, and what it holds. */
const older = new Map<string, { archive: string; from: string; picture: Fingerprint }>();
const folder = temporaryFolder('reach');

afterAll(() => {
  removeFolder(folder);
  process.stdout.write(`\n${markdown(table)}\n\n`);
});

describe.each(SERVERS)('$name', (kind) => {
  let server: ReachServer;
  beforeAll(async () => {
    server = await kind.start();
    process.env[TOOLS_PATH_VARIABLE] = server.tools;
    process.env[COMPARE_TOOLS_VARIABLE] = server.tools;
  });
  afterAll(async () => {
    delete process.env[TOOLS_PATH_VARIABLE];
    delete process.env[COMPARE_TOOLS_VARIABLE];
    await server?.stop();
  });

  it.each(strategiesOf(kind.family))('%s', async (strategy) => {
    const row: Row = { server: kind.name, client: '', strategy, steps: {}, seconds: 0 };
    table.push(row);
    const started = performance.now();
    const step = async <T>(name: Step, work: () => Promise<T>): Promise<T> => {
      row.steps[name] = 'failed';
      const result = await work();
      row.steps[name] = 'ok';
      return result;
    };
    const subject = await subjectFor(kind, strategy, server.address);
    try {
      await tryOut(kind, strategy, subject, row, step);
    } finally {
      row.seconds = Math.round((performance.now() - started) / 1000);
      await subject.database.drop();
    }
  });
});

type DoStep = <T>(name: Step, work: () => Promise<T>) => Promise<T>;

async function tryOut(kind: ServerKind, strategy: Strategy, subject: Subject, row: Row, step: DoStep): Promise<void> {
  const { connection, scope } = subject;
  const engine = new Engine(connection, scope, path.join(folder, `${kind.name} ${strategy}`));
  const facts = await engine.driver.describe(scope);
  row.server = `${kind.name.split(' ')[0]} ${facts.serverVersion}`;
  row.client = [...new Set((await engine.driver.tools()).map(({ version }) => version))].join(', ');
  // The names of some constraints change with `names`; every row and every other definition is compared.
  const constraints = kind.family === 'mysql' ? 'FOREIGN KEY|CHECK' : 'FOREIGN KEY';
  const pictureNow = async () => {
    const picture = ownOnly(await fingerprint(connection));
    return strategy === 'names' ? anyKeyNames(picture, constraints) : picture;
  };
  await subject.fill();
  const before = await pictureNow();
  const archive = await step('backup', () => engine.backup());
  await subject.change();
  const changed = await pictureNow();
  expect(() => expectSame(before, changed)).toThrow();
  await step('verify', async () => {
    await engine.verify(archive);
    expectSame(changed, await pictureNow());
  });
  const slots = await step('restore', async () => {
    const made = await engine.restore(archive);
    expect(made.database?.strategy).toBe(strategy);
    expectSame(before, await pictureNow());
    return made;
  });
  await step('undo', async () => {
    await engine.undo(slots);
    expectSame(changed, await pictureNow());
  });
  await step('redo', async () => {
    await engine.undo(slots);
    expectSame(before, await pictureNow());
  });
  const plan = slots.database;
  if (plan === null) throw new Error('the restore had no database');
  await step('saved', async () => {
    const saved = await engine.backup(plan);
    expectSame(before, await pictureNow());
    await engine.driver.discard(plan);
    const again = await engine.restore(saved);
    expectSame(changed, await pictureNow());
    await discard(engine, again);
  });
  const now = (await pictureNow()).tables;
  const counted = await engine.driver.countRows(Object.keys(now), 60_000);
  expect([...counted]).toEqual(Object.entries(now).map(([name, { rows }]) => [name, rows]));
  const key = `${kind.family} ${strategy}`;
  const last = older.get(key);
  older.set(key, { archive, from: row.server, picture: before });
  if (last) {
    await step('upgrade', async () => {
      const upgraded = await engine.restore(last.archive);
      const after = await pictureNow();
      // How a server words its definitions is its own affair.
      expectSame({ ...last.picture, schema: '' }, { ...after, schema: '' });
      expect(titlesOf(after)).toEqual(titlesOf(last.picture));
      await discard(engine, upgraded);
    });
    row.steps.upgrade = `ok, from ${last.from}`;
  }
  expect(engine.warnings.filter((warning) => warning.includes('does not recognize'))).toEqual([]);
}

async function discard(engine: Engine, { database }: Slots): Promise<void> {
  if (database) await engine.driver.discard(database);
}

/** Without the inactive slots in the live database. */
function ownOnly({ tables, schema }: Fingerprint): Fingerprint {
  const isOurs = (text: string) => text.includes('__safekeep_');
  return {
    tables: Object.fromEntries(Object.entries(tables).filter(([name]) => !isOurs(name))),
    schema: schema
      .split('\n\n')
      .filter((text) => !isOurs(text.split('\n')[0] ?? ''))
      .join('\n\n'),
  };
}

/** Kind and name of every object. */
const titlesOf = ({ schema }: Fingerprint) =>
  schema
    .split('\n')
    .filter((line) => /^-- \w+ /.test(line))
    .map((line) => line.replace(/ \(.*$/, ''))
    .sort();

function markdown(rows: Row[]): string {
  const cells = rows.map(({ server, client, strategy, steps, seconds }) => [
    server,
    client,
    `\`${strategy}\``,
    ...STEPS.map((step) => steps[step] ?? '–'),
    String(seconds),
  ]);
  const head = [
    'Server',
    'Client',
    'Strategy',
    'Backup',
    'Verify',
    'Restore',
    'Undo',
    'Redo',
    'Previous data saved',
    'Upgrade',
    'Seconds',
  ];
  const widths = head.map((title, at) => Math.max(title.length, ...cells.map((row) => [...(row[at] ?? '')].length)));
  const line = (row: string[]) => `| ${row.map((cell, at) => cell + ' '.repeat((widths[at] ?? 0) - [...cell].length)).join(' | ')} |`; // prettier-ignore
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...cells.map(line)].join('\n');
}
