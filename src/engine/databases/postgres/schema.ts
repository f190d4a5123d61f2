/**
 * Strategy 'schema': the slot aside is a schema of the same database. Staging runs in one transaction that stays open: it renames
 * the live schemas aside and loads new ones in their place, which nobody else sees until the switch commits it. A psql process
 * holds the transaction; when it ends for any reason, the server takes everything back.
 */
import type { DatabaseExtension, ManifestDatabase } from '../../../shared/manifest';
import type { RunContext } from '../../context';
import { SafekeepError } from '../../errors';
import type { DatabaseConnection, DatabasePlan } from '../driver';
import { checkTables } from './check';
import { type Client, quoteName, quoteText, toolEnvironment, type ToolEnvironment, withClient } from './connection';
import { asSwitchFailed } from './database';
import { availableExtensions, createExtensions } from './extensions';
import { loadInto, type LoadRequest, openLoadSession, readLists, rightsHere, sessionStart } from './load';
import type { PsqlSession } from './psql';
import { dropSchemaAside } from './schema-drop';
import { asideOf, exchangeSchemas, positionOfSchemas } from './schema-exchange';
import * as slots from './slots';
import { allExtensions, serverVersionNumber } from './sql';

const END_SESSIONS_MS = 10_000;

/** A loaded backup that is not committed yet. */
interface OpenLoad {
  session: PsqlSession;
  environment: ToolEnvironment;
  /** The server's process that works for the session. */
  backendPid: number;
}

/** The sessions of the restores that this process has under way; one driver has one. */
export class SchemaStrategy {
  readonly #open = new Map<string, OpenLoad>();

  constructor(private readonly connection: DatabaseConnection) {}

  async stage(plan: DatabasePlan, request: LoadRequest): Promise<void> {
    const { run, backup } = request;
    const schemas = slots.schemasOf(plan);
    const here = await withClient(this.connection, { signal: run.signal }, (client) =>
      lookAtLive(client, schemas, backup),
    );
    const environment = await toolEnvironment(this.connection, { applicationName: slots.ownName(plan.id) });
    const load = { ...request, environment, schemas, rights: here.rights, versionNumber: here.versionNumber };
    let session: PsqlSession | undefined;
    try {
      const lists = await readLists(load);
      session = openLoadSession(request, environment);
      const [pid] = await session.run(`${sessionStart(here.versionNumber)}\nSELECT pg_backend_pid();`);
      this.#open.set(plan.id, { session, environment, backendPid: Number(pid) });
      await session.run(`BEGIN;\n${here.schemaFacts.map((facts) => makeRoom(plan, facts)).join('\n')}`);
      await session.lenient(here.schemaFacts.map(slots.schemaDetails).join('\n'));
      await session.run([...here.toMove.map(moveExtension), here.toCreate].join('\n'));
      await loadInto(session, lists, load);
    } catch (error) {
      this.#open.delete(plan.id);
      await session?.kill();
      await environment.close();
      throw error;
    }
  }

  /** Asks within the open transaction. */
  async check(plan: DatabasePlan, backup: ManifestDatabase, run: RunContext): Promise<void> {
    const { session } = this.#require(plan);
    const cancel = () => void session.kill();
    run.signal.addEventListener('abort', cancel, { once: true });
    try {
      await checkTables((sql) => session.run(`${sql};`), slots.schemasOf(plan), backup, run);
    } finally {
      run.signal.removeEventListener('abort', cancel);
    }
  }

  async switch(plan: DatabasePlan, run: RunContext): Promise<void> {
    const open = this.#open.get(plan.id);
    if (!open) return exchangeSchemas(this.connection, plan, 'staged');
    try {
      await withClient(this.connection, {}, async (client) => {
        // Committed later, their rows would go to the previous state and be missed.
        const find = () => slots.writersTo(client, slots.schemasOf(plan), open.backendPid);
        const left = await slots.endSessions(client, find, END_SESSIONS_MS);
        if (left) throw new SafekeepError('SWITCH_FAILED', { detail: `sessions could not be ended: ${left}` });
        const committed = await open.session.run('COMMIT;').then(
          () => null,
          (error: unknown) => error,
        );
        if ((await positionOfSchemas(this.connection, plan)) !== 'after switch') {
          throw committed ?? new SafekeepError('SWITCH_FAILED', { detail: 'the transaction was rolled back' });
        }
        run.log('info', { text: 'The transaction that loaded the backup is committed.' });
      });
    } catch (error) {
      throw asSwitchFailed(error);
    } finally {
      await this.#close(plan.id);
    }
  }

  /** Ends what still works for this restore, here or left by a process that died, then drops the schemas aside that bear its mark. */
  async discard(plan: DatabasePlan): Promise<void> {
    await this.#close(plan.id);
    await withClient(this.connection, {}, async (client) => {
      const left = await slots.endSessions(client, () => slots.ownSessions(client, plan.id), END_SESSIONS_MS);
      if (left) throw new SafekeepError('INTERNAL', { detail: `the load of the backup can not be ended: ${left}` });
      for (const schema of slots.schemasOf(plan)) await dropSchemaAside(client, plan, asideOf(plan, schema));
    });
  }

  async close(): Promise<void> {
    for (const id of this.#open.keys()) await this.#close(id);
  }

  #require(plan: DatabasePlan): OpenLoad {
    const open = this.#open.get(plan.id);
    if (open?.session.isOpen) return open;
    throw new SafekeepError('STAGED_DATA_DIFFERS', { detail: 'the transaction that loaded it has ended' });
  }

  async #close(id: string): Promise<void> {
    const open = this.#open.get(id);
    this.#open.delete(id);
    await open?.session.kill();
    await open?.environment.close();
  }
}

interface LiveFacts {
  rights: Awaited<ReturnType<typeof rightsHere>>;
  versionNumber: number;
  schemaFacts: slots.SchemaFacts[];
  /** Extensions that live in the app's schemas: they have to come along. */
  toMove: DatabaseExtension[];
  toCreate: string;
}

async function lookAtLive(client: Client, schemas: string[], backup: ManifestDatabase): Promise<LiveFacts> {
  const extensions = await allExtensions(client);
  const present = new Set(extensions.map(({ name }) => name));
  const missing = backup.extensions.filter(({ name }) => !present.has(name));
  return {
    rights: await rightsHere(client, backup, schemas),
    versionNumber: await serverVersionNumber(client),
    schemaFacts: await slots.schemaFacts(client, schemas),
    toMove: extensions.filter(({ schema }) => schemas.includes(schema)),
    toCreate: createExtensions(missing, await availableExtensions(client)),
  };
}

function makeRoom(plan: DatabasePlan, { name, owner, comment }: slots.SchemaFacts): string {
  const aside = asideOf(plan, name);
  const mark = slots.markText(plan.id, { content: 'previous', comment });
  return [
    `ALTER SCHEMA ${quoteName(name)} RENAME TO ${quoteName(aside)};`,
    `COMMENT ON SCHEMA ${quoteName(aside)} IS ${quoteText(mark)};`,
    `CREATE SCHEMA ${quoteName(name)} AUTHORIZATION ${quoteName(owner)};`,
  ].join('\n');
}

/** Renamed with its schema, an extension would stay aside: the new data must find it where the old data did. */
function moveExtension({ name, schema }: DatabaseExtension): string {
  return `ALTER EXTENSION ${quoteName(name)} SET SCHEMA ${quoteName(schema)};`;
}
