/** Rewrites the SQL of pg_restore so that it loads into other schemas than those of the dump. */
import { SafekeepError } from '../../errors';
import { quoteName } from './connection';
import type { Token } from './script';

export interface Renaming {
  /** From the schema in the dump to the schema that is loaded into. */
  schemas: ReadonlyMap<string, string>;
  /** Names that stay in these schemas: those that extensions created. Operators are names, too. */
  staying: ReadonlyMap<string, ReadonlySet<string>>;
}

const OPERATOR = /[-+*/<>=~!@#%^&|`?]/;
/** Types whose texts name an object. */
const NAMING_TYPE = /^reg(class|proc|procedure|oper|operator|type|config|dictionary|collation)$/;

/** Names within string constants are rewritten only where they name an object: sequences, and casts to such a type. */
export function renameIn(tokens: Token[], renaming: Renaming): Token[] {
  const { schemas } = renaming;
  // Schema names are compared as bytes, as in the script.
  const target = (name: string | undefined) => (name === undefined ? undefined : schemas.get(fromBytes(name)));
  const result = tokens.map((token) => ({ ...token }));
  const at = (index: number): Token => result[index] ?? { kind: 'space', raw: '' };
  const before = significantBefore(tokens);
  for (const [index, token] of result.entries()) {
    if (token.kind === 'name') {
      const into = target(token.name);
      if (into === undefined) continue;
      const isQualifier = at(index + 1).raw === '.' && at(index - 1).raw !== '.';
      const stays = isQualifier && isStaying(fromBytes(token.name ?? ''), nameAt(tokens, index + 2), renaming);
      const isSchema = before(index, 1) === 'SCHEMA' && ['IN', 'ON'].includes(before(index, 2));
      if ((isQualifier && !stays) || isSchema) token.raw = toBytes(quoteName(into));
    }
    if (token.kind === 'text') {
      const isCounter = before(index, 1) === '(' && before(index, 2).toLowerCase() === 'setval';
      if (isCounter || isNamingCast(tokens, index)) token.raw = renamedText(token.raw, renaming, isCounter);
    }
  }
  return result;
}

const toBytes = (words: string) => Buffer.from(words, 'utf8').toString('latin1');
const fromBytes = (bytes: string) => Buffer.from(bytes, 'latin1').toString('utf8');

/** The n-th token before a position, without white space. */
function significantBefore(tokens: readonly Token[]): (index: number, n: number) => string {
  return (index, n) => {
    let left = n;
    for (let i = index - 1; i >= 0; i -= 1) {
      if (tokens[i]?.kind === 'space') continue;
      left -= 1;
      if (left === 0) return tokens[i]?.raw ?? '';
    }
    return '';
  };
}

function nameAt(tokens: readonly Token[], index: number): string {
  const token = tokens[index];
  if (token?.kind === 'name') return fromBytes(token.name ?? '');
  let operator = '';
  for (let i = index; OPERATOR.test(tokens[i]?.raw ?? ''); i += 1) operator += tokens[i]?.raw ?? '';
  return operator;
}

function isStaying(schema: string, name: string, { staying }: Renaming): boolean {
  return staying.get(schema)?.has(name) ?? false;
}

/** `'…'::"regclass"`, with or without `pg_catalog.` */
function isNamingCast(tokens: readonly Token[], index: number): boolean {
  if (tokens[index + 1]?.raw !== ':' || tokens[index + 2]?.raw !== ':') return false;
  const isQualified = tokens[index + 3]?.name === 'pg_catalog' && tokens[index + 4]?.raw === '.';
  return NAMING_TYPE.test(tokens[index + (isQualified ? 5 : 3)]?.name ?? '');
}

function renamedText(raw: string, { schemas, staying }: Renaming, mustName: boolean): string {
  const inner = fromBytes(raw.slice(1, -1)).replaceAll(`''`, `'`);
  const [, quoted, plain, rest = ''] = /^(?:"((?:[^"]|"")*)"|([^".(]+))\.([^]*)$/.exec(inner) ?? [];
  const schema = quoted?.replaceAll('""', '"') ?? plain ?? '';
  const into = schemas.get(schema);
  // A sequence that is not renamed would be set in the live data.
  if (into === undefined && mustName) {
    throw new SafekeepError('TOOL_FAILED', {
      tool: 'pg_restore',
      detail: { text: 'the sequence {{name}} is not in the app’s schemas', params: { name: inner } },
    });
  }
  const name = /^"((?:[^"]|"")*)"|^[^(]*/.exec(rest);
  if (into === undefined || staying.get(schema)?.has(name?.[1] ?? name?.[0] ?? '')) return raw;
  return toBytes(`'${`${quoteName(into)}.${rest}`.replaceAll(`'`, `''`)}'`);
}
