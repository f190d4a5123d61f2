/**
 * Builds dist/ as NocoBase loads it: CommonJS for the server, AMD modules for its two clients, locales, OpenAPI.
 * Modules that the host provides stay outside the bundles; everything else is bundled, because a plugin that is
 * installed by upload is only unpacked, never `npm install`ed.
 */
import { build } from 'esbuild';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { hostModules, isProvidedToServer } from './host-modules.mjs';
import { pkg, root } from './project.mjs';

const dist = path.join(root, 'dist');
/** Built elsewhere and moved into place, so that a host that is copying dist/ never sees half of it. */
const out = path.join(root, `node_modules/.cache/safekeep-build-${process.pid}`);

/** Keeps modules that the host provides as imports and adds their names to `used`. */
function leaveOutside(isProvided, used) {
  return {
    name: 'host-modules',
    setup({ onResolve }) {
      onResolve({ filter: /^[^./]/ }, ({ kind, path: request }) => {
        if (kind === 'entry-point' || !isProvided(request)) return undefined;
        used.add(request);
        return { path: request, external: true };
      });
    },
  };
}

const packageOf = (request) => request.split('/', request.startsWith('@') ? 2 : 1).join('/');

/** TypeScript files directly in a folder, without tests. */
function sources(folder) {
  const absolute = path.join(root, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute)
    .filter((name) => /\.ts$/.test(name) && !/\.(d|test)\.ts$/.test(name))
    .map((name) => path.join(folder, name));
}

function requireEntry(file) {
  if (!existsSync(path.join(root, file))) throw new Error(`The entry ${file} is missing.`);
  return file;
}

/** ESM packages ask for import.meta.url, which CommonJS does not have. */
const importMeta = {
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
};

/** Bundles for Node.js; each entry keeps its place below src/. */
function bundleForNode(entryPoints, used, options = {}) {
  return build({
    ...importMeta,
    absWorkingDir: root,
    entryPoints,
    outbase: 'src',
    outdir: out,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    keepNames: true,
    // Becomes require(): import() of Node.js does not search the host's node_modules.
    supported: { 'dynamic-import': false },
    legalComments: 'linked',
    logLevel: 'warning',
    plugins: [leaveOutside(isProvidedToServer, used)],
    ...options,
  });
}

/** Bundles one client as an AMD module that first loads the modules that the host provides. */
async function bundleForBrowser(entry, variant, id, used) {
  const own = new Set();
  const outfile = path.join(out, variant, 'index.js');
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    write: false,
    bundle: true,
    platform: 'browser',
    format: 'cjs',
    target: 'es2020',
    jsx: 'automatic',
    minify: true,
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'warning',
    plugins: [leaveOutside((request) => hostModules[variant].includes(request), own)],
  });
  const dependencies = JSON.stringify(['require', 'exports', 'module', ...[...own].sort()]);
  const code = result.outputFiles.map((file) => file.text).join('\n');
  mkdirSync(path.dirname(outfile), { recursive: true });
  writeFileSync(
    outfile,
    `define(${JSON.stringify(id)},${dependencies},function(require,exports,module){\n${code}\n});\n`,
  );
  for (const name of own) used.add(name);
}

/** locale/*.json at the top level of the project; each must be valid JSON. */
function copyLocales() {
  const from = path.join(root, 'locale');
  const to = path.join(out, 'locale');
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from).filter((file) => file.endsWith('.json'))) {
    writeFileSync(
      path.join(to, name),
      JSON.stringify(JSON.parse(readFileSync(path.join(from, name), 'utf8')), null, 2),
    );
  }
}

/** The OpenAPI description: a JSON file, or the export of a module. */
async function buildSwagger() {
  const json = path.join(root, 'src/server/api/swagger/index.json');
  const to = path.join(out, 'swagger/index.json');
  mkdirSync(path.dirname(to), { recursive: true });
  if (existsSync(json)) return writeFileSync(to, JSON.stringify(JSON.parse(readFileSync(json, 'utf8')), null, 2));
  if (!existsSync(path.join(root, 'src/server/api/swagger/index.ts'))) return undefined;
  const result = await build({
    absWorkingDir: root,
    entryPoints: ['src/server/api/swagger/index.ts'],
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
  });
  const code = Buffer.from(result.outputFiles[0].contents).toString('base64');
  const module = await import(`data:text/javascript;base64,${code}`);
  return writeFileSync(to, JSON.stringify(module.default, null, 2));
}

/**
 * Versions of the host's modules that this build used; the host compares them with its own table and warns.
 * `@nocobase/*` stays out: there the table is exact to the minor version, and package.json has the supported versions.
 */
function writeExternalVersions(used) {
  const versions = {};
  for (const name of [...new Set([...used].map(packageOf))].sort()) {
    const file = path.join(root, 'node_modules', name, 'package.json');
    if (name.startsWith('@nocobase/') || !existsSync(file)) continue;
    versions[name] = JSON.parse(readFileSync(file, 'utf8')).version;
  }
  writeFileSync(path.join(out, 'externalVersion.js'), `module.exports = ${JSON.stringify(versions, null, 2)};\n`);
}

async function main() {
  const used = new Set();
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const server = ['src/server/index.ts', ...sources('src/server/collections'), ...sources('src/server/migrations')];
  await bundleForNode(server.map(requireEntry), used);
  const { js } = importMeta.banner;
  await bundleForNode([requireEntry('src/cli/index.ts')], new Set(), {
    banner: { js: `#!/usr/bin/env node\n${js}` },
  });
  chmodSync(path.join(out, 'cli/index.js'), 0o755);
  await bundleForBrowser(requireEntry('src/client/index.tsx'), 'client', pkg.name, used);
  await bundleForBrowser(requireEntry('src/client-v2/index.tsx'), 'client-v2', `${pkg.name}/client-v2`, used);
  copyLocales();
  await buildSwagger();
  writeExternalVersions(used);
  rmSync(dist, { recursive: true, force: true });
  renameSync(out, dist);
}

try {
  await main();
} catch (error) {
  rmSync(out, { recursive: true, force: true });
  console.error(`Unable to build: ${error.message}`);
  process.exit(1);
}
