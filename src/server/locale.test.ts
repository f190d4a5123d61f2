import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../engine/errors';
import { CHECK_NAMES, CONTENT_NAMES, KIND_NAMES, THING_NAMES } from '../shared/names';

const root = path.resolve(import.meta.dirname, '../..');
const locale = (language: string) =>
  JSON.parse(readFileSync(path.join(root, 'locale', `${language}.json`), 'utf8')) as Record<string, string>;

/** Sources below folders, without tests. */
function sourcesIn(...folders: string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.tsx?$/.test(file) && !/\.test\.tsx?$/.test(file))
      .map((file) => readFileSync(path.join(root, folder, file), 'utf8')),
  );
}
const serverSources = sourcesIn('src/engine', 'src/server', 'src/cli');

/** Every `text: '…'` of a message in the sources, every sentence of the errors, and every name that messages use. */
function sentences(): string[] {
  // A sentence can be the value of `text:` itself or stand in a choice after it.
  const after = serverSources.flatMap((source) => [
    ...source.matchAll(/\btext:([^,{}]*?(?:(['"`])(?:\\.|(?!\2).)*\2[^,{}]*?)+)(?=[,}])/gs),
  ]);
  const quoted = after.flatMap(([, expression = '']) => [...expression.matchAll(/(['"`])((?:\\.|(?!\1).)+)\1/gs)]);
  const messages = quoted.map(([, , sentence = '']) => sentence.replace(/\\(.)/g, '$1'));
  const errors = Object.values(ERRORS).flatMap(({ message, hint }) => [message, hint]);
  const names = [CHECK_NAMES, CONTENT_NAMES, KIND_NAMES, THING_NAMES].flatMap((one) => Object.values<string>(one));
  const hasWords = (text: string) => /[a-z]{3}/.test(text.replace(/\{\{\w+\}\}/g, ''));
  return [...new Set([...messages, ...errors, ...names])].filter(hasWords).sort();
}

describe('the sentences of the server', () => {
  const used = sentences();

  it('are found by this test', () => {
    expect(used.length).toBeGreaterThan(200);
    expect(used).toContain('Only files are restored.');
    expect(used).toContain('The server stopped after the switchover; the restored data was kept');
    expect(used).toContain('{{entry}} does not match its checksum');
  });

  it.each(['en-US', 'zh-CN'])('are all in %s', (language) => {
    const known = locale(language);
    expect(used.filter((sentence) => !(sentence in known))).toEqual([]);
  });

  it('include every error, and each one is raised somewhere', () => {
    const sources = serverSources.join('\n');
    expect(Object.keys(ERRORS).filter((code) => !sources.includes(`'${code}'`))).toEqual([]);
  });

  it('are messages, also as a detail of an error: text in a parameter is not translated', () => {
    const literals = serverSources.flatMap((source) => [...source.matchAll(/\bdetail: (['"`])((?:\\.|(?!\1).)*)\1/g)]);
    // Two words that are not a value: text of a server, a tool or the system is never a literal.
    const isSentence = (text: string) => /[a-z] [a-z]/i.test(text.replace(/\$\{[^}]*\}/g, 'x'));
    expect(literals.map(([, , text = '']) => text).filter(isSentence)).toEqual([]);
  });
});

it('every sentence of the locales is used by server or client', () => {
  const sources = sourcesIn('src').join('\n').replace(/\\'/g, "'");
  const isUsed = (sentence: string) => ["'", '"', '`'].some((mark) => sources.includes(mark + sentence + mark));
  expect(Object.keys(locale('en-US')).filter((sentence) => !isUsed(sentence))).toEqual([]);
});
