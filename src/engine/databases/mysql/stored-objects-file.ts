/**
 * The second part of a dump: what has code. SQL that the command-line client takes as it is, laid out so that it can be read
 * back without understanding SQL: before each program a comment with its facts, every statement ended by a line of its own.
 */
import { z } from 'zod';
import { SafekeepError } from '../../errors';
import { quoteId, quoteString } from './connection';

export const storedObjectSchema = z.object({
  kind: z.enum(['library', 'package', 'package body', 'function', 'procedure', 'view', 'trigger', 'event']),
  name: z.string(),
  /** Triggers only. */
  table: z.string().optional(),
  sqlMode: z.string(),
  /** Character set of the session that made the program: the texts in its code have it. */
  charset: z.string(),
  collation: z.string(),
  /** Events only: the zone of the times in its schedule. */
  timeZone: z.string().optional(),
  /** A view that names what is not there; it can not be made again before that is. */
  broken: z.literal(true).optional(),
});

/** A view, trigger, routine or event. `sql` creates it, with no definer and no database named. */
export type StoredObject = z.infer<typeof storedObjectSchema> & { sql: string };

const INTRODUCTION = `-- Views, routines, triggers and events; to be loaded after the tables, into the same database:
-- mysql --binary-mode --default-character-set=utf8mb4 <database> < 2-stored-objects.sql
-- Whoever loads this becomes their definer.
`;
/** As the dump tools end their output. */
export const END_MARK = '-- Dump completed';
const FACTS = '-- safekeep ';

/** Statement that gives a session what the program was made with. */
export function sessionFor(object: StoredObject): string {
  const zone = object.timeZone === undefined ? '' : `, time_zone = ${quoteString(object.timeZone)}`;
  return (
    `SET SESSION sql_mode = ${quoteString(object.sqlMode)}, character_set_client = ${charsetFor(object)}, ` +
    `collation_connection = ${object.collation}${zone}`
  );
}

/** Our text is UTF-8: code with other letters than ASCII's keeps its character set only if that is one of its forms. */
function charsetFor({ charset, sql }: StoredObject): string {
  // eslint-disable-next-line no-control-regex -- ASCII is what is asked for.
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

/** @throws ARCHIVE_DAMAGED when it is not what `writePrograms` gives */
export function readStoredObjects(text: string): StoredObject[] {
  const damaged = (detail: string) => new SafekeepError('ARCHIVE_DAMAGED', { detail: `its programs part ${detail}` });
  if (!text.endsWith(`\n${END_MARK}\n`)) throw damaged('has no end');
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith('DELIMITER '));
  if (start < 0) return [];
  const delimiter = (lines[start] as string).slice('DELIMITER '.length);
  const storedObjects: StoredObject[] = [];
  let at = start + 1;
  const statement = () => {
    const end = lines.indexOf(delimiter, at);
    if (end < 0) throw damaged(`breaks off at line ${at + 1}`);
    const found = lines.slice(at, end).join('\n');
    at = end + 1;
    return found;
  };
  for (; at < lines.length && lines[at] !== 'DELIMITER ;';) {
    const line = lines[at] ?? '';
    at += 1;
    if (line === '') continue;
    const facts = line.startsWith(FACTS) ? storedObjectSchema.safeParse(parseJson(line.slice(FACTS.length))) : null;
    if (!facts?.success) throw damaged(`can not be read at line ${at}`);
    statement(); // the drop
    statement(); // the session
    storedObjects.push({ ...facts.data, sql: statement() });
  }
  return storedObjects;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // The schema refuses it.
  }
}

/** A line that stands in none of the programs. */
function delimiterFor(storedObjects: StoredObject[]): string {
  for (let number = 0; ; number += 1) {
    const delimiter = `//safekeep${number || ''}//`;
    if (!storedObjects.some(({ sql }) => sql.includes(delimiter))) return delimiter;
  }
}

// Names in SQL as users write them: in any of the quotes, or bare.
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
 * What a trigger does, and at which event, from its CREATE statement without definer; null when that can not be taken apart.
 * `isPlain`: the statement names no database and no other trigger, so that it can be used as it is.
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

/** The CREATE statement of a routine or an event under another name; null for what has no such form. */
export function underName({ sql }: Pick<StoredObject, 'sql'>, name: string): string | null {
  return NAMED_HEAD.test(sql) ? sql.replace(NAMED_HEAD, (_head, start: string) => start + quoteId(name)) : null;
}
