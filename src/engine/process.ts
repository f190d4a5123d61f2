/** The one place that starts other programs. Arguments are arrays, secrets go by environment or option file, never argv. */
import { execa, type ResultPromise } from 'execa';
import { type Readable, Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SafekeepError } from './errors';

export interface ToolCall {
  /** Absolute path of the program. */
  path: string;
  args: string[];
  /** Added to the environment of this process. */
  env?: Record<string, string>;
  signal?: AbortSignal;
  /** Called with each complete line the program writes to stderr. */
  onStderrLine?: (line: string) => void;
  /** Ended with TOOL_TIMED_OUT when neither stdout, stdin nor stderr moved for so long. Default: `idleLimitMs()`. */
  idleTimeoutMs?: number;
}

/** How much of a program's stderr is kept for the error message. */
const STDERR_TAIL_BYTES = 8 * 1024;
/** Seconds; what an administrator allows in place of the default. */
export const IDLE_VARIABLE = 'SAFEKEEP_TOOL_IDLE_SECONDS';
/** Programs are rightly silent while the server builds an index on a large table: better late than a good restore failed. */
const DEFAULT_IDLE_MS = 3600_000;
/** As long as a timer can take: as good as no limit. */
export const NO_IDLE_LIMIT_MS = 2 ** 31 - 1;
const KILL_AFTER_MS = 5_000;
/** Someone else ends a tool by these, the kernel above all; other signals are faults of its own. */
const OUTSIDE_SIGNALS: ReadonlySet<string> = new Set(['SIGKILL', 'SIGTERM', 'SIGHUP', 'SIGINT']);

/** The name of a program without folder, for messages. */
export function toolName(path: string): string {
  return path.split(/[\\/]/).pop() ?? path;
}

/** How long a program may be silent: as the variable says, or else so long. */
export function idleLimitMs(unlessSet = DEFAULT_IDLE_MS): number {
  const seconds = Number(process.env[IDLE_VARIABLE]);
  return seconds > 0 ? Math.min(seconds * 1000, NO_IDLE_LIMIT_MS) : unlessSet;
}

interface Supervised {
  child: ResultPromise<{ buffer: false; reject: false; stdin: 'pipe'; stdout: 'pipe'; stderr: 'pipe' }>;
  /** Settles with the program: resolves on exit 0, rejects with TOOL_FAILED, TOOL_KILLED, TOOL_TIMED_OUT or CANCELLED. */
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
  // A program that ends early closes its input; its exit code tells the story, not EPIPE.
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
    const how = result.signal ? `ended by ${result.signal}` : `exit code ${result.exitCode ?? result.code ?? '?'}`;
    const said = tail.trim().split('\n').slice(-4).join(' / ');
    throw new SafekeepError('TOOL_FAILED', { tool, detail: said ? `${how}: ${said}` : how }, { cause: result.cause });
  });
  // Whoever awaits it gets the rejection; nobody may be listening yet.
  exited.catch(() => undefined);
  return { child, exited, alive };
}

/** A program that is talked to: its input stays open until the caller ends it. */
export interface OpenTool {
  stdin: Writable;
  /** Ends only after the program has exited with 0; destroyed with the error of `exited` otherwise. Destroying it ends the program. */
  stdout: Readable;
  /** Resolves on exit 0; rejects with TOOL_FAILED, TOOL_KILLED, TOOL_TIMED_OUT or CANCELLED. */
  exited: Promise<void>;
}

/** Starts a program and leaves its input open. Both its output and its input must be looked after by the caller. */
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
      // What the program has written and nobody reads any more would keep its end from being seen.
      child.stdout.destroy();
      child.kill();
      exited.then(
        () => done(error),
        (reason: Error) => done(error ?? reason),
      );
    },
  });
  pipeline(child.stdout, held).catch((error: Error) => {
    // A program that was killed may close its output before it is known why it ended.
    child.kill();
    exited.then(
      () => held.destroy(error),
      (reason: Error) => held.destroy(reason),
    );
  });
  return { stdin: child.stdin, stdout: held, exited };
}

/**
 * Runs a program whose output is the data. The returned stream ends only after the program has exited with 0;
 * it is destroyed with TOOL_FAILED, TOOL_KILLED, TOOL_TIMED_OUT or CANCELLED otherwise. Destroying the stream ends the program.
 */
export function readFromTool(call: ToolCall): Readable {
  const { stdin, stdout } = openTool(call);
  stdin.end();
  return stdout;
}

/**
 * Feeds a stream to a program and waits for its end. An error of the input ends the program and is the error thrown;
 * otherwise a program that fails is (TOOL_FAILED, TOOL_KILLED, TOOL_TIMED_OUT, CANCELLED). What the program prints to stdout goes to `onStdout`.
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
      // The program closed its input early: its exit code is the better story.
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

/** Runs a short program and returns what it printed. @throws TOOL_FAILED, TOOL_KILLED, TOOL_TIMED_OUT, CANCELLED */
export async function outputOfTool(call: ToolCall): Promise<string> {
  let text = '';
  const stream = readFromTool({ idleTimeoutMs: 30_000, ...call });
  stream.setEncoding('utf8');
  for await (const chunk of stream) text += chunk as string;
  return text;
}
