import { describe, expect, it } from 'vitest';
import { maintenance, noNetwork, refusal } from '../testing/fixtures';
import { toFailure } from './failure';

describe('what a failed request means', () => {
  it('is what the server reports, with its code and hint', () => {
    const failure = toFailure(refusal(409, 'UPLOAD_OUT_OF_ORDER', 'Not this byte.', { expected: 7 }));
    expect(failure).toMatchObject({
      code: 'UPLOAD_OUT_OF_ORDER',
      message: 'Not this byte.',
      status: 409,
      isUnavailable: false,
    });
    expect(failure.hint).toBe('Hint of UPLOAD_OUT_OF_ORDER');
    expect(failure.params.expected).toBe(7);
  });

  it('is a moment of absence without a network, in maintenance, and behind a proxy whose server restarts', () => {
    expect(toFailure(noNetwork)).toMatchObject({ code: 'NETWORK', isUnavailable: true });
    expect(toFailure(maintenance('Switching'))).toMatchObject({
      code: 'MAINTENANCE',
      message: 'Switching',
      isUnavailable: true,
    });
    expect(toFailure({ isAxiosError: true, response: { status: 502, data: '<html>' } }).isUnavailable).toBe(true);
  });

  it('is an error of its own when our server answers 503 itself', () => {
    expect(toFailure(refusal(503, 'DATABASE_UNREACHABLE', 'No database.')).isUnavailable).toBe(false);
  });

  it('distinguishes a missing permission from a missing session', () => {
    const answered = (status: number) => ({
      isAxiosError: true,
      response: { status, data: { errors: [{ message: 'No' }] } },
    });
    expect(toFailure(answered(403)).code).toBe('FORBIDDEN');
    expect(toFailure(answered(401)).code).toBe('SIGNED_OUT');
    expect(toFailure(answered(418))).toMatchObject({ code: 'HTTP_418', message: 'No' });
  });
});
