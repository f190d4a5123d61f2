/** The one place that starts child processes. Arguments are arrays; secrets are passed by environment or option file, never argv. */
import { execa, type ResultPromise } from 'execa';
import { type Readable, Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Message } from '../shared/runs';
import { SafekeepError } from './errors';

export interface ToolCall {
  /** Absolute path of the executable. */
  path: string;
  args: string[];
  /** Added to the environment of this process. */
  env?: Record<string, string>;
  signal?: AbortSignal;
  /** Called with each complete line that the tool writes to stderr. */
  onStderrLine?: (line: string) => void;
  /** Terminated with TOOL_TIMED_OUT after this long without activity on stdout, stdin and stderr. Default: `idleLimitMs()`. */
  idleTimeoutMs?: number;
}

/** How much of stderr is kept for the error message. */
const STDERR_TAIL_BYTES = 8 * 1024;
/** Environment variable, in seconds; overrides the default. */
export const IDLE_VARIABLE = 'SAFEKEEP_TOOL_IDLE_SECONDS';
/** Tools are idle while the server builds an index on a large table: a late failure is better than one of a working restore. */
const DEFAULT_IDLE_MS = 3600_000;
/** The longest timer that Node.js supports: practically no limit. */
export const NO_IDLE_LIMIT_MS = 2 ** 31 - 1;
const KILL_AFTER_MS = 5_000;
/** Signals from outside, above all from the kernel; others are faults of the tool itself. */
const OUTSIDE_SIGNALS: ReadonlySet<string> = new Set(['SIGKILL', 'SIGTERM', 'SIGHUP', 'SIGINT']);

/** The name of a tool without its folder, for messages. */
export function toolName(path: string): string {
  return path.split(/[\\/]/).pop() ?? path;
}

/** How long a tool may be idle: the value of the variable, otherwise `unlessSet`. */
export function idleLimitMs(unlessSet = DEFAULT_IDLE_MS): number {
  const seconds = Number(process.env[IDLE_VARIABLE]);
  return seconds > 0 ? Math.min(seconds * 1000, NO_IDLE_LIMIT_MS) : unlessSet;
}

interface Supervised {
  child: ResultPromise<{ buffer: false; reject: false; stdin: 'pipe'; stdout: 'pipe'; stderr: 'pipe' }>;
  /** Settles when the tool exits: resolves on exit 0, rejects with TOOL_FAILED, TOOL_KILLED, TOOL_TIMED_OUT or CANCELLED. */
  exited: Promise<void>;
  /** Resets the idle clock. */
  alive(): void;
}

function supervise(call: ToolCall): Supervised {
  const tool = toolName(call.path);
  const child = execa(call.path, call.args, {
    env: call.env,
    buffer: false,
    reject: false,
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    cancelSignal: call.signal,
    forceKillAfterDelay: KILL_AFTER_MS,
  });
  // A tool that exits early closes its input; its exit code is the cause, not EPIPE.
  child.stdin.on('error', () => undefined);

  const idleMs = call.idleTimeoutMs ?? idleLimitMs();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill();
  }, idleMs);
  const alive = () => void timer.refresh();
  child.stdin.on('drain', alive);

  let tail = '';
  let pending = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (chunk: string) => {
    alive();
    tail = (tail + chunk).slice(-STDERR_TAIL_BYTES);
    const lines = (pending + chunk).split(/\r?\n/);
    pending = (lines.pop() ?? '').slice(-STDERR_TAIL_BYTES);
    for (const line of lines) if (line.trim()) call.onStderrLine?.(line);
  });

  const exited = child.then((result) => {
    clearTimeout(timer);
    if (pending.trim()) call.onStderrLine?.(pending);
    if (timedOut) throw new SafekeepError('TOOL_TIMED_OUT', { tool, seconds: Math.round(idleMs / 1000) });
    if (result.isCanceled) throw new SafekeepError('CANCELLED');
    if (!result.failed) return;
    if (OUTSIDE_SIGNALS.has(result.signal ?? '')) {
      throw new SafekeepError('TOOL_KILLED', { tool, signal: result.signal ?? '' }, { cause: result.cause });
    }
    const output = tail.trim().split('\n').slice(-4).join(' / ');
    throw new SafekeepError('TOOL_FAILED', { tool, detail: endingOf(result, output) }, { cause: result.cause });
  });
  // A later caller that awaits it gets the rejection; there may be none yet.
  exited.catch(() => undefined);
  return { child, exited, alive };
}

