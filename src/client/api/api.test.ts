import { describe, expect, it } from 'vitest';
import type { HostRequest } from '../host';
import { createApi } from './api';

describe('every request of the page', () => {
  it('carries the header of the page, so that the history distinguishes a person from a script', async () => {
    const requests: HostRequest[] = [];
    const api = createApi({
      request: async (request) => {
        requests.push(request);
        return { data: { received: 0 } };
      },
      subscribe: () => () => undefined,
      can: () => true,
      resolveUrl: (url) => url,
    });
    await api.backups.create({ note: '' });
    await api.runs.undo('run-1');
    await api.settings.get();
    await api.uploads.append('u', 0, new Blob(['x']), new AbortController().signal, () => undefined);
    expect(requests.map(({ headers }) => headers?.['x-safekeep-client'])).toEqual(['page', 'page', 'page', 'page']);
    expect(requests[3]?.headers?.['Content-Type']).toBe('application/octet-stream');
  });
});
