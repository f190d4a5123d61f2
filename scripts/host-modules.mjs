/** Modules that NocoBase 2.2 provides to plugins. Any other name here breaks the plugin, or in a client the whole page. */
const bothClients = [
  'react',
  'react-dom',
  'react/jsx-runtime',
  'react-router',
  'react-router-dom',
  'antd',
  'antd-style',
  '@ant-design/icons',
  '@ant-design/cssinjs',
  'i18next',
  'react-i18next',
  '@formily/antd-v5',
  '@formily/core',
  '@formily/react',
  '@formily/shared',
  '@formily/reactive',
  '@nocobase/client-v2',
  '@nocobase/utils',
  '@nocobase/utils/client',
  '@nocobase/evaluators',
  '@nocobase/evaluators/client',
  '@nocobase/flow-engine',
  '@ctrl/tinycolor',
  '@dnd-kit/core',
  '@dnd-kit/sortable',
  'axios',
  'dayjs',
  'lodash',
  'ahooks',
  '@emotion/css',
  'file-saver',
];

/** Packages on the server, with all their subpaths. */
const serverPackages = [
  'sequelize',
  'umzug',
  'koa',
  '@koa/cors',
  '@koa/router',
  'multer',
  '@koa/multer',
  'koa-bodyparser',
  'koa-static',
  'koa-send',
  'winston',
  'winston-daily-rotate-file',
  'cache-manager',
  'jsonwebtoken',
  'async-mutex',
  'i18next',
  'dayjs',
  'mysql2',
  'pg',
  'pg-hstore',
  'sqlite3',
  'mariadb',
  'axios',
  'lodash',
  'joi',
];

export function isProvidedToServer(request) {
  return (
    request.startsWith('@nocobase/') ||
    serverPackages.some((name) => request === name || request.startsWith(`${name}/`))
  );
}

/** Modules of the browser's loader, by client: these exact names, no subpaths. */
export const hostModules = {
  client: [
    ...bothClients,
    '@nocobase/client',
    '@nocobase/sdk',
    '@formily/json-schema',
    '@formily/path',
    '@formily/validator',
    '@formily/reactive-react',
  ],
  'client-v2': bothClients,
};
