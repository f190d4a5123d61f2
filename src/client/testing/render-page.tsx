import { cleanup, configure, render } from '@testing-library/react';
import { StyleProvider } from '@ant-design/cssinjs';
import { App, ConfigProvider } from 'antd';
import i18next from 'i18next';
import type { ReactElement } from 'react';
import { initReactI18next } from 'react-i18next';
import { afterEach } from 'vitest';
import english from '../../../locale/en-US.json';
import { PLUGIN_NAME } from '../../shared/api';
import { RunsProvider } from '../live/RunsProvider';
import { PreviousProvider } from '../previous/PreviousProvider';
import { HostProvider, type HostRequest, type Permission, type SafekeepHost } from '../host';

// What React and antd have deferred must be over before the file's window goes.
afterEach(async () => {
  cleanup();
  await new Promise((resolve) => setTimeout(resolve, 50));
});

type Answer = (request: HostRequest) => unknown;

export interface FakeHost extends SafekeepHost {
  /** Every request that was made, in order. */
  requests: HostRequest[];
  /** Changes what an action answers; a thrown value rejects the request. */
  answer(url: string, answer: Answer): void;
  /** Sends a websocket message. */
  send(payload: unknown): void;
}

const emptyPage: Answer = () => ({ data: [], meta: { count: 0 } });

export function fakeHost(permissions: readonly Permission[] | 'all' = 'all'): FakeHost {
  const answers = new Map<string, Answer>([
    ['safekeepBackups:list', emptyPage],
    ['safekeepRuns:list', emptyPage],
    ['safekeepRuns:previous', () => ({ data: { live: null, previous: [] } })],
    ['safekeepRuns:log', () => ({ data: { lines: [], nextOffset: 0 } })],
  ]);
  const listeners = new Set<(payload: unknown) => void>();
  const requests: HostRequest[] = [];
  return {
    requests,
    answer: (url, answer) => void answers.set(url, answer),
    send: (payload) => listeners.forEach((listener) => listener(payload)),
    async request(request) {
      requests.push(request);
      const answer = answers.get(request.url);
      if (!answer) throw new Error(`The test gives no answer to ${request.url}`);
      return await answer(request);
    },
    subscribe(_type, listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    can: (permission) => permissions === 'all' || permissions.includes(permission),
    resolveUrl: (url) => url,
  };
}

/** Renders in English, inside what every client gives: antd's App and a host. No styles, no motion. */
export function renderPage(page: ReactElement, host: SafekeepHost) {
  return render(
    <StyleProvider mock="server">
      <ConfigProvider theme={{ token: { motion: false } }} wave={{ disabled: true }}>
        <App>
          <HostProvider host={host}>{page}</HostProvider>
        </App>
      </ConfigProvider>
    </StyleProvider>,
  );
}

/** For parts of a page: what the page's shell gives them. */
export function renderPart(part: ReactElement, host: SafekeepHost) {
  const shell = (
    <RunsProvider>
      <PreviousProvider>{part}</PreviousProvider>
    </RunsProvider>
  );
  return renderPage(shell, host);
}

/** The bodies of the requests to an action, in order. */
export const sentTo = (host: FakeHost, url: string): unknown[] =>
  host.requests.filter((request) => request.url === url).map(({ data }) => data);

/** What jsdom lacks and antd needs; call it in a beforeEach. */
export async function prepareBrowser(): Promise<void> {
  // Machines under load: a test ends early when what it waits for is there.
  configure({ asyncUtilTimeout: 10_000 });
  sessionStorage.clear();
  window.matchMedia = (query) =>
    ({
      matches: true,
      media: query,
      onchange: null,
      addListener: () => undefined,
      removeListener: () => undefined,
      addEventListener: () => undefined,
      removeEventListener: () => undefined,
      dispatchEvent: () => false,
    }) satisfies MediaQueryList;
  window.ResizeObserver = class {
    observe() {}
    unobserve() {}
    disconnect() {}
  };
  // jsdom would match every rule of every sheet for each element again.
  window.getComputedStyle = (element) => (element instanceof HTMLElement ? element.style : document.body.style);
  await i18next.use(initReactI18next).init({
    lng: 'en-US',
    defaultNS: 'client',
    keySeparator: false,
    nsSeparator: false,
    resources: { 'en-US': { [PLUGIN_NAME]: english } },
  });
}
