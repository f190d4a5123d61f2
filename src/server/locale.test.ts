import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../engine/errors';

const root = path.resolve(import.meta.dirname, '../..');
const words = (language: string) =>
  JSON.parse(readFileSync(path.join(root, 'locale', `${language}.json`), 'utf8')) as Record<string, string>;

function sourceFiles(): string[] {
  return ['src/engine', 'src/server', 'src/cli'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.endsWith('errors.ts'))
      .map((file) => readFileSync(path.join(root, folder, file), 'utf8')),
  );
}

/** Every `text: '…'` of a message in the sources, and every sentence of the catalogue of errors. */
function sentences(): string[] {
  // A sentence may be the value of `text:` itself or stand in a choice after it.
  const after = sourceFiles().flatMap((source) => [
    ...source.matchAll(/\btext:([^,{}]*?(?:(['"`])(?:\\.|(?!\2).)*\2[^,{}]*?)+)(?=[,}])/gs),
  ]);
  const quoted = after.flatMap(([, expression = '']) => [...expression.matchAll(/(['"`])((?:\\.|(?!\1).)+)\1/gs)]);
  const messages = quoted.map(([, , sentence = '']) => sentence.replace(/\\(.)/g, '$1'));
  const errors = Object.values(ERRORS).flatMap(({ message, hint }) => [message, hint]);
  const isSentence = (text: string) => / /.test(text) && /[a-z]{3}/.test(text.replace(/\{\{\w+\}\}/g, ''));
  return [...new Set([...messages, ...errors])].filter(isSentence).sort();
}

describe('the sentences of the server', () => {
  const used = sentences();

  it('are found by this test', () => {
    expect(used.length).toBeGreaterThan(120);
    expect(used).toContain('Only files are exchanged.');
    expect(used).toContain('The server stopped after the switch; the restored state was kept');
  });

  it.each(['en-US', 'zh-CN'])('are all in %s', (language) => {
    const known = words(language);
    expect(used.filter((sentence) => !(sentence in known))).toEqual([]);
  });

  it('are no dead letters: every error of the catalogue is raised somewhere', () => {
    const sources = sourceFiles().join('\n');
    const raised = (code: string) => sources.includes(`'${code}'`);
    expect(Object.keys(ERRORS).filter((code) => !raised(code))).toEqual([]);
  });
});
