/** Shared by the tests of the PostgreSQL driver: a database full of everything, runs, dumps in memory. */
import { Readable } from 'node:stream';
import pg from 'pg';
import type { RunContext } from '../../src/engine/context';
import type {
  DatabaseConnection,
  DatabaseDriver,
  DatabasePlanning,
  DumpScope,
  OpenPart,
} from '../../src/engine/databases/driver';
import type { ManifestDatabase } from '../../src/shared/manifest';
import type { LogLine, Progress } from '../../src/shared/runs';
import { fill } from '../../src/engine/messages';
import { type FreshDatabase, freshDatabase, type ServerAddress } from './servers';

/** The strategies of a restore, by privileges of the app's role. */
export const WAYS = [
  { strategy: 'database', mayCreateDatabases: true },
  { strategy: 'schema', mayCreateDatabases: false },
  { strategy: 'objects', mayCreateDatabases: false },
] as const;
export type Way = { strategy: (typeof WAYS)[number]['strategy']; mayCreateDatabases: boolean };

/** A database whose owner has the privileges that lead to the strategy. */
export async function databaseFor({ strategy, mayCreateDatabases }: Way, on?: ServerAddress): Promise<FreshDatabase> {
  const db = await freshDatabase('postgres', { mayCreateDatabases, on });
  // As before PostgreSQL 15, where every role can create objects in a schema of the superuser.
  if (strategy === 'objects') {
    await db.asAdmin('ALTER SCHEMA public OWNER TO postgres; GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC');
  }
  return db;
}

export function connectionTo(db: FreshDatabase, more: Partial<DatabaseConnection> = {}): DatabaseConnection {
  const { host, port, username, password, database } = db;
  return {
    dialect: 'postgres',
    host,
    port,
    username,
    password,
    database,
    schema: 'public',
    tablePrefix: '',
    underscored: false,
    ...more,
  };
}

