/** Set up before a test imports anything of the host (vitest.config.ts): what an in-process NocoBase wants to find in the environment. */
import path from 'node:path';
import { firstUser } from '../../scripts/host.mjs';

// With it the host takes itself for its own monorepo and looks for plugins there.
delete process.env['VITEST'];

Object.assign(process.env, {
  APP_ENV: 'production',
  APP_KEY: 'a-key-for-tests',
  API_BASE_PATH: '/api/',
  APP_PUBLIC_PATH: '/',
  CACHE_DEFAULT_STORE: 'memory',
  CDN_BASE_URL: '',
  DB_TIMEZONE: '+00:00',
  LOGGER_LEVEL: 'error',
  LOGGER_SILENT: 'true',
  LOGGER_TRANSPORT: 'console',
  NODE_MODULES_PATH: path.resolve('node_modules'),
  PLUGIN_PACKAGE_PREFIX: '@nocobase/plugin-,@nocobase/preset-',
  PLUGIN_STATICS_PATH: '/static/plugins/',
  TZ: 'UTC',
  WS_PATH: '/ws',
  ...firstUser,
});