/** How a tool ended, with its last output. */
function endingOf(
  { signal, exitCode, code }: { signal?: string; exitCode?: number; code?: string },
  output: string,
): Message {
  if (signal) {
    const params = { signal, output };
    return { text: output ? 'terminated by {{signal}}: {{output}}' : 'terminated by {{signal}}', params };
  }
  const params = { code: exitCode ?? code ?? '?', output };
  return { text: output ? 'exit code {{code}}: {{output}}' : 'exit code {{code}}', params };
}

/** A running tool whose input stays open until the caller ends it. */
export interface OpenTool {
  stdin: Writable;
  /** Ends only after the tool has exited with 0; otherwise destroyed with the error of `exited`. Destroying it terminates the tool. */
  stdout: Readable;
  /** Resolves on exit 0; rejects with TOOL_FAILED, TOOL_KILLED, TOOL_TIMED_OUT or CANCELLED. */
  exited: Promise<void>;
}

/** Starts a tool and leaves its input open. The caller must handle both its output and its input. */
export function openTool(call: ToolCall): OpenTool {
  const { child, exited, alive } = supervise(call);
  const held = new Transform({
    highWaterMark: 1 << 20,
    transform(chunk, _encoding, done) {
      alive();
      done(null, chunk);
    },
    flush(done) {
      exited.then(() => done(), done);
    },
    destroy(error, done) {
      // Output that is no longer read would keep the exit from being noticed.
      child.stdout.destroy();
      child.kill();
      exited.then(
        () => done(error),
        (reason: Error) => done(error ?? reason),
      );
    },
  });
  pipeline(child.stdout, held).catch((error: Error) => {
    // A tool that was killed can close its output before the reason is known.
    child.kill();
    exited.then(
      () => held.destroy(error),
      (reason: Error) => held.destroy(reason),
    );
  });
  return { stdin: child.stdin, stdout: held, exited };
}

/**
 * Runs a tool whose output is the data. The returned stream ends only after the tool has exited with 0; otherwise it is
 * destroyed with TOOL_FAILED, TOOL_KILLED, TOOL_TIMED_OUT or CANCELLED. Destroying the stream terminates the tool.
 */
export function readFromTool(call: ToolCall): Readable {
  const { stdin, stdout } = openTool(call);
  stdin.end();
  return stdout;
}

/**
 * Feeds a stream to a tool and waits for its exit. An error of the input terminates the tool and is thrown; otherwise the
 * failure of the tool is (TOOL_FAILED, TOOL_KILLED, TOOL_TIMED_OUT, CANCELLED). `onStdout` receives what the tool writes to stdout.
 */
export async function writeToTool(call: ToolCall, input: Readable, onStdout?: (text: string) => void): Promise<void> {
  const { child, exited, alive } = supervise(call);
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    alive();
    onStdout?.(text);
  });
  let inputError: unknown;
  const feed = async (stdin: Writable) => {
    try {
      input.on('data', alive);
      input.pause();
      await pipeline(input, stdin);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      // The tool closed its input early: its exit code is the cause.
      if (code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET') return;
      inputError = error;
      child.kill();
    }
  };
  const [, verdict] = await Promise.allSettled([feed(child.stdin), exited]);
  if (!input.destroyed) input.destroy();
  if (inputError) throw inputError;
  if (verdict.status === 'rejected') throw verdict.reason;
}

/** Runs a short tool call and returns its output. @throws TOOL_FAILED, TOOL_KILLED, TOOL_TIMED_OUT, CANCELLED */
export async function outputOfTool(call: ToolCall): Promise<string> {
  let text = '';
  const stream = readFromTool({ idleTimeoutMs: 30_000, ...call });
  stream.setEncoding('utf8');
  for await (const chunk of stream) text += chunk as string;
  return text;
}
