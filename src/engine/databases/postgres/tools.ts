/** Selects PostgreSQL clients on this machine. */
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { SafekeepError } from '../../errors';
import type { ToolReport } from '../driver';
import { findTools, installCommand, majorOf } from '../tools';

const NAMES = ['pg_dump', 'pg_restore'] as const;
type Name = (typeof NAMES)[number];

/** The two clients of one release: they belong together because of the archive's format. */
export interface PostgresTools {
  version: string;
  major: number;
  pg_dump: string;
  pg_restore: string;
}

interface Found {
  suites: PostgresTools[];
  /** The highest version of each name, whether or not its companions exist. */
  single: Partial<Record<Name, { path: string; version: string }>>;
}

async function findSuites(): Promise<Found> {
  const byFolder = new Map<string, Partial<Record<Name, { path: string; version: string }>>>();
  const single: Found['single'] = {};
  for (const name of NAMES) {
    for (const { path: file, version } of await findTools([name])) {
      single[name] ??= { path: file, version };
      // Links to both may be in one folder, or the targets of the links.
      for (const folder of new Set([path.dirname(file), path.dirname(await realpath(file).catch(() => file))])) {
        const companions = byFolder.get(folder) ?? {};
        companions[name] ??= { path: file, version };
        byFolder.set(folder, companions);
      }
    }
  }
  const suites: PostgresTools[] = [];
  for (const { pg_dump, pg_restore } of byFolder.values()) {
    if (!pg_dump || !pg_restore) continue;
    const major = majorOf(pg_dump.version);
    if (majorOf(pg_restore.version) !== major) continue;
    suites.push({ version: pg_dump.version, major, pg_dump: pg_dump.path, pg_restore: pg_restore.path });
  }
  return { suites, single };
}

/** The lowest sufficient major version, so that most tools can read the dump; within a major version the first found, the newest. */
function lowestFitting(suites: readonly PostgresTools[], neededMajor: number): PostgresTools | null {
  const fitting = suites.filter(({ major }) => major >= neededMajor).sort((a, b) => a.major - b.major);
  return fitting[0] ?? null;
}

/** @param neededMajor the server's major version, or that of the tool that made the dump; 0 when unknown */
export async function reportTools(neededMajor: number): Promise<ToolReport[]> {
  const { suites, single } = await findSuites();
  const chosen = neededMajor > 0 ? lowestFitting(suites, neededMajor) : (suites[0] ?? null);
  const install = await installCommand('postgres', String(neededMajor));
  return NAMES.map((name): ToolReport => {
    if (chosen) return { name, path: chosen[name], version: chosen.version, status: 'ok', install };
    const other = single[name];
    if (!other) return { name, path: null, version: null, status: 'missing', install };
    const tooOld = majorOf(other.version) < neededMajor;
    // Recent enough itself, but without its companions: the report for their names shows what is missing.
    return { name, ...other, status: tooOld ? 'too old' : 'ok', install };
  });
}

/** @throws TOOL_MISSING, TOOL_TOO_OLD */
export async function requireTools(neededMajor: number): Promise<PostgresTools> {
  const { suites, single } = await findSuites();
  const chosen = lowestFitting(suites, neededMajor);
  if (chosen) return chosen;
  const install = await installCommand('postgres', String(neededMajor));
  const missing = NAMES.find((name) => !single[name]);
  const highest = suites[0] ?? single.pg_dump;
  if (missing || !highest) throw new SafekeepError('TOOL_MISSING', { tool: missing ?? NAMES[0], install });
  const params = { tool: 'pg_dump', version: highest.version, serverVersion: String(neededMajor), install };
  throw new SafekeepError('TOOL_TOO_OLD', params);
}
