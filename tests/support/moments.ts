/** The moments of a restore or an undo at which something can go wrong, and a way to be there. */
import type { Application } from '@nocobase/server';
import type { AppControl } from '../../src/engine/switchover';
import type { DatabaseDriver } from '../../src/engine/databases/driver';
import { RunRecorder } from '../../src/server/runs/recorder';
import { Safekeep } from '../../src/server/safekeep';

type DriverCall = 'stage' | 'check' | 'switchOver' | 'switchBack' | 'discard';
type ControlCall = Exclude<keyof AppControl, 'leaveMaintenance'>;

/**
 * step: a step of the run begins. before, after: a call of the database driver. app: the app is asked for something during
 * the switchover.
 */
export type Moment = `step ${string}` | `before ${DriverCall}` | `after ${DriverCall}` | `app ${ControlCall}`;

/** Something that goes wrong. What it throws is the error of that moment. */
export type Fault = () => void | Promise<void>;

export interface Ambush {
  /** Whether the moment has come. */
  readonly happened: boolean;
  /** Everything is as it was. */
  remove(): void;
}

/** Lets something happen at the first such moment, once. */
export function at(app: Application, moment: Moment, fault: Fault): Ambush {
  const safekeep = Safekeep.of(app);
  const [kind, name] = moment.split(' ') as [string, string];
  let happened = false;
  const strike = async (here: string) => {
    if (happened || here !== moment) return;
    happened = true;
    await fault();
  };
  const undo =
    kind === 'step'
      ? watchSteps(strike)
      : kind === 'app'
        ? watchApp(safekeep, name, strike)
        : watchDriver(safekeep, strike);
  return {
    get happened() {
      return happened;
    },
    remove: undo,
  };
}

type Strike = (here: string) => Promise<void>;

function watchSteps(strike: Strike): () => void {
  const { step } = RunRecorder.prototype;
  RunRecorder.prototype.step = function <T>(this: RunRecorder, name: string, work: () => Promise<T>): Promise<T> {
    return step.call(this, name, async () => {
      await strike(`step ${name}`);
      return await work();
    }) as Promise<T>;
  };
  return () => (RunRecorder.prototype.step = step);
}

function watchApp({ control }: Safekeep, name: string, strike: Strike): () => void {
  const call = name as ControlCall;
  const work = control[call].bind(control) as (...args: unknown[]) => Promise<void>;
  const watched = async (...args: unknown[]) => {
    await strike(`app ${name}`);
    await work(...args);
  };
  Object.assign(control, { [call]: watched });
  // What stands on the object hides the method of its class.
  return () => void Reflect.deleteProperty(control, call);
}

function watchDriver(safekeep: Safekeep, strike: Strike): () => void {
  const make = safekeep.driver.bind(safekeep);
  safekeep.driver = () => {
    const driver = make();
    for (const call of ['stage', 'check', 'switchOver', 'switchBack', 'discard'] as const) {
      const work = (driver[call] as (...args: unknown[]) => Promise<void>).bind(driver);
      const watched = async (...args: unknown[]) => {
        await strike(`before ${call}`);
        await work(...args);
        await strike(`after ${call}`);
      };
      Object.assign(driver, { [call]: watched } satisfies Partial<Record<keyof DatabaseDriver, unknown>>);
    }
    return driver;
  };
  return () => void Reflect.deleteProperty(safekeep, 'driver');
}
