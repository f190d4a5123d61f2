import { describe, expect, it } from 'vitest';
import { markText, parseMark, schemasOf, slotName } from './slots';

describe('names of slots', () => {
  it('stay within 63 bytes, whole characters and all of the suffix', () => {
    const suffix = '__safekeep_abc123';
    expect(slotName('app', suffix)).toBe('app__safekeep_abc123');
    const long = slotName('ü'.repeat(60), suffix);
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(63);
    expect(long).toMatch(/^ü+__safekeep_abc123$/);
    expect(slotName('😀'.repeat(20), suffix)).toBe(`${'😀'.repeat(11)}${suffix}`);
  });
});

describe('marks', () => {
  it('keep the original comment, whatever it is', () => {
    for (const comment of [null, '', 'standard public schema', 'two\nlines', 'safekeep x1 staged']) {
      expect(parseMark('x1', markText('x1', { content: 'previous', comment }))).toEqual({
        content: 'previous',
        comment,
      });
    }
  });

  it('of another restore, and texts that only resemble one, are no marks', () => {
    expect(parseMark('x1', markText('x2', { content: 'staged', comment: null }))).toBeNull();
    for (const text of [null, '', 'safekeep', 'safekeep x1', 'safekeep x1 gone', 'a safekeep x1 staged']) {
      expect(parseMark('x1', text)).toBeNull();
    }
  });
});

it('a plan names its schemas in order', () => {
  const names = { live: 'app', schema1: 'b', schema0: 'a', inactive0: 'x', schema3: 'not next' };
  expect(schemasOf({ dialect: 'postgres', strategy: 'schema', id: 'x', names })).toEqual(['a', 'b']);
});
