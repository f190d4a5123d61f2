import type { Permission, SafekeepHost } from './host';

const SNIPPETS: Record<Permission, string> = {
  see: 'pm.safekeep',
  create: 'pm.safekeep.create',
  download: 'pm.safekeep.download',
  restore: 'pm.safekeep.restore',
  delete: 'pm.safekeep.delete',
  settings: 'pm.safekeep.settings',
};

/** Makes a host of either client's application; `allow` returns whether the role has a snippet. */
export function connectHost(app: SafekeepHostApplication, allow: (snippet: string) => boolean): SafekeepHost {
  return {
    async request({ onSent, ...request }) {
      const answer = await app.apiClient.request({
        ...request,
        skipNotify: true,
        ...(onSent ? { onUploadProgress: ({ loaded }) => onSent(loaded) } : {}),
      });
      return answer.data;
    },
    subscribe(messageType, listener) {
      const onEvent = (event: Event) => listener((event as CustomEvent<unknown>).detail);
      app.eventBus.addEventListener(`ws:message:${messageType}`, onEvent);
      return () => app.eventBus.removeEventListener(`ws:message:${messageType}`, onEvent);
    },
    can: (permission) => allow(SNIPPETS[permission]),
    resolveUrl: (url) => (/^(https?:)?\//.test(url) ? url : app.getApiUrl(url)),
  };
}
