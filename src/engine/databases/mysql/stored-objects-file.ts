/**
 * The second part of a dump: stored objects. The file is SQL that the command-line client executes as it is, laid out so that
 * it can be parsed without understanding SQL: a comment with facts precedes each object, a line of its own ends each statement.
 */
import { z } from 'zod';
import type { Message } from '../../../shared/runs';
import { SafekeepError } from '../../errors';
import { quoteId, quoteString } from './connection';

export const storedObjectSchema = z.object({
  kind: z.enum(['library', 'package', 'package body', 'function', 'procedure', 'view', 'trigger', 'event']),
  name: z.string(),
  /** Triggers only. */
  table: z.string().optional(),
  sqlMode: z.string(),
  /** Character set of the session that created the object; the texts in its code use it. */
  charset: z.string(),
  collation: z.string(),
  /** Events only: the time zone of the schedule. */
  timeZone: z.string().optional(),
  /** A view that refers to a missing object; it cannot be created until that object exists. */
  broken: z.literal(true).optional(),
});

/** A view, trigger, routine or event. `sql` creates it and names neither a definer nor a database. */
export type StoredObject = z.infer<typeof storedObjectSchema> & { sql: string };

const INTRODUCTION = `-- Views, routines, triggers and events. Load them after the tables, into the same database:
-- mysql --binary-mode --default-character-set=utf8mb4 <database> < 2-stored-objects.sql
-- The user who loads them becomes their definer.
`;
/** The line that ends the output of the dump tools. */
export const END_MARK = '-- Dump completed';
const FACTS = '-- safekeep ';

/** The statement that sets up a session as the one that created the object. */
export function sessionFor(object: StoredObject): string {
  const zone = object.timeZone === undefined ? '' : `, time_zone = ${quoteString(object.timeZone)}`;
  return (
    `SET SESSION sql_mode = ${quoteString(object.sqlMode)}, character_set_client = ${charsetFor(object)}, ` +
    `collation_connection = ${object.collation}${zone}`
  );
}

/** The file is UTF-8: code with non-ASCII characters keeps its character set only if that is a form of UTF-8. */
function charsetFor({ charset, sql }: StoredObject): string {
  // eslint-disable-next-line no-control-regex -- matches ASCII on purpose
  return /^utf8(?:mb[34])?$/.test(charset) || /^[\x00-\x7f]*$/.test(sql) ? charset : 'utf8mb4';
}

export function dropStatement({ kind, name }: Pick<StoredObject, 'kind' | 'name'>): string {
  return `DROP ${kind.toUpperCase()} IF EXISTS ${quoteId(name)}`;
}

export function writeStoredObjects(storedObjects: StoredObject[]): string {
  const delimiter = delimiterFor(storedObjects);
  const blocks = storedObjects.map(({ sql, ...facts }) =>
    [
      `${FACTS}${JSON.stringify(facts)}`,
      dropStatement(facts),
      delimiter,
      sessionFor({ sql, ...facts }),
      delimiter,
      sql,
      delimiter,
    ].join('\n'),
  );
  const body =
    blocks.length === 0
      ? ''
      : `\nSET NAMES utf8mb4;\nDELIMITER ${delimiter}\n\n${blocks.join('\n\n')}\n\nDELIMITER ;\n`;
  return `${INTRODUCTION}${body}\n${END_MARK}\n`;
}

