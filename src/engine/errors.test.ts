import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERRORS, isConnectionLost, messageOf, SafekeepError, toSafekeepError } from './errors';
import { fill } from './messages';

const withCode = (code: string, more: object = {}) =>
  Object.assign(new Error(`failed with ${code}`), { code, ...more });

describe('an error from outside', () => {
  it.each([
    ['a reset connection', withCode('ECONNRESET'), 'DATABASE_UNREACHABLE'],
    ['a refused connection', withCode('ECONNREFUSED'), 'DATABASE_UNREACHABLE'],
    ['a server that shuts down', withCode('57P01'), 'DATABASE_UNREACHABLE'],
    ['a session that is lost', withCode('PROTOCOL_CONNECTION_LOST'), 'DATABASE_UNREACHABLE'],
    ['a session that has ended', new Error('Connection terminated unexpectedly'), 'DATABASE_UNREACHABLE'],
    [
      'the same, wrapped by the host',
      Object.assign(new Error('gone'), { name: 'SequelizeDatabaseError', parent: withCode('ECONNRESET') }),
      'DATABASE_UNREACHABLE',
    ],
    ['a folder of another user', withCode('EACCES', { path: '/srv/uploads' }), 'FOLDER_NOT_WRITABLE'],
    ['a disk mounted read-only', withCode('EROFS', { path: '/srv/uploads' }), 'FOLDER_NOT_WRITABLE'],
    ['a full disk', withCode('ENOSPC', { path: '/srv/uploads' }), 'NO_SPACE'],
    ['a cancel', withCode('ABORT_ERR'), 'CANCELLED'],
    ['an invalid statement', withCode('42601'), 'INTERNAL'],
    ['a process of another user', withCode('EPERM'), 'INTERNAL'],
  ])('gets its own code: %s', (_what, error, code) => {
    const safekeepError = toSafekeepError(error);
    expect(safekeepError).toMatchObject({ code, cause: error });
    expect(safekeepError.message).not.toMatch(/undefined|\{\{/);
  });

  it('stays the same when it is a SafekeepError', () => {
    const error = new SafekeepError('CANCELLED');
    expect(toSafekeepError(error)).toBe(error);
  });
});

it('a failed switchover is a lost connection when that is its cause', () => {
  const refused = (cause: unknown) => new SafekeepError('SWITCHOVER_FAILED', { detail: '' }, { cause });
  expect(isConnectionLost(refused(withCode('ECONNRESET')))).toBe(true);
  expect(isConnectionLost(refused(withCode('55006')))).toBe(false);
  expect(isConnectionLost(null)).toBe(false);
});

it('a full disk is reported with numbers, also where the size of the write is unknown', () => {
  const { message } = toSafekeepError(withCode('ENOSPC', { path: process.cwd() }));
  expect(message).toMatch(/: more than [\d.]+ [kMGT]?B needed, [\d.]+ [kMGT]?B free\.$/);
});

it.each(['NOT_A_ZIP', 'NOT_A_BACKUP'] as const)(
  'the hint of %s also fits a file with the extension of a backup',
  (code) => {
    expect(ERRORS[code].hint).not.toContain('.safekeep.zip');
  },
);

it('the hint after a failed rollback names the command of docs/recovery.md', () => {
  const [command = ''] = /node [^"]+ recover/.exec(ERRORS.ROLLBACK_FAILED.hint) ?? [];
  const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/recovery.md'), 'utf8');
  expect(command).not.toBe('');
  expect(page.split('\n')).toContain(command);
});

it('the cause of an error is translated with it', () => {
  const cause = new SafekeepError('NO_SPACE', { folder: '/srv', needed: '2 GB', free: '1 GB' });
  const { text, params } = messageOf(new SafekeepError('ROLLBACK_FAILED', { detail: messageOf(cause) }));
  const inCapitals = (sentence: string) =>
    sentence.replace(/\{\{\w+\}\}|[a-z]+/g, (word) => (word.startsWith('{') ? word : word.toUpperCase()));
  expect(fill(inCapitals(text), params, inCapitals)).toBe(
    fill(inCapitals(ERRORS.ROLLBACK_FAILED.message), {
      detail: fill(inCapitals(ERRORS.NO_SPACE.message), cause.params),
    }),
  );
});
