/** The text of the host's maintenance dialog: written by the server, and parsed by the page, which gets no other answer during maintenance. */
import { type RunKind, type RunView, STEPS } from './runs';

const STEP_TEXTS: Record<string, string> = {
  switchover: 'switching over the data',
  reload: 'reloading the app',
  healthCheck: 'checking the app',
};

/** In English, like the host's own texts there. */
export function maintenanceText({ kind, step, percent }: Pick<RunView, 'kind' | 'step' | 'percent'>): string {
  return `Safekeep ${kind}: ${STEP_TEXTS[step] ?? step} (${percent} %)`;
}

/** The state of a run in a maintenance text; null for a text of the host. */
export function readMaintenanceText(text: string): Pick<RunView, 'kind' | 'step' | 'percent'> | null {
  const [, kind = '', words = '', percent] = /^Safekeep (\w+): (.+?) \((\d+) %\)/.exec(text) ?? [];
  if (!Object.keys(STEPS).includes(kind)) return null;
  const step = Object.keys(STEP_TEXTS).find((key) => STEP_TEXTS[key] === words) ?? words;
  const isKnown = Object.keys(STEPS[kind as RunKind]).includes(step);
  return isKnown ? { kind: kind as RunKind, step, percent: Number(percent) } : null;
}
