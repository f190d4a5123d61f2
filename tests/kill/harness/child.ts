/** One child: started in a process group of its own, given orders, and killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { once } from 'node:events';
import type { Command, Place, Reply, Target } from '../protocol';
import { bundleOf } from './bundle';

/** Far beyond the duration of any test here, so that a child that hangs is reported as such. */
const HANGS_MS = 60_000;

export class KillChild {
  private readonly process: ChildProcess;
  private printed = '';
  private readonly ended: Promise<string>;

  constructor(place: Place) {
    const temporary = path.join(place.folder, 'tmp');
    mkdirSync(temporary, { recursive: true });
    this.process = spawn(process.execPath, [bundleOf(place.kind), JSON.stringify(place)], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, TMPDIR: temporary, NODE_OPTIONS: '' },
    });
    const keep = (chunk: Buffer) => (this.printed = (this.printed + chunk.toString('utf8')).slice(-16_384));
    this.process.stdout?.on('data', keep);
    this.process.stderr?.on('data', keep);
    this.ended = once(this.process, 'exit').then(([code, signal]) => String(signal ?? `exit code ${code}`));
  }

  /** Does the command to its end. @throws Error when it fails or the child dies */
  async do(command: Command): Promise<Reply> {
    const reply = await this.try(command);
    if (reply === 'killed') throw new Error(`the child was killed during ${command.do}`);
    if (reply.error) throw new Error(`${command.do} failed: ${reply.error}`);
    return reply;
  }

  /** Sends the command; 'killed' when the child died of SIGKILL before it had answered. */
  async try(command: Command, kill?: { afterMs: number; target: Target }): Promise<Reply | 'killed'> {
    let killer: NodeJS.Timeout | undefined;
    const answered = new Promise<Reply>((resolve) => this.process.once('message', (reply) => resolve(reply as Reply)));
    const hangs = setTimeout(() => this.signal('group'), HANGS_MS);
    this.process.send(command);
    if (kill) killer = setTimeout(() => this.signal(kill.target), kill.afterMs);
    try {
      const how = await Promise.race([answered, this.ended]);
      if (typeof how !== 'string') return how;
      if (how === 'SIGKILL') return 'killed';
      throw new Error(`the child ended with ${how} during ${command.do}:\n${this.printed}`);
    } finally {
      clearTimeout(killer);
      clearTimeout(hangs);
    }
  }

  /** Ends it, and whatever it has started. */
  async end(): Promise<void> {
    this.signal('group');
    await this.ended;
  }

  private signal(target: Target): void {
    const { pid } = this.process;
    if (pid === undefined) return;
    try {
      process.kill(target === 'group' ? -pid : pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
