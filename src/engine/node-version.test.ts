import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MIN_NODE, requireNode } from './node-version';

it('is what package.json asks for', () => {
  const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } };
  expect(engines.node).toBe(`>=${MIN_NODE}`);
});

it.each(['20.15.0', '20.20.2', '22.15.0', '24.0.0', process.versions.node])('accepts Node.js %s', (version) => {
  expect(() => requireNode(version)).not.toThrow();
});

it.each(['18.20.8', '20.14.0'])('refuses Node.js %s', (version) => {
  expect(() => requireNode(version)).toThrow(
    expect.objectContaining({ code: 'NODE_TOO_OLD', params: { needed: MIN_NODE, version } }),
  );
});
