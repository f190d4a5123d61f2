/** The rules that hold the house's shape (docs/architecture.md), each shown to bite. */
import { ESLint } from 'eslint';
import { describe, expect, test, vi } from 'vitest';

// The first file makes ESLint read the whole project.
vi.setConfig({ testTimeout: 120_000 });

const eslint = new ESLint();

/** Rules that complain when `code` stands in `file`, which must exist. */
async function complaints(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: file });
  return [...new Set((result?.messages ?? []).map(({ ruleId, message }) => ruleId ?? message))];
}

const using = (module: string) => `import * as used from '${module}';\nexport const all = [used];\n`;

describe('imports run one way', () => {
  test.each([
    ['src/engine/errors.ts', '../server/plugin'],
    ['src/engine/errors.ts', '../client/format'],
    ['src/shared/runs.ts', '../engine/errors'],
    ['src/client/format.ts', '../engine/errors'],
    ['src/client/format.ts', '../server/plugin'],
    ['src/server/plugin.ts', '../client/format'],
    ['src/engine/archive/reader.ts', '../databases/driver'],
    ['src/engine/databases/driver.ts', '../archive/reader'],
  ])('%s may not import %s', async (file, module) => {
    expect(await complaints(file, using(module))).toEqual(['import-x/no-restricted-paths']);
  });

  test('nor may it import only types', async () => {
    const code = `import type { SafekeepError } from '../engine/errors';\nexport type E = SafekeepError;\n`;
    expect(await complaints('src/client/format.ts', code)).toEqual(['import-x/no-restricted-paths']);
  });

  test.each([
    ['src/engine/errors.ts', '../shared/runs'],
    ['src/engine/archive/reader.ts', '../errors'],
    ['src/server/plugin.ts', '../engine/errors'],
    ['src/client/format.ts', '../shared/runs'],
  ])('%s may import %s', async (file, module) => {
    expect(await complaints(file, using(module))).toEqual([]);
  });
});

describe('a package stays where it belongs', () => {
  test.each([
    ['src/engine/errors.ts', '@nocobase/server'],
    ['src/client/format.ts', '@nocobase/client'],
    ['src/client/format.ts', 'node:fs'],
    ['src/shared/runs.ts', 'node:path'],
    ['src/engine/errors.ts', 'execa'],
    ['src/engine/errors.ts', 'node:child_process'],
    ['src/server/plugin.ts', 'child_process'],
    ['src/engine/errors.ts', 'archiver'],
    ['src/engine/databases/driver.ts', 'yauzl'],
  ])('%s may not import %s', async (file, module) => {
    expect(await complaints(file, using(module))).toEqual(['no-restricted-imports']);
  });

  test.each([
    ['src/engine/process.ts', 'execa'],
    ['src/engine/archive/reader.ts', 'yauzl'],
    ['src/server/plugin.ts', '@nocobase/server'],
    ['src/client/index.tsx', '@nocobase/client'],
  ])('%s may import %s', async (file, module) => {
    expect(await complaints(file, using(module))).toEqual([]);
  });
});

describe('types are not talked away and promises not lost', () => {
  test.each([
    ['any', 'export const f = (x: any) => String(x);', '@typescript-eslint/no-explicit-any'],
    ['!', 'export const f = (x: string | null) => x!.length;', '@typescript-eslint/no-non-null-assertion'],
    [
      'a promise nobody waits for',
      'export const f = () => { Promise.resolve(1); };',
      '@typescript-eslint/no-floating-promises',
    ],
    [
      'a promise as a condition',
      'export const f = (p: Promise<boolean>) => (p ? 1 : 2);',
      '@typescript-eslint/no-misused-promises',
    ],
    [
      'a type imported as a value',
      `import { Content } from '../shared/runs';\nexport type C = Content;`,
      '@typescript-eslint/consistent-type-imports',
    ],
  ])('%s', async (_name, code, rule) => {
    expect(await complaints('src/engine/errors.ts', `${code}\n`)).toEqual([rule]);
  });
});

test('hooks are called in the same order every time', async () => {
  const code = `import { useState } from 'react';\nexport function useIt(on: boolean) {\n  if (on) useState(1);\n}\n`;
  expect(await complaints('src/client/format.ts', code)).toEqual(['react-hooks/rules-of-hooks']);
});