/** @throws ARCHIVE_DAMAGED unless `writeStoredObjects` wrote the text */
export function readStoredObjects(text: string): StoredObject[] {
  if (!text.endsWith(`\n${END_MARK}\n`)) throw damaged({ text: 'the end of the stored objects is missing' });
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith('DELIMITER '));
  if (start < 0) return [];
  const delimiter = (lines[start] as string).slice('DELIMITER '.length);
  const storedObjects: StoredObject[] = [];
  let at = start + 1;
  const statement = () => {
    const end = lines.indexOf(delimiter, at);
    if (end < 0) throw damaged({ text: 'the stored objects break off at line {{line}}', params: { line: at + 1 } });
    const found = lines.slice(at, end).join('\n');
    at = end + 1;
    return found;
  };
  for (; at < lines.length && lines[at] !== 'DELIMITER ;';) {
    const line = lines[at] ?? '';
    at += 1;
    if (line === '') continue;
    const facts = line.startsWith(FACTS) ? storedObjectSchema.safeParse(parseJson(line.slice(FACTS.length))) : null;
    if (!facts?.success) {
      throw damaged({ text: 'the stored objects cannot be parsed at line {{line}}', params: { line: at } });
    }
    statement(); // the drop
    statement(); // the session
    storedObjects.push({ ...facts.data, sql: statement() });
  }
  return storedObjects;
}

const damaged = (detail: Message) => new SafekeepError('ARCHIVE_DAMAGED', { detail });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // The schema rejects it.
  }
}

/** A line that occurs in none of the stored objects. */
function delimiterFor(storedObjects: StoredObject[]): string {
  for (let number = 0; ; number += 1) {
    const delimiter = `//safekeep${number || ''}//`;
    if (!storedObjects.some(({ sql }) => sql.includes(delimiter))) return delimiter;
  }
}

// Names in SQL as users write them: in any kind of quotes, or bare.
const NAME = '(?:`(?:[^`]|``)*`|"(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'|[^\\s`"\'.@()]+)';
const NAME_IN_LIST = NAME.replace('[^\\s', '[^,\\s');
const DEFINER = `DEFINER\\s*=\\s*${NAME}(?:\\s*@\\s*${NAME})?\\s+`;
const BEFORE_DEFINER = '\\s*CREATE\\s+(?:OR\\s+REPLACE\\s+)?(?:ALGORITHM\\s*=\\s*\\w+\\s+)?';
const WITH_DEFINER = new RegExp(`^(${BEFORE_DEFINER})${DEFINER}`, 'i');
const QUALIFIED = `(${NAME}\\s*\\.\\s*)?${NAME}`;
const TRIGGER_EVENT = `(?:INSERT|DELETE|UPDATE(?:\\s+OF\\s+${NAME_IN_LIST}(?:\\s*,\\s*${NAME_IN_LIST})*)?)`;
const TRIGGER_HEAD = new RegExp(
  `^${BEFORE_DEFINER}TRIGGER\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?${QUALIFIED}\\s*` +
    `((?:BEFORE|AFTER)\\s+${TRIGGER_EVENT}(?:\\s+OR\\s+${TRIGGER_EVENT})*)\\s+ON\\s*${QUALIFIED}\\s*` +
    `FOR\\s+EACH\\s+ROW\\b\\s*((?:FOLLOWS|PRECEDES)\\s+${NAME}\\s+)?`,
  'i',
);

export function withoutDefiner(sql: string): string {
  return sql.replace(WITH_DEFINER, '$1');
}

/**
 * Event and body of a trigger, from its CREATE statement without definer; null when the statement cannot be parsed.
 * `isPlain`: the statement names no database and no other trigger, so it can be used unchanged.
 */
export function triggerParts(sql: string): { isPlain: boolean; event: string; body: string } | null {
  const head = TRIGGER_HEAD.exec(sql);
  if (!head) return null;
  const [found, schema, event = '', tableSchema, order] = head;
  return { isPlain: !schema && !tableSchema && !order, event, body: sql.slice(found.length) };
}

const NAMED_HEAD = new RegExp(
  `^(\\s*CREATE\\s+(?:OR\\s+REPLACE\\s+)?(?:AGGREGATE\\s+)?(?:FUNCTION|PROCEDURE|EVENT)\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?)${QUALIFIED}`,
  'i',
);

/** The CREATE statement of a routine or an event under another name; null for kinds without such a form. */
export function underName({ sql }: Pick<StoredObject, 'sql'>, name: string): string | null {
  return NAMED_HEAD.test(sql) ? sql.replace(NAMED_HEAD, (_head, start: string) => start + quoteId(name)) : null;
}
