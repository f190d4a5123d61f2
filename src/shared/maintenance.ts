/** The text of the host's maintenance dialog: written by the server, read by the page, which gets no other answer then. */
import { type RunKind, type RunView, STEPS } from './runs';

const STEP_TEXTS: Record<string, string> = {
  switchover: 'switching over the data',
  reload: 'reloading the app',
  healthCheck: 'checking the app',
};

/** In English, like everything the host itself shows there. */
export function maintenanceText({ kind, step, percent }: Pick<RunView, 'kind' | 'step' | 'percent'>): string {
  return `Safekeep ${kind}: ${STEP_TEXTS[step] ?? step} (${percent} %)`;
}

/** What a maintenance text reports of a run; null when it is not one of ours. */
export function readMaintenanceText(text: string): Pick<RunView, 'kind' | 'step' | 'percent'> | null {
  const [, kind = '', words = '', percent] = /^Safekeep (\w+): (.+?) \((\d+) %\)/.exec(text) ?? [];
  if (!Object.keys(STEPS).includes(kind)) return null;
  const step = Object.keys(STEP_TEXTS).find((key) => STEP_TEXTS[key] === words) ?? words;
  const isKnown = Object.keys(STEPS[kind as RunKind]).includes(step);
  return isKnown ? { kind: kind as RunKind, step, percent: Number(percent) } : null;
}
