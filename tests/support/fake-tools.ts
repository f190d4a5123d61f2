/** Database clients that misbehave, found through SAFEKEEP_TOOLS_PATH in place of the real ones. */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TOOLS_PATH_VARIABLE } from '../../src/engine/databases/tools';
import { findProgram, removeFolder, temporaryFolder, versionedFolders } from './child';

export type ToolFamily = 'postgres' | 'mariadb';

/** The client tools of each family: the first one dumps, the second one loads. */
const TOOLS: Record<ToolFamily, string[]> = {
  postgres: ['pg_dump', 'pg_restore'],
  mariadb: ['mariadb-dump', 'mariadb'],
};

/**
 * What a fake does instead of its work, as lines of a shell script: `real "$@"` is the real tool, `$here` a folder
 * of the fake's own.
 */
export type Behaviour = { dump?: string; load?: string };

export const BEHAVIOURS = {
  /** Half of the output, then an error. */
  printsHalfAndFails:
    'real "$@" > $here/whole; head -c $(($(wc -c < $here/whole) / 2)) $here/whole; echo "disk on fire" >&2; exit 1',
  /** Half of the output, and no word of it. */
  printsHalfAndIsContent: 'real "$@" > $here/whole; head -c $(($(wc -c < $here/whole) / 2)) $here/whole; exit 0',
  printsNothing: 'exit 0',
  /** Takes half of the input, then fails. */
  takesHalfAndFails: 'head -c 2000 > /dev/null; echo "server on fire" >&2; exit 3',
  /** Takes half of the input, and no word of it. */
  takesHalfAndIsContent: 'head -c 40000 > $here/half; real "$@" < $here/half; exit 0',
  /** Takes some of the input, then nothing happens any more. */
  hangs: 'head -c 2000 > /dev/null; exec sleep 600',
  /** Takes some of the input, then somebody ends it the hard way. */
  isKilled: 'head -c 2000 > /dev/null; kill -9 $$',
  /** Does its work and prints a notice. */
  printsANotice: 'real "$@"; code=$?; echo "WARNING: a harmless notice" >&2; exit $code',
  printsNoise: 'head -c 80000000 /dev/urandom; exit 0',
  /** Begins, reports it, and continues on a signal of the test. */
  waits: 'touch $here/started; while [ ! -e $here/go ]; do sleep 0.05; done; real "$@"',
} as const;

export interface FakeTools {
  /** Resolves when a fake that waits has begun. */
  started(): Promise<void>;
  /** Lets a fake that waits go on. */
  go(): void;
  /** The real tools are found again. */
  remove(): void;
}

/** From now on the host finds only these tools. `version`: the version that they report; null: there are none. */
export function fakeTools(family: ToolFamily, behaviour: Behaviour, version?: string | null): FakeTools {
  const folder = temporaryFolder('tools');
  const bin = path.join(folder, 'bin');
  mkdirSync(bin);
  const [dump, load] = TOOLS[family];
  for (const name of version === null ? [] : TOOLS[family]) {
    const real = findProgram([name], versionedFolders('/usr/lib/postgresql', 'bin'), name);
    const given = name === dump ? behaviour.dump : name === load ? behaviour.load : undefined;
    const versionCall = typeof version !== 'string' ? 'real --version' : `echo '${versionLine(family, name, version)}'`;
    const script = [
      '#!/bin/sh',
      `here=${folder}`,
      `real() { ${real} "$@"; }`,
      `if [ "$1" = --version ]; then ${versionCall}; exit; fi`,
      // In the shell's place, so that a signal reaches it.
      given ?? `exec ${real} "$@"`,
    ];
    writeFileSync(path.join(bin, name), `${script.join('\n')}\n`);
    chmodSync(path.join(bin, name), 0o755);
  }
  const before = process.env[TOOLS_PATH_VARIABLE];
  process.env[TOOLS_PATH_VARIABLE] = bin;
  return {
    started: async () => {
      while (!existsSync(path.join(folder, 'started'))) await sleep(20);
    },
    go: () => writeFileSync(path.join(folder, 'go'), ''),
    remove: () => {
      if (before === undefined) delete process.env[TOOLS_PATH_VARIABLE];
      else process.env[TOOLS_PATH_VARIABLE] = before;
      removeFolder(folder);
    },
  };
}

function versionLine(family: ToolFamily, name: string, version: string): string {
  return family === 'postgres'
    ? `${name} (PostgreSQL) ${version}`
    : `${name} from ${version}-MariaDB, client 10.19 for Linux (x86_64)`;
}
