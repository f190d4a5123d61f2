/** Extensions are not dumped but listed; a restore creates them. */
import type { DatabaseExtension } from '../../../shared/manifest';
import { type Client, quoteName, rows } from './connection';

/** The server's facts about an extension that is installed on it. */
export interface AvailableExtension {
  /** Of the version that CREATE EXTENSION would use. */
  version: string;
  /** The only schema it can be in; null when that can be chosen. */
  fixedSchema: string | null;
  /** Only a superuser can create it. */
  needsSuperuser: boolean;
}

export type Available = ReadonlyMap<string, AvailableExtension>;

export async function availableExtensions(client: Client): Promise<Available> {
  // As JSON, because the column "trusted" came with PostgreSQL 13.
  const found = await rows<{
    row: { name: string; version: string; schema: string | null; superuser: boolean; trusted?: boolean };
  }>(
    client,
    `SELECT to_jsonb(v) AS row FROM pg_available_extension_versions v
       JOIN pg_available_extensions e ON e.name = v.name AND e.default_version = v.version`,
  );
  return new Map(
    found.map(({ row }) => [
      row.name,
      { version: row.version, fixedSchema: row.schema, needsSuperuser: row.superuser && row.trusted !== true },
    ]),
  );
}

/** Statements that create the missing ones, in the given order: an extension follows those it needs. */
export function createExtensions(extensions: readonly DatabaseExtension[], available: Available): string {
  return extensions
    .flatMap(({ name, schema }) => {
      if (available.get(name)?.fixedSchema) return [`CREATE EXTENSION IF NOT EXISTS ${quoteName(name)} CASCADE;`];
      const makeSchema = schema === 'pg_catalog' ? [] : [`CREATE SCHEMA IF NOT EXISTS ${quoteName(schema)};`];
      return [...makeSchema, `CREATE EXTENSION IF NOT EXISTS ${quoteName(name)} SCHEMA ${quoteName(schema)} CASCADE;`];
    })
    .join('\n');
}

/** Both lists as one; for an extension in both, the first list's entry counts. */
export function unionOf(
  first: readonly DatabaseExtension[],
  second: readonly DatabaseExtension[],
): DatabaseExtension[] {
  const names = new Set(first.map(({ name }) => name));
  return [...first, ...second.filter(({ name }) => !names.has(name))];
}
