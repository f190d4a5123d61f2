/** The restore this tab has started: survives the reload a restore brings, until its result is dismissed. */
export interface WatchedRun {
  runId: string;
  /** Whether its dialog is open; otherwise the banner on the Backups tab stands for it. */
  open: boolean;
}

const KEY = 'safekeep.watchedRun';

export function readWatchedRun(): WatchedRun | null {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
    if (typeof value !== 'object' || value === null || !('runId' in value) || typeof value.runId !== 'string')
      return null;
    return { runId: value.runId, open: 'open' in value && value.open === true };
  } catch {
    // Storage is blocked or holds something else: then nothing is watched.
    return null;
  }
}

export function writeWatchedRun(run: WatchedRun | null): void {
  try {
    if (run) sessionStorage.setItem(KEY, JSON.stringify(run));
    else sessionStorage.removeItem(KEY);
  } catch {
    // Storage is blocked: the result is shown as long as the page is not reloaded.
  }
}
