import { chmodSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import { removeFolder, temporaryFolder } from './child';
import { startMariadb } from './mariadb';
import { startPostgres } from './postgres';
import { seedOfRun } from './seed';

/** How tests reach the shared servers; `inject('servers')` gives it, freshDatabase() in servers.ts is the handier way. */
export interface SharedServers {
  postgres: { host: string; port: number; superuser: string; password: string };
  mariadb: { host: string; port: number; user: string; password: string; socket: string };
}

declare module 'vitest' {
  interface ProvidedContext {
    servers: SharedServers;
  }
}

interface Running {
  servers: Promise<SharedServers>;
  stop(): Promise<void>;
  users: number;
}
/** Each project loads this module anew; they share the process, so the servers hang on its global. */
const shared = globalThis as { safekeepTestServers?: Running };

/** All temporary folders of the run lie in one, so that nothing stays behind whatever a test forgets. */
function gatherTemporaryFolders(): { remove(): void } {
  const { TMPDIR: before } = process.env;
  const folder = temporaryFolder('tests');
  chmodSync(folder, 0o1777); // As /tmp itself: the servers run as users of their own.
  process.env['TMPDIR'] = folder; // The test processes, started later, inherit it.
  return {
    remove() {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
      removeFolder(folder);
    },
  };
}

function start(): Running {
  console.log(`SAFEKEEP_SEED=${seedOfRun()}`);
  const temporary = gatherTemporaryFolders();
  const starting = [startPostgres(), startMariadb()] as const;
  return {
    users: 0,
    servers: Promise.all(starting).then(
      ([{ stop: _p, ...postgres }, { stop: _m, kill: _k, start: _s, ...mariadb }]) => ({
        postgres,
        mariadb,
      }),
    ),
    async stop() {
      for (const result of await Promise.allSettled(starting)) {
        if (result.status === 'fulfilled') await result.value.stop();
      }
      temporary.remove();
    },
  };
}

/** One PostgreSQL and one MariaDB server per test run, however many projects use them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const running = (shared.safekeepTestServers ??= start());
  running.users += 1;
  try {
    project.provide('servers', await running.servers);
  } catch (error) {
    await running.stop();
    throw error;
  }
  return async () => {
    running.users -= 1;
    if (running.users > 0) return;
    delete shared.safekeepTestServers;
    await running.stop();
  };
}
