import { expect, test } from 'vitest';
import { backupActions } from '../backups';
import { runActions } from '../runs';
import { settingsActions } from '../settings';
import { transferActions } from '../transfers';
import document from '.';

test('every action is described, and nothing else', () => {
  const actions = {
    safekeepBackups: { ...backupActions, ...transferActions },
    safekeepRuns: runActions,
    safekeepSettings: settingsActions,
  };
  const paths = Object.entries(actions).flatMap(([resource, own]) =>
    Object.keys(own).map((name) => `/${resource}:${name}`),
  );
  expect(Object.keys(document.paths).sort()).toEqual(paths.sort());
});

test('every schema that is named is there', () => {
  const named = JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g);
  const missing = [...named].map(([, name]) => name ?? '').filter((name) => !(name in document.components.schemas));
  expect(missing).toEqual([]);
});
