/**
 * Errors of a MySQL or MariaDB server that concern the server or its surroundings rather than the data it received: a full
 * disk, no memory, a lost session, a missing privilege. Numbers are from the servers' error references.
 * @see https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html
 * @see https://mariadb.com/kb/en/mariadb-error-code-reference/
 */
import type { Message } from '../../../shared/runs';
import { SafekeepError } from '../../errors';
import { fill } from '../../messages';
import type { MysqlServer } from './connection';

/** The session was lost, terminated, or never granted. */
const UNREACHABLE = new Set([
  // Refused: too many connections in total or per user; handshake; the server is shutting down, offline or not ready.
  1040, 1042, 1043, 1129, 1130, 1203, 1053, 1077, 1079, 1080, 3032, 3168,
  // Lost: aborted, network, killed.
  1152, 1158, 1159, 1160, 1161, 1184, 1927, 3169,
  // The clients' own numbers.
  2001, 2002, 2003, 2004, 2005, 2006, 2009, 2010, 2011, 2012, 2013, 2015, 2016, 2017, 2018, 2024, 2025, 2026, 2027,
  2048, 2055, 2059, 2060, 2061,
]);

const FAILED = new Set([
  // Disk.
  1021, 1023, 1024, 1026, 1114, 1878,
  // Memory, threads, files, and limits that the administrator sets.
  1037, 1038, 1041, 1119, 1135, 1153, 1197, 1206, 1226, 1436, 1637, 1705, 2008, 2020, 3170,
  // Interrupted, timed out, deadlocked.
  1028, 1078, 1205, 1213, 1223, 1317, 1689, 1969, 3024,
  // Read-only or restricted.
  1036, 1290, 1598, 1836, 1874,
  // Missing privileges.
  1044, 1045, 1142, 1143, 1227, 1370, 1419,
]);

/** MySQL only: MariaDB uses these numbers for other errors. */
const UNREACHABLE_OF_MYSQL = new Set([4031]);

/** Up to here: files, memory and the operating system (mysys), except unknown character sets and collations. */
const LAST_OF_SYSTEM = 99;
const UNKNOWN_CHARSETS = new Set([22, 28]);

/** Errors that wrap one of the operating system or the storage engine. */
const WRAPPERS = new Set([1004, 1005, 1006, 1009, 1016, 1025, 1030, 1180, 1181, 1296]);
const WRAPPED = /(?:error|errno:?|errcode:?|OS error)\s+"?(\d+)/i;
/** EIO, ENOMEM, ENFILE, EMFILE, EFBIG, ENOSPC, EROFS, EDQUOT; then engines: memory, full files, locks, deadlock. */
const OF_THE_SYSTEM = new Set([5, 12, 23, 24, 27, 28, 30, 122, 128, 135, 136, 146, 147, 149]);

/** The code for a server error; null when the error concerns the data sent to the server. */
export function codeOfServerError(
  errno: number,
  message: string,
  flavour: MysqlServer['flavour'],
): 'DATABASE_UNREACHABLE' | 'SERVER_FAILED' | null {
  if (UNREACHABLE.has(errno) || (flavour === 'mysql' && UNREACHABLE_OF_MYSQL.has(errno))) return 'DATABASE_UNREACHABLE';
  if (FAILED.has(errno)) return 'SERVER_FAILED';
  if (errno > 0 && errno <= LAST_OF_SYSTEM && !UNKNOWN_CHARSETS.has(errno)) return 'SERVER_FAILED';
  const wrapped = WRAPPERS.has(errno) ? Number(WRAPPED.exec(message)?.[1]) : 0;
  return OF_THE_SYSTEM.has(wrapped) ? 'SERVER_FAILED' : null;
}

/** A server error in the server's own words: DATABASE_UNREACHABLE, SERVER_FAILED, or TOOL_FAILED of the named tool. */
export function serverError(
  { errno, detail, tool, cause }: { errno: number; detail: string | Message; tool: string; cause: unknown },
  flavour: MysqlServer['flavour'],
): SafekeepError {
  const code = codeOfServerError(errno, fill('{{detail}}', { detail }), flavour);
  return code === null
    ? new SafekeepError('TOOL_FAILED', { tool, detail }, { cause })
    : new SafekeepError(code, { detail }, { cause });
}

/** The English text of an error's detail. */
export const detailOf = ({ params }: SafekeepError) => fill('{{detail}}', params);

/** As the clients print it: `ERROR 1114 (HY000) at line 9: …`, `Error 2013: …`, `Got error: 1045: …`, `… (1146)`. */
const PRINTED = /\b(?:ERROR|Error|error:) (\d+)\b|\((\d{4})\)\s*$/;

/** The server's error number in the output of a client; 0 when there is none. */
export function errnoPrinted(text: string): number {
  const [, named, last] = PRINTED.exec(text) ?? [];
  return Number(named ?? last ?? 0);
}
