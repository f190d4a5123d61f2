import type { ApiError } from '../../shared/runs';

/**
 * A request that did not succeed. `code` is the server's, or one of NETWORK, MAINTENANCE, SIGNED_OUT, FORBIDDEN,
 * HTTP_<status>; these come with an empty `message`, which the page fills (failureText).
 */
export class Failure extends Error implements ApiError {
  override readonly name = 'Failure';

  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    /** Facts for the program, such as the byte at which an upload continues. */
    readonly params: Record<string, unknown> = {},
  ) {
    super(message);
  }

  /** True while the server is unavailable for a moment (maintenance, restart, no network): asking again is right. */
  get isUnavailable(): boolean {
    return this.code === 'NETWORK' || this.code === 'MAINTENANCE';
  }

  get aborted(): boolean {
    return this.code === 'ABORTED';
  }
}

type Fields = Record<string, unknown>;
const fields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Reads an axios error: our `{ errors: [{ code, message, hint }] }` or the gateway's `{ error: { code, message } }`. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const { response, code, message } = fields(error);
  if (code === 'ERR_CANCELED') return new Failure('ABORTED', '', '', 0);
  if (response === undefined) {
    if (fields(error).isAxiosError === true || code === 'ERR_NETWORK') return new Failure('NETWORK', '', '', 0);
    return new Failure('UNKNOWN', text(message) || String(error), '', 0);
  }
  const status = Number(fields(response).status ?? 0);
  const body = fields(fields(response).data);
  const ours = fields(Array.isArray(body.errors) ? (body.errors as unknown[])[0] : undefined);
  const gateway = fields(body.error);
  if (text(ours.code)) {
    return new Failure(text(ours.code), text(ours.message), text(ours.hint), status, fields(ours.params));
  }
  if (status === 502 || status === 503 || status === 504) {
    return new Failure('MAINTENANCE', text(gateway.message), '', status);
  }
  if (status === 401) return new Failure('SIGNED_OUT', '', '', status);
  if (status === 403) return new Failure('FORBIDDEN', '', '', status);
  return new Failure(`HTTP_${status}`, text(ours.message) || text(gateway.message), '', status);
}
