/** The children as bundles, which start in a fraction of the time that their sources would take. */
import { build } from 'esbuild';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { isProvidedToServer } from '../../../scripts/host-modules.mjs';
import { seedOfRun } from '../../support/seed';
import type { Place } from '../protocol';
import { forgetTallies, printTallies } from './tally';

/** Below the project, so that what stays outside of a bundle is found. */
const FOLDER = path.resolve('.test/kill');
const KINDS: Place['kind'][] = ['engine', 'app'];

/** Path of the bundle that the set-up of the run has made. */
export function bundleOf(kind: Place['kind']): string {
  const file = path.join(FOLDER, `${kind}.cjs`);
  if (!existsSync(file)) throw new Error(`${file} is missing`);
  return file;
}

/** vitest's global set-up: the bundles, and in the end the table of all kills. */
export default async function setup(): Promise<() => void> {
  forgetTallies();
  await build({
    entryPoints: KINDS.map((kind) => `tests/kill/child/${kind}.ts`),
    outdir: FOLDER,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // CommonJS has no import.meta.url; the project's scripts find the project by it.
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: `const importMetaUrl = ${JSON.stringify(pathToFileURL('scripts/child.cjs').href)};` },
    alias: { vitest: path.resolve('tests/kill/child/vitest-stub.ts') },
    logLevel: 'error',
    plugins: [
      {
        name: 'provided',
        setup: ({ onResolve }) => {
          onResolve({ filter: /^[^./]/ }, ({ path: request }) => {
            return isProvidedToServer(request) ? { path: request, external: true } : undefined;
          });
        },
      },
    ],
  });
  return () => printTallies(seedOfRun());
}
