import { createContext, useContext, type ReactNode } from 'react';

export interface HostRequest {
  url: string;
  method: 'get' | 'post';
  params?: Record<string, unknown>;
  data?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Called while the body is sent, with the bytes sent so far. */
  onSent?: (bytes: number) => void;
}

/** Names of the permissions a role can have on Safekeep. */
export type Permission = 'see' | 'create' | 'download' | 'restore' | 'delete' | 'settings';

/** What the pages need of the client they run in (v1 or v2), and nothing else. */
export interface SafekeepHost {
  /** Resolves with the body; rejects with the client's own error (see toFailure). Never pops up a message. */
  request(request: HostRequest): Promise<unknown>;
  /** Calls `listener` with the payload of every websocket message of that type; returns how to stop it. */
  subscribe(messageType: string, listener: (payload: unknown) => void): () => void;
  can(permission: Permission): boolean;
  /** Absolute URL of an address the server gave. */
  resolveUrl(url: string): string;
}

const HostContext = createContext<SafekeepHost | null>(null);

export function HostProvider({ host, children }: { host: SafekeepHost; children: ReactNode }) {
  return <HostContext.Provider value={host}>{children}</HostContext.Provider>;
}

export function useHost(): SafekeepHost {
  const host = useContext(HostContext);
  if (!host) throw new Error('useHost needs a HostProvider above it');
  return host;
}
