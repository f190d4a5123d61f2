/** Starts a NocoBase from this project's node_modules; shared by `npm start` and the tests. */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { pkg, root } from './project.mjs';

/** The first user, as the host creates it unless the environment overrides it. */
export const firstUser = {
  INIT_ROOT_EMAIL: 'admin@nocobase.com',
  INIT_ROOT_PASSWORD: 'admin123',
  INIT_ROOT_NICKNAME: 'Super Admin',
  INIT_ROOT_USERNAME: 'nocobase',
};

/** Copies the files that `npm pack` would pack into the host's folder of plugins. */
export function stagePlugin(storage) {
  if (!existsSync(path.join(root, 'dist'))) throw new Error('dist/ does not exist yet. Run: npm run build');
  const staged = path.join(storage, 'plugins', pkg.name);
  rmSync(staged, { recursive: true, force: true });
  mkdirSync(staged, { recursive: true });
  for (const name of ['package.json', ...pkg.files]) {
    const source = path.join(root, name);
    if (existsSync(source)) cpSync(source, path.join(staged, name), { recursive: true });
  }
}

/**
 * Creates a folder of links to the host's packages, to be its NODE_MODULES_PATH. The host links plugins into that folder
 * and rewrites the client's index.html: with a folder of its own, each host on a machine is independent of the others,
 * and the project's node_modules stays as npm left it.
 */
export function linkModules(folder) {
  const from = path.join(root, 'node_modules/@nocobase');
  const to = path.join(folder, '@nocobase');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    if (name !== 'app') symlinkSync(path.join(from, name), path.join(to, name), 'junction');
  }
  cpSync(path.join(from, 'app/dist'), path.join(to, 'app/dist'), { recursive: true });
}

/**
 * The process that runs a command of NocoBase, as arguments for spawn().
 * @param {{ storage: string, modules: string, port: number, env: NodeJS.ProcessEnv, command: string[] }} host
 *   `storage`: absolute; `modules`: the folder that linkModules() created; `env`: variables that override our defaults.
 */
export function hostProcess({ storage, modules, port, env, command }) {
  mkdirSync(path.join(storage, 'db'), { recursive: true });
  return {
    program: process.execPath,
    args: [path.join(root, 'scripts/host-main.cjs'), ...command],
    env: {
      APP_ENV: 'production',
      APP_KEY: 'a-key-for-trying-out-only',
      DB_DIALECT: 'sqlite',
      ...firstUser,
      ...env,
      APP_PORT: String(port),
      STORAGE_PATH: storage,
      NODE_MODULES_PATH: modules,
      APP_PACKAGE_ROOT: path.join(modules, '@nocobase/app'),
      // Where plugins find the host's packages, and the host finds the plugins.
      NODE_PATH: [modules, path.join(root, 'node_modules')].join(path.delimiter),
    },
  };
}

export async function isPortFree(port) {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
