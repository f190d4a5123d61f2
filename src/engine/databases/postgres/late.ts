/** Entries of a dump that are loaded separately: the objects they name can be missing here, or must not be locked for long. */
import { SafekeepError } from '../../errors';
import { type Load, schemasInDump, statementsFor } from './pg-restore';
import { beginningOf, keyword, meaningful, type Statement, textOf, type Token } from './script';
import type { RestoreLists, TocEntry } from './toc';

export interface Late {
  /** The entries to load at once. */
  main: TocEntry[];
  /** Policies, without the roles that are missing here. */
  policies: Statement[];
  /** Foreign keys to other schemas: each locks a table there until its transaction ends. */
  foreignKeys: Statement[];
}

export async function splitLate(lists: RestoreLists, load: Load): Promise<Late> {
  const isPolicy = ({ type, nameAndOwner }: TocEntry) =>
    type === 'POLICY' || (type === 'COMMENT' && nameAndOwner.startsWith('POLICY '));
  const policies = lists.main.filter(isPolicy);
  const foreign = await foreignKeys(lists.main, load);
  const keys = await statementsFor(load, foreign, ['--no-owner']);
  keys.forEach(requireKey);
  return {
    main: lists.main.filter((entry) => !isPolicy(entry) && !foreign.includes(entry)),
    policies: policiesHere(await statementsFor(load, policies, ['--no-owner']), load),
    foreignKeys: keys,
  };
}

async function foreignKeys(entries: TocEntry[], load: Load): Promise<TocEntry[]> {
  const candidates = entries.filter(({ type }) => type === 'FK CONSTRAINT');
  const statements = (await statementsFor(load, candidates, ['--no-owner']))
    .map(({ tokens }) => meaningful(tokens))
    .filter((tokens) => tokens.some((token) => keyword(token) === 'REFERENCES'));
  if (statements.length !== candidates.length) {
    throw new SafekeepError('ARCHIVE_DAMAGED', {
      detail: {
        text: 'the dump contains {{found}} foreign keys instead of {{expected}}',
        params: { found: statements.length, expected: candidates.length },
      },
    });
  }
  const own = schemasInDump(load);
  return candidates.flatMap((entry, index) => {
    const tokens = statements[index] ?? [];
    const schema = Buffer.from(after(tokens, 'REFERENCES')?.name ?? '', 'latin1').toString('utf8');
    if (own.includes(schema)) return [];
    const { raw = '', name = '' } = after(tokens, 'CONSTRAINT') ?? {};
    const names = [raw, name].map((bytes) => Buffer.from(bytes, 'latin1').toString('utf8'));
    const comments = entries.filter(
      ({ type, nameAndOwner: about }) =>
        type === 'COMMENT' && names.some((constraint) => about.startsWith(`CONSTRAINT ${constraint} ON `)),
    );
    return [entry, ...comments];
  });
}

/** A statement that runs after all checks must be a plain foreign key. @throws ARCHIVE_DAMAGED */
function requireKey({ tokens }: Statement): void {
  const words = meaningful(tokens);
  if (keyword(words[0]) !== 'ALTER') return;
  let depth = 0;
  const commas = words.filter(({ raw }) => {
    depth += raw === '(' ? 1 : raw === ')' ? -1 : 0;
    return raw === ',' && depth === 0;
  });
  const shape = words.map((token) => keyword(token) || token.raw[0]).join(' ');
  if (/^ALTER TABLE (ONLY )?\S+ \. \S+ ADD CONSTRAINT \S+ FOREIGN KEY /.test(shape) && commas.length === 0) return;
  throw new SafekeepError('ARCHIVE_DAMAGED', {
    detail: {
      text: 'the dump contains an invalid foreign key: {{statement}}',
      params: { statement: beginningOf(tokens) },
    },
  });
}

const after = (tokens: readonly Token[], word: string): Token | undefined =>
  tokens[tokens.findIndex((token) => keyword(token) === word) + 1];

/** A policy that applies to missing roles only is skipped: it has no effect. */
function policiesHere(statements: Statement[], load: Load): Statement[] {
  const skipped: string[] = [];
  const kept = statements.flatMap((statement) => {
    const words = meaningful(statement.tokens);
    const verb = keyword(words[0]);
    const at = words.findIndex((token) => keyword(token) === 'POLICY');
    // POLICY "name" ON "schema"."table"
    const [, name, , ...table] = words.slice(at, at + 6);
    const title = `${name?.raw ?? ''} ON ${textOf(table)}`;
    if (verb === 'COMMENT') return skipped.includes(title) ? [] : [statement];
    if (verb !== 'CREATE') return [statement];
    const tokens = withoutMissingRoles(statement.tokens, load);
    if (tokens === null) skipped.push(title);
    return tokens ? [{ ...statement, tokens }] : [];
  });
  if (skipped.length > 0) {
    const policies = Buffer.from(skipped.join(', '), 'latin1').toString('utf8');
    load.run.log('warn', {
      text: 'Policies for roles that do not exist here were skipped: {{policies}}',
      params: { policies },
    });
  }
  return kept;
}

/** `… TO "one", "two" USING (…)`: null when no role is left. */
function withoutMissingRoles(tokens: Token[], { privileges: { roles } }: Load): Token[] | null {
  const to = tokens.findIndex((token) => keyword(token) === 'TO');
  if (to < 0) return tokens;
  const end = tokens.findIndex(
    ({ kind, raw }, index) =>
      index > to && kind !== 'space' && raw !== ',' && !raw.startsWith('"') && !isPlainRole(raw),
  );
  const named = tokens.slice(to + 1, end).filter(({ kind }) => kind === 'name');
  const isHere = ({ raw, name = '' }: Token) =>
    !raw.startsWith('"') || roles.has(Buffer.from(name, 'latin1').toString('utf8'));
  const kept = named.filter(isHere);
  if (kept.length === named.length) return tokens;
  if (kept.length === 0) return null;
  const list: Token = { kind: 'other', raw: `TO ${kept.map(({ raw }) => raw).join(', ')} ` };
  return [...tokens.slice(0, to), list, ...tokens.slice(end)];
}

/** Not quoted: PUBLIC and the like. */
const isPlainRole = (raw: string) => /^(PUBLIC|CURRENT_USER|SESSION_USER|CURRENT_ROLE)$/.test(raw);
