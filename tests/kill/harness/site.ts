/** One database and one folder of files in two states, and the eye that sees in which of them they are. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { DatabaseConnection } from '../../../src/engine/databases/driver';
import { SLOT_NAME } from '../../../src/engine/files/slots';
import type { Slots } from '../../../src/engine/moves';
import * as compare from '../../support/compare';
import { removeFolder, temporaryFolder } from '../../support/child';
import type { FreshDatabase } from '../../support/servers';
import type { Place, Shown } from '../protocol';
import { KillChild } from './child';
import type { Strategy } from './strategies';

/** Tables that logins and Safekeep's own lists write. */
const OWN_ROWS = [/(^|\.)safekeep(Runs|Backups)$/, /(^|\.)issuedTokens$/];

/** a: what was backed up. b: what was live when the restore began. */
export type Side = 'a' | 'b';

interface Picture {
  database: compare.Fingerprint;
  uploads: compare.FolderFingerprint;
  mount: compare.FolderFingerprint;
}

export class Site {
  private readonly pictures = new Map<Side, Picture>();
  /** Names that belong to the site itself. */
  private expected = new Set<string>();
  private spare: KillChild | null = null;
  private readonly left: KillChild[] = [];
  /** The backup of state a. */
  archive = '';
  /** Ids of the runs that were needed to come so far. */
  runs = new Set<string>();

  private constructor(
    readonly strategy: Strategy,
    readonly place: Place,
    private readonly fresh: FreshDatabase | null,
  ) {}

  /** State b is live, state a is in an archive, all slots are empty. */
  static async create(strategy: Strategy): Promise<Site> {
    const folder = temporaryFolder('kill');
    const fresh = await strategy.create();
    const common = { tablePrefix: '', underscored: false };
    mkdirSync(path.join(folder, 'db'));
    const connection: DatabaseConnection = fresh
      ? { ...common, ...withoutFunctions(fresh), schema: fresh.dialect === 'postgres' ? 'public' : undefined }
      : { ...common, dialect: 'sqlite', storage: path.join(folder, 'db/nocobase.sqlite') };
    const site = new Site(strategy, { kind: strategy.kind, connection, folder }, fresh);
    const child = site.child();
    try {
      await site.prepare(child);
    } finally {
      await child.end();
    }
    return site;
  }

  private async prepare(child: KillChild): Promise<void> {
    const { states, kind } = this.strategy;
    if (kind === 'app') await child.do({ do: 'install' });
    await this.execute(states.a);
    this.writeFiles('a');
    const { shown } = await child.do({ do: 'backup' });
    this.archive = shown.backups[0]?.name ?? '';
    this.runs = new Set(shown.runs.map(({ record }) => record.id));
    this.pictures.set('a', await this.look());
    await this.execute(states.b);
    this.writeFiles('b');
    this.pictures.set('b', await this.look());
    this.expected = new Set(this.entries());
  }

  /** A child that has been started already, so that nobody waits for it. */
  child(): KillChild {
    const child = this.spare ?? new KillChild(this.place);
    this.spare = null;
    return child;
  }

  /** A child whose tools may still be running; they are ended with the site. */
  leave(child: KillChild): void {
    this.left.push(child);
  }

  prepareChild(): void {
    this.spare ??= new KillChild(this.place);
  }

  async remove(): Promise<void> {
    for (const child of [...this.left, ...(this.spare ? [this.spare] : [])]) await child.end();
    await this.fresh?.drop();
    removeFolder(this.place.folder);
  }

  /** @throws Error that lists every difference, when database and files are not wholly in one and the same state */
  async side(): Promise<Side> {
    const now = await this.look();
    const differing = (side: Side) => {
      const then = this.pictures.get(side);
      if (!then) throw new Error(`there is no picture of ${side} yet`);
      return [
        ...compare.differences(then.database, now.database),
        ...(['uploads', 'mount'] as const).flatMap((root) =>
          differencesOf(() => compare.expectSameFiles(then[root], now[root])),
        ),
      ];
    };
    const [fromA, fromB] = [differing('a'), differing('b')];
    if (fromA.length === 0) return 'a';
    if (fromB.length === 0) return 'b';
    throw new Error(`neither state:\n from a:\n  ${fromA.join('\n  ')}\n from b:\n  ${fromB.join('\n  ')}`);
  }

  /** Everything there is besides the live data, the archives and the history, by name. */
  async inactive(): Promise<string[]> {
    const files = this.entries().filter((name) => !this.expected.has(name) && !isContent(name));
    return [...files, ...(await this.inactiveDatabases())].sort();
  }

  private entries(): string[] {
    const { folder } = this.place;
    return readdirSync(folder, { recursive: true, withFileTypes: true, encoding: 'utf8' }).map((entry) =>
      path.relative(folder, path.join(entry.parentPath, entry.name)),
    );
  }

  private get ownFolder(): string {
    return path.join(this.place.folder, 'safekeep', ...(this.strategy.kind === 'app' ? ['main'] : []));
  }

