/** Programs the tests start: found on this machine, started on a free port, and never left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** A port nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/** Absolute path of a program on PATH or in one of `folders`; the error says what to install. */
export function findProgram(names: string[], folders: string[], install: string): string {
  const onPath = (process.env['PATH'] ?? '').split(path.delimiter);
  for (const folder of [...folders, ...onPath, '/usr/sbin', '/usr/local/sbin']) {
    for (const name of names) {
      const candidate = path.join(folder, name);
      try {
        accessSync(candidate, constants.X_OK);
        return candidate;
      } catch {
        // Not here: look in the next folder.
      }
    }
  }
  throw new Error(`${names.join(' or ')} was not found. Install it with: ${install}`);
}

/** Folders below `parent`, the highest number first: /usr/lib/postgresql/15/bin. */
export function versionedFolders(parent: string, below: string): string[] {
  try {
    return readdirSync(parent)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => path.join(parent, version, below));
  } catch {
    return [];
  }
}

/** A new folder below the system's temporary one. */
export function temporaryFolder(name: string): string {
  return mkdtempSync(path.join(tmpdir(), `safekeep-${name}-`));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

export interface ChildOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  /** The signal that asks for an orderly end. */
  stopSignal: NodeJS.Signals;
  /** After so long the child is killed. */
  graceMs: number;
}

export interface Child {
  readonly process: ChildProcess;
  /** What it printed so far, the last 64 KiB. */
  output(): string;
  /** Waits until `ready` answers true; throws with the output when the child ends before, or after `timeoutMs`. */
  waitUntil(ready: () => Promise<boolean>, timeoutMs: number): Promise<void>;
  /** Ends it and waits for the end. May be called more than once. */
  stop(): Promise<void>;
}

/** Kills the child when this process is gone, however it went: the watchdog's input is a pipe that closes with us. */
const WATCHDOG = 'read -r line; kill -s "$2" "$1" 2>/dev/null && sleep 3 && kill -s KILL "$1" 2>/dev/null';

/** Starts a long-running program in a process group of its own. It ends with this process at the latest. */
export function startChild(program: string, args: string[], options: ChildOptions): Child {
  const { stopSignal, graceMs, ...spawnOptions } = options;
  const child = spawn(program, args, { ...spawnOptions, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const watchdog = spawn('sh', ['-c', WATCHDOG, 'sh', String(child.pid), stopSignal.replace('SIG', '')], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.unref();

  let printed = '';
  const keep = (chunk: Buffer) => (printed = (printed + chunk.toString('utf8')).slice(-65_536));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      printed += error.message;
      resolve();
    });
    child.once('exit', () => resolve());
  }).then(() => {
    watchdog.kill('SIGKILL');
  });

  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  return {
    process: child,
    output: () => printed,
    async waitUntil(ready, timeoutMs) {
      const deadline = Date.now() + timeoutMs;
      while (!(await ready())) {
        if (!isRunning()) throw new Error(`${path.basename(program)} ended before it was ready:\n${printed}`);
        if (Date.now() > deadline) throw new Error(`${path.basename(program)} is not ready:\n${printed}`);
        await sleep(100);
      }
    },
    async stop() {
      if (isRunning()) child.kill(stopSignal);
      const killer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(killer);
    },
  };
}
