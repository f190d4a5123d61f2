import js from '@eslint/js';
import importX from 'eslint-plugin-import-x';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** Who may import whom below src/: imports run one way. What is not listed for a folder is forbidden to it. */
const mayImport = {
  shared: [],
  engine: ['shared'],
  cli: ['engine', 'shared'],
  server: ['engine', 'shared'],
  client: ['shared'],
  'client-v2': ['client', 'shared'],
};
/** These three know the engine's common files, but not each other. */
const strangers = ['archive', 'databases', 'destinations'];

const layers = Object.keys(mayImport);
const zones = [
  ...layers.map((layer) => ({
    target: `./src/${layer}`,
    from: layers
      .filter((other) => other !== layer && !mayImport[layer].includes(other))
      .map((other) => `./src/${other}`),
    message: `src/${layer} may import only itself and: ${mayImport[layer].join(', ') || 'nothing'}.`,
  })),
  ...strangers.map((part) => ({
    target: `./src/engine/${part}`,
    from: strangers.filter((other) => other !== part).map((other) => `./src/engine/${other}`),
    message: 'archive, databases and destinations do not know each other; the pipelines bring them together.',
  })),
];

/** Packages that only one place may use. */
const processes = {
  group: ['execa', 'child_process', 'node:child_process'],
  message: 'Only src/engine/process.ts starts programs.',
};
const zip = { group: ['archiver', 'yauzl'], message: 'Only src/engine/archive/ knows the container format.' };
const host = { group: ['@nocobase/*'], message: 'NocoBase stays in src/server/ and in the two entries of the client.' };
const node = { group: ['node:*'], message: 'This runs in the browser too.' };

const forbid = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns }] });

export default tseslint.config(
  { ignores: ['**/node_modules/', 'dist/', '.demo/', '.test/', 'coverage/', 'storage/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.{mjs,cjs,js}'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'process',
          'console',
          'require',
          'module',
          '__dirname',
          '__filename',
          'Buffer',
          'URL',
          'fetch',
          'FormData',
          'Blob',
          'setTimeout',
          'clearTimeout',
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
  {
    files: ['**/*.{ts,tsx}'],
    ignores: ['*.d.ts'],
    extends: [tseslint.configs.recommended],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { attributes: false, inheritedMethods: false } },
      ],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [importX.createNodeResolver({ extensions: ['.ts', '.tsx', '.js', '.json'] })],
    },
    rules: { 'import-x/no-restricted-paths': ['error', { zones }] },
  },
  { files: ['src/**/*.{ts,tsx}'], rules: forbid(processes, zip) },
  { files: ['src/engine/**'], rules: forbid(processes, zip, host) },
  { files: ['src/engine/archive/**'], rules: forbid(processes, host) },
  { files: ['src/engine/process.ts'], rules: forbid(zip, host) },
  { files: ['src/cli/**'], rules: forbid(processes, zip, host) },
  { files: ['src/shared/**'], rules: forbid(processes, zip, host, node) },
  { files: ['src/client/**', 'src/client-v2/**'], rules: forbid(processes, zip, host, node) },
  { files: ['src/client/index.tsx', 'src/client-v2/index.tsx'], rules: forbid(processes, zip, node) },
  {
    // The host's emitter waits for its listeners; its types do not say so.
    files: ['src/server/**'],
    rules: {
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { attributes: false, inheritedMethods: false, arguments: false } },
      ],
    },
  },
  {
    files: ['src/**/*.test.{ts,tsx}'],
    // A test may start what the code under test talks to, and read back what it wrote.
    rules: { 'no-restricted-imports': 'off' },
  },
  { files: ['src/cli/**', 'tests/**'], rules: { 'no-console': 'off' } },
  {
    files: ['src/client/**/*.{ts,tsx}', 'src/client-v2/**/*.{ts,tsx}'],
    extends: [reactHooks.configs.flat['recommended-latest']],
  },
);
