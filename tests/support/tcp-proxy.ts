/** A network that fails: stands between an app and its database server, and cuts what goes through it. */
import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';

/** Where a connection is cut: before the matching bytes have reached the server, or when the server answers them. */
export type CutAt = 'unsent' | 'unanswered';

export interface TcpProxy {
  readonly host: string;
  readonly port: number;
  /** Resets every connection; new ones get through. */
  cut(): void;
  /** Resets every connection, and so many of those that follow; all of them, when no number is given, until `accept`. */
  refuse(count?: number): void;
  accept(): void;
  /**
   * Resets every connection once a client sends text that matches, and then calls `then`. 'unanswered': the server gets the
   * text and works on it; what it answers never arrives.
   */
  cutAt(text: RegExp, at: CutAt, then?: () => void): void;
  /** How often a cut of `cutAt` has happened. */
  readonly cuts: number;
  close(): Promise<void>;
}

interface Line {
  client: Socket;
  server: Socket;
  /** The answer is awaited and dropped. */
  doomed: boolean;
}

/** Forwards a free local port to a server. */
export async function startTcpProxy(to: { host: string; port: number }): Promise<TcpProxy> {
  const lines = new Set<Line>();
  let refused = 0;
  let trap: { text: RegExp; at: CutAt; then?: () => void } | null = null;
  let cuts = 0;

  const cut = () => {
    for (const { client, server } of lines) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    lines.clear();
  };
  const spring = (then?: () => void) => {
    trap = null;
    cuts += 1;
    cut();
    then?.();
  };
  const listener = createServer({ allowHalfOpen: false }, (client) => {
    client.on('error', () => undefined);
    if (refused > 0) {
      refused -= 1;
      client.resetAndDestroy();
      return;
    }
    const server = connect(to.port, to.host);
    const line: Line = { client, server, doomed: false };
    let then: (() => void) | undefined;
    lines.add(line);
    server.on('error', () => client.destroy());
    client.on('data', (chunk: Buffer) => {
      const sprung = trap?.text.test(chunk.toString('latin1')) ? trap : null;
      if (sprung?.at === 'unsent') return spring(sprung.then);
      if (sprung) {
        trap = null;
        then = sprung.then;
        line.doomed = true;
      }
      server.write(chunk);
    });
    server.on('data', (chunk: Buffer) => {
      if (line.doomed) spring(then);
      else client.write(chunk);
    });
    const end = () => {
      lines.delete(line);
      client.destroy();
      server.destroy();
    };
    client.on('close', end);
    server.on('close', end);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return {
    host: '127.0.0.1',
    port: address.port,
    cut,
    refuse: (count = Number.POSITIVE_INFINITY) => {
      refused = count;
      cut();
    },
    accept: () => (refused = 0),
    cutAt: (text, at, then) => (trap = { text, at, then }),
    get cuts() {
      return cuts;
    },
    close: async () => {
      cut();
      listener.close();
      await once(listener, 'close');
    },
  };
}
