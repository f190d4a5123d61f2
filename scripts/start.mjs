/**
 * `npm start`: a real NocoBase with the plugin, on SQLite unless the host's own variables configure another database.
 * `npm start -- <command>`: runs a command of NocoBase, for example `npm start -- pm list`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostApi } from './host-api.mjs';
import { firstUser, hostProcess, isPortFree, linkModules, stagePlugin } from './host.mjs';
import { pkg, root } from './project.mjs';
import { prepareNewApp } from './sample.mjs';

const GRACE_MS = 15_000;
const PATIENCE_MS = 45_000;

// npm runs scripts in the project's folder; relative paths refer to the folder where the user runs npm.
process.chdir(process.env.INIT_CWD ?? process.cwd());
if (existsSync('.env')) process.loadEnvFile('.env');

const env = process.env;
const command = process.argv.slice(2);
const port = Number(env.APP_PORT || 13000);
const storage = path.resolve(env.STORAGE_PATH || path.join(root, '.demo/storage'));
const modules = path.join(
  root,
  '.demo/hosts',
  createHash('sha256').update(storage).digest('hex').slice(0, 8),
  'node_modules',
);
const preparedMark = path.join(storage, '.safekeep-prepared');
const usesDefaultSqlite = (env.DB_DIALECT || 'sqlite') === 'sqlite' && !env.DB_STORAGE;
const url = `http://localhost:${port}`;

function fail(message) {
  console.error(message);
  process.exit(1);
}

function startHost(hostCommand) {
  const host = hostProcess({
    storage,
    modules,
    port,
    env: { LOGGER_TRANSPORT: 'dailyRotateFile', APPEND_PRESET_BUILT_IN_PLUGINS: pkg.name, ...env },
    command: hostCommand,
  });
  // A process group of its own: Ctrl-C reaches only this process, which passes it on once.
  const child = spawn(host.program, host.args, {
    env: host.env,
    detached: true,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  let exitCode;
  const end = (code) => {
    if (exitCode !== undefined) return;
    exitCode = code;
    child.kill('SIGINT');
    setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref();
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => end(0));
  child.on('exit', (code) => process.exit(exitCode ?? code ?? 1));
  return { end };
}

/** @returns {Promise<string>} '' once the app answers requests, else why it cannot */
async function outcomeOfStart(api) {
  const began = Date.now();
  let hasAskedToWait = false;
  for (;;) {
    // It does not listen in the first seconds.
    const reply = await api.call('__health_check').catch(() => null);
    if (reply?.status === 200) return '';
    const error = reply?.body?.error;
    // Other codes of the host (APP_STARTING and the like) pass; a code of an error, such as a driver's, does not.
    if (error?.code === 'APP_ERROR' || (error?.code && !error.code.startsWith('APP_'))) return error.message;
    if (!hasAskedToWait && Date.now() - began > PATIENCE_MS) {
      hasAskedToWait = true;
      console.log('Still starting. If this takes long, check the connection to the database and the logs.');
    }
    await sleep(300);
  }
}

async function prepareOnce(api) {
  if (existsSync(preparedMark)) return;
  try {
    await api.signIn(env.INIT_ROOT_EMAIL, env.INIT_ROOT_PASSWORD);
    await prepareNewApp(api, { sample: usesDefaultSqlite });
    writeFileSync(preparedMark, `${new Date().toISOString()}\n`);
  } catch (error) {
    console.error(`The app runs, but the sample data could not be added: ${error.message}`);
  }
}

async function serve() {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) fail(`APP_PORT is not a port: ${env.APP_PORT}`);
  if (!(await isPortFree(port)))
    fail(`Port ${port} is in use. Choose another one, for example: APP_PORT=${port + 1} npm start`);
  const built = spawnSync(process.execPath, [path.join(root, 'scripts/build.mjs')], { stdio: 'inherit' });
  if (built.status !== 0) process.exit(1);
  stagePlugin(storage);
  linkModules(modules);
  console.log(`Starting NocoBase on ${url}. Its logs are in ${path.join(storage, 'logs')}`);
  const host = startHost(['start', '--quickstart']);
  const api = new HostApi(`http://127.0.0.1:${port}`);
  const failure = await outcomeOfStart(api);
  if (failure) {
    console.error(`NocoBase failed to start: ${failure}`);
    return host.end(1);
  }
  await prepareOnce(api);
  return console.log(`
  Safekeep is ready.
    Backup & restore   ${url}/admin/settings/safekeep
    Modern client      ${url}/v/admin/settings/safekeep
    Sign in            ${env.INIT_ROOT_EMAIL || firstUser.INIT_ROOT_EMAIL} / ${env.INIT_ROOT_PASSWORD || firstUser.INIT_ROOT_PASSWORD}
    Data               ${storage}
  Press Ctrl-C to stop it; the next start keeps the data.
`);
}

function runCommand() {
  mkdirSync(storage, { recursive: true });
  if (!existsSync(path.join(storage, 'plugins', pkg.name))) {
    if (!existsSync(path.join(root, 'dist')))
      spawnSync(process.execPath, [path.join(root, 'scripts/build.mjs')], { stdio: 'inherit' });
    stagePlugin(storage);
  }
  if (!existsSync(modules)) linkModules(modules);
  startHost(command);
}

if (command.length > 0) runCommand();
else await serve();
