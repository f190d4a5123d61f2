import { expect, test } from 'vitest';
import { backupActions } from '../actions/backups';
import { runActions } from '../actions/runs';
import { settingsActions } from '../actions/settings';
import { transferActions } from '../actions/transfers';
import document from './index';

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
