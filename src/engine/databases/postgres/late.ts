/** Entries of a dump that are not loaded with the others: what they name may be missing here, or must not be locked for long. */
import { SafekeepError } from '../../errors';
import { type Load, scriptOf } from './pg-restore';
import { meaningful, statementsOf, textOf, type Token } from './script';
import type { RestoreLists, TocEntry } from './toc';

export interface Late {
  /** What is left to be loaded at once. */
  main: TocEntry[];
  /** Policies, without the roles that are missing here. */
  policies: string;
  /** Foreign keys to other schemas: each locks a table there until its transaction ends. */
  foreignKeys: string;
}

export async function splitLate(lists: RestoreLists, load: Load): Promise<Late> {
  const isPolicy = ({ type, nameAndOwner }: TocEntry) =>
    type === 'POLICY' || (type === 'COMMENT' && nameAndOwner.startsWith('POLICY '));
  const policies = lists.main.filter(isPolicy);
  const foreign = await foreignKeys(lists.main, load);
  return {
    main: lists.main.filter((entry) => !isPolicy(entry) && !foreign.includes(entry)),
    policies: policies.length === 0 ? '' : await policyScript(policies, load),
    foreignKeys: foreign.length === 0 ? '' : await scriptOf(load, foreign, ['--no-owner']),
  };
}

async function foreignKeys(entries: TocEntry[], load: Load): Promise<TocEntry[]> {
  const candidates = entries.filter(({ type }) => type === 'FK CONSTRAINT');
  if (candidates.length === 0) return [];
  const statements = statementsOf(await scriptOf(load, candidates, ['--no-owner']))
    .map(meaningful)
    .filter((tokens) => tokens.some(({ raw }) => raw === 'REFERENCES'));
  if (statements.length !== candidates.length) {
    const detail = `${statements.length} foreign keys instead of ${candidates.length}`;
    throw new SafekeepError('TOOL_FAILED', { tool: 'pg_restore', detail });
  }
  const own = load.schemas.map((schema) => load.renaming?.schemas.get(schema) ?? schema);
  return candidates.flatMap((entry, index) => {
    const tokens = statements[index] ?? [];
    const schema = after(tokens, 'REFERENCES')?.name ?? '';
    if (own.includes(schema)) return [];
    const { raw = '', name = '' } = after(tokens, 'CONSTRAINT') ?? {};
    const comments = entries.filter(
      ({ type, nameAndOwner: about }) =>
        type === 'COMMENT' && [raw, name].some((constraint) => about.startsWith(`CONSTRAINT ${constraint} ON `)),
    );
    return [entry, ...comments];
  });
}

const after = (tokens: readonly Token[], word: string): Token | undefined =>
  tokens[tokens.findIndex(({ raw }) => raw === word) + 1];

/** A policy that is for missing roles only is left out: it gives nobody anything. */
async function policyScript(entries: TocEntry[], load: Load): Promise<string> {
  const skipped: string[] = [];
  const statements = statementsOf(await scriptOf(load, entries, ['--no-owner'])).map((tokens) => {
    const words = meaningful(tokens);
    const verb = words[0]?.raw;
    const at = words.findIndex(({ raw }) => raw === 'POLICY');
    // POLICY "name" ON "schema"."table"
    const [, name, , ...table] = words.slice(at, at + 6);
    const title = `${name?.raw ?? ''} ON ${textOf(table)}`;
    if (verb === 'COMMENT') return skipped.includes(title) ? '' : textOf(tokens);
    if (verb !== 'CREATE') return textOf(tokens);
    const kept = withoutMissingRoles(tokens, load);
    if (kept === null) skipped.push(title);
    return kept ?? '';
  });
  if (skipped.length > 0) {
    load.run.log('warn', {
      text: 'Policies for roles that are missing here are left out: {{policies}}',
      params: { policies: skipped.join(', ') },
    });
  }
  return statements.join('');
}

/** `… TO "one", "two" USING (…)`: null when nobody is left. */
function withoutMissingRoles(tokens: Token[], { privileges: { roles } }: Load): string | null {
  const to = tokens.findIndex(({ raw }) => raw === 'TO');
  if (to < 0) return textOf(tokens);
  const end = tokens.findIndex(
    ({ kind, raw }, index) =>
      index > to && kind !== 'space' && raw !== ',' && !raw.startsWith('"') && !isPlainRole(raw),
  );
  const named = tokens.slice(to + 1, end).filter(({ kind }) => kind === 'name');
  const isHere = ({ raw, name = '' }: Token) => !raw.startsWith('"') || roles.has(Buffer.from(name).toString());
  const kept = named.filter(isHere);
  if (kept.length === named.length) return textOf(tokens);
  if (kept.length === 0) return null;
  return `${textOf(tokens.slice(0, to))}TO ${kept.map(({ raw }) => raw).join(', ')} ${textOf(tokens.slice(end))}`;
}

/** Not quoted: PUBLIC and its like. */
const isPlainRole = (raw: string) => /^(PUBLIC|CURRENT_USER|SESSION_USER|CURRENT_ROLE)$/.test(raw);