/** Opens a session of its own, which the caller ends. */
export async function session(connection: DatabaseConnection): Promise<pg.Client> {
  const { host, port, username: user, password, database, tls: ssl } = connection;
  const client = new pg.Client({ host, port, user, password, database, ssl });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Runs statements as the app's role and returns the rows of the last one. */
export async function sql(connection: DatabaseConnection, text: string): Promise<Record<string, unknown>[]> {
  const client = await session(connection);
  try {
    const answer = (await client.query(text)) as pg.QueryResult | pg.QueryResult[];
    return (Array.isArray(answer) ? answer.at(-1)?.rows : answer.rows) ?? [];
  } finally {
    await client.end();
  }
}

export interface TestRun extends RunContext {
  lines: { level: LogLine['level']; text: string }[];
  progressSeen: Progress[];
  cancel(): void;
}

export function testRun(): TestRun {
  const controller = new AbortController();
  const lines: TestRun['lines'] = [];
  const progressSeen: Progress[] = [];
  return {
    signal: controller.signal,
    log: (level, message) => void lines.push({ level, text: fill(message.text, message.params) }),
    progress: (progress) => void progressSeen.push(progress),
    lines,
    progressSeen,
    cancel: () => controller.abort(),
  };
}

export interface TakenDump {
  backup: ManifestDatabase;
  bytes: Buffer;
}

/** A whole dump, in memory. */
export async function take(driver: DatabaseDriver, scope: DumpScope, run: RunContext = testRun()): Promise<TakenDump> {
  const facts = await driver.describe(scope);
  const dump = await driver.dump(scope, run);
  try {
    const chunks: Buffer[] = [];
    for await (const part of dump.parts) for await (const chunk of part.stream) chunks.push(chunk as Buffer);
    return { backup: { ...facts, ...(await dump.result()) }, bytes: Buffer.concat(chunks) };
  } finally {
    await dump.close();
  }
}

/** The same dump with one text replaced by another of the same length, in definitions and in rows. */
export function altered({ backup, bytes }: TakenDump, text: string, by: string): TakenDump {
  const [old, changed] = [text, by.padEnd(Buffer.byteLength(text))].map((words) =>
    Buffer.from(words).toString('latin1'),
  );
  const found = bytes.toString('latin1');
  if (old?.length !== changed?.length) throw new Error(`${by} is longer than ${text}`);
  if (!found.includes(old ?? '')) throw new Error(`${text} is not in the dump`);
  return { backup, bytes: Buffer.from(found.split(old ?? '').join(changed), 'latin1') };
}

/** Returns the dump in chunks, as an archive would; counts how often its end was reached. */
export function opener({ bytes }: Pick<TakenDump, 'bytes'>): OpenPart & { ends: number } {
  const open = async () =>
    Readable.from(
      (async function* () {
        for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
        opened.ends += 1;
      })(),
    );
  const opened = Object.assign(open, { ends: 0 });
  return opened;
}

export function requirePlan(planning: DatabasePlanning) {
  if (!planning.plan) throw new Error(`no plan: ${JSON.stringify(planning.blockers)}`);
  return planning.plan;
}

/** Plans, stages and checks. */
export async function stage(driver: DatabaseDriver, id: string, dump: TakenDump, scope: DumpScope, run = testRun()) {
  const plan = requirePlan(await driver.plan(id, dump.backup, scope));
  await driver.stage(plan, dump.backup, opener(dump), run);
  await driver.check(plan, dump.backup, run);
  return plan;
}

/** One of each kind of object that an app's schema can hold. `reader` is a role that receives privileges. */
export function everything(reader: string, schema = 'public'): string {
  return `
    SET search_path = ${schema};
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "fine" 😀');
    CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
    CREATE TABLE authors (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE,
      favourite bigint, feels mood DEFAULT 'ok', age positive, upper_name text GENERATED ALWAYS AS (upper(name)) STORED);
    CREATE TABLE books (id serial PRIMARY KEY, author bigint NOT NULL REFERENCES authors DEFERRABLE, title text,
      tags text[], doc jsonb, price numeric(12,4), raw bytea, at timestamptz DEFAULT now());
    ALTER TABLE authors ADD FOREIGN KEY (favourite) REFERENCES books DEFERRABLE INITIALLY DEFERRED;
    CREATE INDEX books_title ON books (lower(title)) WHERE title IS NOT NULL;
    INSERT INTO authors (name, age) SELECT 'author ' || i || E'\\n\\t\\\\ é 漢 😀', i FROM generate_series(1, 200) i;
    INSERT INTO books (author, title, tags, doc, price, raw)
      SELECT 1 + i % 200, CASE WHEN i % 7 = 0 THEN NULL ELSE 'C:\\temp\\' || i END, ARRAY['a,b', NULL, '{"'],
             jsonb_build_object('i', i), i / 3.0, decode(md5(i::text), 'hex') FROM generate_series(1, 2000) i;
    UPDATE authors SET favourite = id;
    CREATE VIEW cheap AS SELECT * FROM books WHERE price < 100 WITH LOCAL CHECK OPTION;
    CREATE MATERIALIZED VIEW totals AS SELECT author, count(*) FROM books GROUP BY author;
    CREATE UNIQUE INDEX ON totals (author);
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN NEW.at = now(); RETURN NEW; END; $f$;
    CREATE TRIGGER touch BEFORE UPDATE ON books FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE SEQUENCE odd START 7 INCREMENT 2; SELECT nextval('odd'), nextval('odd');
    CREATE TABLE parent (id int PRIMARY KEY, note text); CREATE TABLE child (extra text) INHERITS (parent);
    INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (2, 'c', 'x'), (3, 'c', 'y');
    CREATE TABLE events (at date NOT NULL, what text) PARTITION BY RANGE (at);
    CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE events_rest PARTITION OF events DEFAULT;
    INSERT INTO events SELECT '2024-12-30'::date + i, 'e' || i FROM generate_series(0, 9) i;
    CREATE TABLE "We""ird.Näme 😀*?" ("Co""l" text, "select" int); INSERT INTO "We""ird.Näme 😀*?" VALUES (E'a\\rb', 1);
    COMMENT ON TABLE "We""ird.Näme 😀*?" IS 'it''s
a comment'; COMMENT ON COLUMN books.title IS 'title';
    CREATE UNLOGGED TABLE scratch (id int); INSERT INTO scratch VALUES (1);
    CREATE TABLE runtime (id int, secret text); INSERT INTO runtime VALUES (1, 'left out');
    ALTER TABLE books ENABLE ROW LEVEL SECURITY; CREATE POLICY all_books ON books USING (true);
    GRANT SELECT ON authors, cheap TO ${reader}; GRANT UPDATE (title) ON books TO ${reader} WITH GRANT OPTION;
    GRANT USAGE ON SCHEMA ${schema} TO ${reader}; GRANT EXECUTE ON FUNCTION touch() TO ${reader};
    ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT SELECT ON TABLES TO ${reader};
    RESET search_path;`;
}
