/** A small client of a running NocoBase's HTTP API; shared by `npm start` and the tests. */
import { firstUser } from './host.mjs';

/**
 * @typedef {{ method?: string, body?: unknown, token?: string, headers?: Record<string, string> }} ApiCall
 *   `body`: plain data is sent as JSON; FormData, strings and bytes are sent as they are.
 * @typedef {{ status: number, headers: Headers, body: any }} ApiReply `body`: parsed if the answer is JSON, else text
 */
export class HostApi {
  /** @param {string} url such as http://127.0.0.1:13000 */
  constructor(url) {
    this.url = url;
    /** Sent with every call that gives no other token; signIn() sets it. */
    this.token = '';
  }

  /**
   * @param {string} action such as 'users:list?pageSize=5'
   * @param {ApiCall} [call]
   * @returns {Promise<ApiReply>} whatever the status is
   */
  async call(action, { method, body, token = this.token, headers = {} } = {}) {
    const isData =
      body !== undefined && !(body instanceof FormData || body instanceof Uint8Array || typeof body === 'string');
    const reply = await fetch(`${this.url}/api/${action}`, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(token && { authorization: `Bearer ${token}`, 'x-authenticator': 'basic' }),
        ...(isData && { 'content-type': 'application/json' }),
        // The host may close a kept-alive connection just as the next call uses it.
        connection: 'close',
        ...headers,
      },
      body: isData ? JSON.stringify(body) : body,
    });
    const text = await reply.text();
    const isJson = reply.headers.get('content-type')?.includes('json');
    return { status: reply.status, headers: reply.headers, body: isJson ? JSON.parse(text) : text };
  }

  /**
   * Like call(), but throws for a status of 400 or more.
   * @param {string} action
   * @param {ApiCall} [call]
   * @returns {Promise<any>} the `data` of the answer
   */
  async get(action, call) {
    const { status, body } = await this.call(action, call);
    if (status >= 400) throw new Error(`${action} answered ${status}: ${JSON.stringify(body)}`);
    return body?.data ?? body;
  }

  /** Signs in and keeps the token for the calls that follow. @returns {Promise<string>} the token */
  async signIn(account = firstUser.INIT_ROOT_EMAIL, password = firstUser.INIT_ROOT_PASSWORD) {
    const { token } = await this.get('auth:signIn', {
      body: { account, password },
      token: '',
      headers: { 'x-authenticator': 'basic' },
    });
    this.token = token;
    return token;
  }

  /** Whether the app answers requests. */
  async isHealthy() {
    try {
      const { status, body } = await this.call('__health_check', { token: '' });
      return status === 200 && body === 'ok';
    } catch {
      return false; // Not listening yet.
    }
  }
}
