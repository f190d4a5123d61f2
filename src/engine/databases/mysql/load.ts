/** Feeds the tables of a dump to the client. */
import { Readable, Transform } from 'node:stream';
import type { ManifestDatabase } from '../../../shared/manifest';
import type { RunContext } from '../../context';
import { SafekeepError, toSafekeepError } from '../../errors';
import { toolName, writeToTool } from '../../process';
import type { DatabaseConnection, OpenPart } from '../driver';
import { LOAD_FLAGS, requireTool, credentialsFile } from './client';
import { type MysqlServer, quoteString, withMysql } from './connection';
import { TABLES_PART, withoutSandboxLine } from './dump';
import { DumpRewriter, type NewNames } from './rewrite';
import { DumpScanner } from './scan';
import { detailOf, errnoPrinted, serverError } from './server-errors';
import { lockOf } from './sessions';

const END_MARK = 'safekeep: the end of the dump';

/**
 * Loads the tables part of a backup with the client into `slot`, under the names from `newNames`, or their own.
 * @throws TOOL_MISSING, TOOL_TOO_OLD, ARCHIVE_DAMAGED; TOOL_FAILED with the name of the table; DATABASE_UNREACHABLE and
 * SERVER_FAILED for errors that concern the server
 */
export async function loadTables(
  slot: DatabaseConnection,
  id: string,
  backup: ManifestDatabase,
  openPart: OpenPart,
  newNames: NewNames | null,
  run: RunContext,
): Promise<void> {
  const server = await withMysql(slot, async (session) => session.server);
  const tool = await requireTool(server, 'load');
  const input = await openPart(backup.parts[0] ?? TABLES_PART);
  const scanner = new DumpScanner();
  const rewriter = newNames && new DumpRewriter(scanner, newNames);
  let done = 0;
  const watched = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      done += chunk.length;
      run.progress({ done, total: Math.max(done, backup.dataBytes), unit: 'bytes' });
      if (rewriter) {
        rewriter.rewrite(chunk).then((rewritten) => next(null, rewritten), next);
        return;
      }
      scanner.read(chunk);
      next(null, chunk);
    },
    flush(end) {
      if (rewriter) rewriter.end().then((rest) => end(null, rest), end);
      else end();
    },
  });
  // A process that takes over finds the client by this lock if it outlives this process.
  const hold = `DO GET_LOCK(${quoteString(lockOf(id, 'load'))}, 0)`;
  const credentials = await credentialsFile(slot, server, tool.version);
  let answer = '';
  try {
    const clean = Readable.from(withoutSandboxLine(input), { objectMode: false });
    clean.on('error', (error) => watched.destroy(error));
    await writeToTool(
      {
        path: tool.path,
        args: [credentials.firstArg, ...LOAD_FLAGS, `--init-command=${hold}`, `--database=${slot.database}`],
        env: credentials.env,
        signal: run.signal,
        onStderrLine: (line) => {
          // Any other line belongs to the failed statement and contains user data.
          if (!/^(?:ERROR|WARNING|mysql|mariadb)\b/i.test(line)) return;
          run.log('warn', { text: '{{tool}}: {{line}}', params: { tool: toolName(tool.path), line } });
        },
      },
      Readable.from(withEndMark(clean.pipe(watched), scanner), { objectMode: false }),
      (text) => (answer = (answer + text).slice(-END_MARK.length * 2)),
    );
    if (!watched.readableEnded || (scanner.isComplete && !answer.includes(END_MARK))) {
      throw endedEarly(toolName(tool.path));
    }
  } catch (error) {
    throw withTable(error, scanner, server);
  } finally {
    input.destroy();
    await credentials.remove();
  }
  if (!scanner.isComplete)
    throw new SafekeepError('ARCHIVE_DAMAGED', { detail: { text: 'the end of the tables is missing' } });
}

/** Appends a statement whose output shows that the client has processed everything before it. */
async function* withEndMark(dump: Readable, scanner: DumpScanner): AsyncGenerator<Buffer> {
  for await (const chunk of dump) yield chunk as Buffer;
  if (scanner.isComplete) yield Buffer.from(`\nSELECT '${END_MARK}';\n`);
}

/** The client reported success but did not process all its input. */
function endedEarly(tool: string): SafekeepError {
  return new SafekeepError('TOOL_FAILED', { tool, detail: { text: 'it exited before it had read all its input' } });
}

/**
 * The client prints the line of the failed statement; the scanner knows which table that line belongs to. Errors that concern
 * the server rather than the dump get a code of their own.
 */
function withTable(error: unknown, scanner: DumpScanner, { flavour }: MysqlServer): unknown {
  const failure = toSafekeepError(error);
  if (failure.code !== 'TOOL_FAILED') return failure;
  const tool = String(failure.params.tool);
  // Newer clients print the whole statement, including data, before the error.
  const [complaint, line] = /ERROR \d+ (?:.*?at line (\d+))?.*/s.exec(detailOf(failure)) ?? [];
  if (complaint === undefined) return failure;
  const table = line === undefined ? null : scanner.tableAt(Number(line));
  const detail = table === null ? complaint : { text: 'table {{table}}: {{complaint}}', params: { table, complaint } };
  return serverError({ errno: errnoPrinted(complaint), detail, tool, cause: failure }, flavour);
}
