/** A user who keeps writing through the API during a switchover. */
import type { HostApi } from '../../scripts/host-api.mjs';

export interface ApiWriter {
  /** Titles that the app has acknowledged, in order. */
  readonly acknowledged: readonly string[];
  /** How often the app reported maintenance, and how often there was no answer. */
  readonly unavailable: { maintenance: number; unanswered: number };
  /** Answers that no client should have to understand. */
  readonly odd: readonly string[];
  /** No write is in progress when this resolves. */
  pause(): Promise<void>;
  resume(): void;
  stop(): Promise<void>;
}

/** Writes one thing after the other. */
export function startApiWriter(api: HostApi): ApiWriter {
  const acknowledged: string[] = [];
  const odd: string[] = [];
  const unavailable = { maintenance: 0, unanswered: 0 };
  let counter = 0;
  let running = true;
  let atWork: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    counter += 1;
    const title = `write ${counter}`;
    const reply = await api.call('things:create', { body: { title } }).catch(() => null);
    if (!reply) unavailable.unanswered += 1;
    else if (reply.status === 200) acknowledged.push(title);
    else if (reply.status === 503) unavailable.maintenance += 1;
    else odd.push(`${reply.status} ${JSON.stringify(reply.body).slice(0, 300)}`);
    // A light load: somebody who reads before he writes.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const work = async () => {
    while (running) await write();
  };
  const pause = async () => {
    running = false;
    await atWork;
  };
  const resume = () => {
    running = true;
    atWork = work();
  };
  resume();
  return { acknowledged, unavailable, odd, pause, resume, stop: pause };
}
