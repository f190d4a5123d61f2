/** Takes commands from the parent, one after the other, and answers; ends when the parent is gone. */
import type { Command, Place, Reply, Shown } from '../protocol';
import { arm, boundariesReached } from './boundaries';

export interface Obedient {
  obey(command: Command): Promise<void>;
  shown(): Promise<Shown>;
}

/** The parent's description of the site. */
export function place(): Place {
  return JSON.parse(process.argv[2] ?? '') as Place;
}

export function serve(made: Promise<Obedient>): void {
  const answer = async (command: Command): Promise<Reply> => {
    const { obey, shown } = await made;
    arm(command.kill);
    const begun = performance.now();
    const error = await obey(command).then(
      () => undefined,
      (reason: Error) => reason.stack ?? reason.message,
    );
    const durationMs = performance.now() - begun;
    const boundaries = boundariesReached();
    arm(undefined);
    return { boundaries, durationMs, shown: await shown(), error };
  };
  process.on('disconnect', () => process.exit());
  process.on('message', (command: Command) => {
    answer(command).then(
      (reply) => process.send?.(reply),
      (error: Error) => {
        process.stderr.write(`${error.stack ?? error.message}\n`);
        process.exit(1);
      },
    );
  });
}
