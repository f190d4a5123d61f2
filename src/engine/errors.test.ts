import { describe, expect, it } from 'vitest';
import { isConnectionLost, SafekeepError, toSafekeepError } from './errors';

const withCode = (code: string, more: object = {}) => Object.assign(new Error(`it said ${code}`), { code, ...more });

describe('an error from outside', () => {
  it.each([
    ['a reset connection', withCode('ECONNRESET'), 'DATABASE_UNREACHABLE'],
    ['a refused connection', withCode('ECONNREFUSED'), 'DATABASE_UNREACHABLE'],
    ['a server that shuts down', withCode('57P01'), 'DATABASE_UNREACHABLE'],
    ['a session that is lost', withCode('PROTOCOL_CONNECTION_LOST'), 'DATABASE_UNREACHABLE'],
    ['a session that ended in between', new Error('Connection terminated unexpectedly'), 'DATABASE_UNREACHABLE'],
    [
      'what the host makes of one',
      Object.assign(new Error('gone'), { name: 'SequelizeDatabaseError', parent: withCode('ECONNRESET') }),
      'DATABASE_UNREACHABLE',
    ],
    ['a folder of somebody else', withCode('EACCES', { path: '/srv/uploads' }), 'FOLDER_NOT_WRITABLE'],
    ['a disk mounted for reading', withCode('EROFS', { path: '/srv/uploads' }), 'FOLDER_NOT_WRITABLE'],
    ['a full disk', withCode('ENOSPC', { path: '/srv/uploads' }), 'NO_SPACE'],
    ['a cancel', withCode('ABORT_ERR'), 'CANCELLED'],
    ['a statement that is wrong', withCode('42601'), 'INTERNAL'],
    ['a process of somebody else', withCode('EPERM'), 'INTERNAL'],
  ])('tells what it was: %s', (_what, error, code) => {
    const told = toSafekeepError(error);
    expect(told).toMatchObject({ code, cause: error });
    expect(told.message).not.toMatch(/undefined|\{\{/);
  });

  it('stays what it is when it is one of ours', () => {
    const error = new SafekeepError('CANCELLED');
    expect(toSafekeepError(error)).toBe(error);
  });
});

it('a refused switch is a lost connection when that was its reason', () => {
  const refused = (cause: unknown) => new SafekeepError('SWITCHOVER_FAILED', { detail: '' }, { cause });
  expect(isConnectionLost(refused(withCode('ECONNRESET')))).toBe(true);
  expect(isConnectionLost(refused(withCode('55006')))).toBe(false);
  expect(isConnectionLost(null)).toBe(false);
});
