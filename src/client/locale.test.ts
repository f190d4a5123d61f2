import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const words = (language: string) =>
  JSON.parse(readFileSync(path.join(root, 'locale', `${language}.json`), 'utf8')) as Record<string, string>;
const english = words('en-US');
const chinese = words('zh-CN');

/** Names that are the same in every language. */
const SAME = new Set(['API']);

function sentencesOf(folder: string): string[] {
  const files = readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !/\.test\.tsx?$/.test(file))
    .map((file) => readFileSync(path.join(root, folder, file), 'utf8'));
  const calls = files.flatMap((text) => [...text.matchAll(/\bt\(\s*(['"`])((?:\\.|(?!\1).)*)\1/gs)]);
  return calls.map(([, , sentence = '']) => sentence.replace(/\\(.)/g, '$1'));
}

describe('the words of the client', () => {
  const used = [...new Set([...sentencesOf('src/client'), ...sentencesOf('src/client-v2')])];

  it('are found by this test', () => {
    expect(used.length).toBeGreaterThan(150);
  });

  it('are all in both languages', () => {
    expect(used.filter((sentence) => !(sentence in english))).toEqual([]);
    expect(used.filter((sentence) => !(sentence in chinese))).toEqual([]);
  });

  it('have the English sentence itself as their key', () => {
    expect(Object.entries(english).filter(([key, text]) => key !== text)).toEqual([]);
  });

  it('are really translated, with the same places to fill in', () => {
    const places = (text: string) => [...text.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map(([, name]) => name).sort();
    for (const [key, text] of Object.entries(chinese)) {
      expect(places(text), key).toEqual(places(key));
      if (!SAME.has(key)) expect(text !== key || !/[a-z]{3}/.test(key), key).toBe(true);
    }
  });

  it('say 还原 for restore, as NocoBase does', () => {
    expect(Object.values(chinese).filter((text) => text.includes('恢复') && !text.includes('连接恢复'))).toEqual([]);
  });

  it('have the same keys in both files, sorted', () => {
    expect(Object.keys(chinese)).toEqual(Object.keys(english));
    expect(Object.keys(english)).toEqual(Object.keys(english).sort());
  });
});