  /** @throws Error with the slots that exist and should not, or should and do not */
  async expectInactive(kept: Slots | undefined): Promise<void> {
    const found = await this.inactive();
    const id = kept?.database?.id ?? kept?.folders[0]?.id;
    const foreign = found.filter((name) => !id || !name.includes(id));
    if (foreign.length > 0) throw new Error(`left behind: ${foreign.join(', ')}`);
    if (!kept) return;
    const strategy = `${kept.database?.dialect} ${kept.database?.strategy}`;
    if (strategy !== this.strategy.name) throw new Error(`restored in another way: ${strategy}`);
    const wanted = (kept.database ? this.strategy.copies : 0) + kept.folders.length;
    const copies = found.filter((name) => !name.endsWith('.names'));
    if (copies.length !== wanted)
      throw new Error(`for undo there should be ${wanted} things, there are: ${found.join(', ')}`);
  }

  /** Archives besides the first, and runs that keep nothing, are no longer needed. */
  forget({ runs, backups, previous }: Shown): void {
    const drop = (folder: string, name: string) => {
      const full = path.join(this.ownFolder, folder);
      for (const file of readdirSync(full).filter((each) => each.startsWith(name))) rmSync(path.join(full, file));
    };
    for (const { name } of backups) if (name !== this.archive) drop('backups', name);
    const isKept = (id: string) => previous.states.some((state) => state.id === id);
    for (const { record } of runs) if (!isKept(record.id)) drop('runs', record.id);
  }

  private async look(): Promise<Picture> {
    const { connection, folder } = this.place;
    const files = async (...below: string[]) => {
      const all = await compare.fingerprintFolder(path.join(folder, ...below));
      return Object.fromEntries(Object.entries(all).filter(([name]) => !SLOT_NAME.test(name.split('/')[0] ?? '')));
    };
    return {
      database: withoutSlots(await compare.fingerprint(connection, { ignoreRowsOf: OWN_ROWS })),
      uploads: await files('uploads'),
      mount: await files('outer/mount'),
    };
  }

  private async execute(statements: string[]): Promise<void> {
    await compare.withConnection(this.place.connection, async ({ query }) => {
      for (const sql of statements) await query(sql);
    });
  }

  private writeFiles(side: Side): void {
    const put = (file: string, content: string | Buffer) => {
      const full = path.join(this.place.folder, file);
      mkdirSync(path.dirname(full), { recursive: true });
      writeFileSync(full, content);
    };
    // State b is made from state a.
    if (side === 'b') {
      for (const gone of ['uploads/deep', 'outer/mount/b.txt']) {
        rmSync(path.join(this.place.folder, gone), { recursive: true });
      }
    }
    for (const root of ['uploads', 'outer/mount']) {
      for (const name of ['a.txt', side === 'a' ? 'b.txt' : 'new b.txt', 'ümläut 😀.bin', `folder of ${side}/x`]) {
        put(`${root}/${name}`, `${root} ${name} in state ${side}`);
      }
    }
    for (let i = 0; i < 12; i += 1) put(`uploads/deep/${side}${i}/${i}.bin`, Buffer.alloc(i * 4000, `${side}${i}`));
    for (let i = 0; i < 6; i += 1) put(`outer/mount/sub/${side}${i}.bin`, Buffer.alloc(i * 3000, `${side}${i}`));
  }

  /** Databases and schemas other than the live one. */
  private async inactiveDatabases(): Promise<string[]> {
    if (!this.fresh) return [];
    const { dialect, database, username, asAdmin } = this.fresh;
    const names =
      dialect === 'postgres'
        ? `SELECT datname AS name FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
            WHERE r.rolname = '${username}' AND datname <> '${database}'
           UNION ALL SELECT nspname FROM pg_namespace
            WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('public', 'information_schema')
           UNION ALL SELECT gid FROM pg_prepared_xacts WHERE database = '${database}'`
        : `SELECT schema_name AS name FROM information_schema.schemata
            WHERE schema_name LIKE '${database}%' AND schema_name <> '${database}'
           UNION ALL SELECT DISTINCT SUBSTRING_INDEX(table_name, '_', 4) FROM information_schema.tables
            WHERE table_schema = '${database}' AND table_name LIKE '\\_\\_safekeep\\_%'`;
    return (await asAdmin(names)).map(({ name }) => String(name));
  }
}

function withoutFunctions({ dialect, host, port, username, password, database }: FreshDatabase) {
  return { dialect, host, port, username, password, database };
}

/** The slots that lie in the live database are not part of its state. */
function withoutSlots({ tables, schema }: compare.Fingerprint): compare.Fingerprint {
  const isLive = (name: string) => !/__safekeep_[a-z0-9]/.test(name);
  return {
    tables: Object.fromEntries(Object.entries(tables).filter(([name]) => isLive(name))),
    schema: schema
      .split('\n\n')
      .filter((part) => isLive(part.split('\n', 1)[0] ?? ''))
      .join('\n\n'),
  };
}

function differencesOf(check: () => void): string[] {
  try {
    check();
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

/** Files of the app, archives and history; the content of a slot is checked with the slot. */
function isContent(name: string): boolean {
  const parts = name.split('/');
  if (parts.slice(0, -1).some((part) => SLOT_NAME.test(part))) return true;
  if (/^(uploads|outer\/mount)\//.test(name)) return !SLOT_NAME.test(parts.at(-1) ?? '');
  return /^safekeep\/(main\/)?(backups\/[^/]+\.safekeep\.zip(\.json)?|runs\/[^/]+\.jsonl?|previous\.json|ticket\.key)$/.test(
    name,
  );
}
