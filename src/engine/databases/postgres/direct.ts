/**
 * The load by pg_restore itself, where the dump goes unchanged into a separate database. pg_restore sends the dump's definitions as
 * they are, so each is checked first: statements that the session refuses are refused here as well.
 */
import { SafekeepError } from '../../errors';
import { idleLimitMs, NO_IDLE_LIMIT_MS, type ToolCall } from '../../process';
import { requireAllowed } from './allowed';
import { readArchiveToc, type StoredEntry } from './archive-toc';
import { withoutRows } from './complaint';
import { withClient } from './connection';
import { DUMP_PART } from './dump';
import { type Load, rowCounter, schemasInDump, statementsFor, throughRestore, toolCall, writeList } from './pg-restore';
import { beginningOf, statementsOf } from './script';
import { failureBehind, startTime } from './tool-failure';
import type { LoadSession } from './session';
import type { TocEntry } from './toc';

/** Entries that pg_restore always executes. */
const ALWAYS_READ = /^(ENCODING|STDSTRINGS|SEARCHPATH)$/;

/**
 * Checks what pg_restore would do for these entries.
 * @param owners the options about owners and grants
 * @returns the load by pg_restore itself; null where it is not suitable @throws ARCHIVE_DAMAGED for anything dump tools do not write
 */
export async function directLoad(
  session: LoadSession,
  entries: TocEntry[],
  load: Load,
  owners: string[],
): Promise<(() => Promise<void>) | null> {
  const { tools, versionNumber, renaming, database } = load;
  if (database === undefined || renaming) return null;
  // pg_restore 17 and newer begin with a parameter that older servers refuse.
  if (tools.major >= 17 && versionNumber < 170_000) return null;
  // Failures are recognized only by the server's English messages.
  const [language = ''] = await session.ask(`SELECT current_setting('lc_messages')`);
  if (!/^(C|POSIX|en_)/.test(language)) return null;
  const stored = await readArchiveToc(await load.openPart(load.backup.parts[0] ?? DUMP_PART));
  if (!stored) return null;
  const ids = new Set(entries.map(({ line }) => Number.parseInt(line, 10)));
  const chosen = stored.filter(({ dumpId, type }) => ids.has(dumpId) || ALWAYS_READ.test(type));
  if (!chosen.every((entry) => isFitFor(entry, load))) return null;
  const definitions = entries.filter(({ type }) => type !== 'TABLE DATA');
  const script = await statementsFor(load, definitions, owners);
  if (script.some((statement) => requireAllowed(statement, schemasInDump(load)) === 'routine')) return null;
  return () => loadDirectly(entries, chosen, load, owners);
}

/** @throws ARCHIVE_DAMAGED */
function isFitFor(entry: StoredEntry, load: Load): boolean {
  const { type, definition, copy, hasData } = entry;
  const kinds = statementsOf(definition).map((statement) => requireAllowed(statement, schemasInDump(load)));
  if (hasData) {
    const [statement, ...others] = statementsOf(copy);
    const kind = statement ? requireAllowed(statement, schemasInDump(load)) : null;
    if (kind !== 'copy' || others.length > 0 || type !== 'TABLE DATA' || kinds.length > 0) {
      const beginning = beginningOf([{ kind: 'other', raw: copy || entry.tag }]);
      throw new SafekeepError('ARCHIVE_DAMAGED', {
        detail: {
          text: 'the dump contains rows that dump tools never write: {{statement}}',
          params: { statement: beginning },
        },
      });
    }
  }
  const isPlain = type !== 'STDSTRINGS' || /'on'/.test(definition);
  return isPlain && !kinds.includes('routine');
}

/** @throws TOOL_FAILED naming the object, SERVER_FAILED, DATABASE_UNREACHABLE, CANCELLED, and what the dump's stream throws */
async function loadDirectly(entries: TocEntry[], stored: StoredEntry[], load: Load, owners: string[]): Promise<void> {
  const list = await writeList(load, 'main', entries);
  const complaint = new Complaint(stored);
  const base = toolCall(load, [
    `--dbname=dbname='${(load.database ?? '').replace(/['\\]/g, '\\$&')}'`,
    // Only in verbose mode does it name the failed entry.
    ...['--exit-on-error', '--no-password', '--verbose', ...owners, `--use-list=${list}`],
  ]);
  const call: ToolCall = {
    ...base,
    // Staged data becomes durable only with the switchover, whose commit waits for the disk.
    env: { ...base.env, PGOPTIONS: '-c synchronous_commit=off' },
    idleTimeoutMs: idleLimitMs(NO_IDLE_LIMIT_MS),
    onStderrLine: (line) => {
      if (!complaint.hear(line) && /\b(WARNING|NOTICE|warning): /.test(line)) base.onStderrLine?.(withoutRows(line));
    },
  };
  const options = { database: load.database ?? '', signal: load.run.signal };
  const before = await withClient(load.connection, options, startTime);
  try {
    await throughRestore(load, call, { onChunk: rowCounter(load) }, async (output) => {
      for await (const _nothing of output);
    });
  } catch (error) {
    if (!(error instanceof SafekeepError) || error.code !== 'TOOL_FAILED') throw error;
    const detail = complaint.text;
    const failure = await failureBehind(complaint.message, detail || error.message, before, load.connection, options);
    if (failure) throw failure;
    if (!detail) throw error;
    throw new SafekeepError('TOOL_FAILED', { tool: 'pg_restore', detail }, { cause: error });
  }
}

/** The error on pg_restore's stderr: the entry and the reason, without lines of the statement and of rows. */
class Complaint {
  #object = '';
  #lines: string[] = [];
  #hasBegun = false;

  constructor(private readonly entries: StoredEntry[]) {}

  /** The server's or pg_restore's own message. */
  get message(): string {
    return (this.#lines[0] ?? '')
      .replace(/^pg_restore: (error: )?/, '')
      .replace(/^(could not execute query|COPY failed for table ".*?"|error returned by PQputCopy\w+): /, '');
  }

  get text(): string {
    const reason = [this.message, ...this.#lines.slice(1)].map(withoutRows).filter(Boolean).join(' / ');
    return this.#object && reason ? `${this.#object}: ${reason}` : reason;
  }

  /** @returns whether the line is part of the error */
  hear(line: string): boolean {
    const [, id] = /^pg_restore: from TOC entry (\d+); /.exec(line) ?? [];
    if (id !== undefined) this.#object = labelOf(this.entries.find(({ dumpId }) => dumpId === Number(id)));
    const isError = /^pg_restore: (error|fatal): /.test(line);
    this.#hasBegun ||= isError || /^pg_restore: while /.test(line);
    if (isError && this.#lines.length === 0) this.#lines.push(line);
    else if (this.#lines.length > 0 && /^(HINT|DETAIL|CONTEXT): {2}/.test(line)) this.#lines.push(line);
    return this.#hasBegun;
  }
}

function labelOf(entry: StoredEntry | undefined): string {
  if (!entry) return '';
  const name = entry.schema ? `${entry.schema}.${entry.tag}` : entry.tag;
  return Buffer.from(`${entry.type} ${name}`, 'latin1').toString('utf8');
}
