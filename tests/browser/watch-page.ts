/** What a page has shown on the way, however briefly. */
export interface Seen {
  /** How far a backup in the list was, in per cent and in order, by its name. */
  percents: Record<string, number[]>;
  /** A backup in the list was shown as being cancelled. */
  cancelling: boolean;
  /** The page showed that the app is unavailable. */
  unavailable: boolean;
  /** Steps of the run that could be seen while the host's own dialog was open, in order. */
  stepsInMaintenance: string[];
  /** The host's dialog covered the steps of the run. */
  covered: boolean;
}

/** Runs in the page: notes what comes and goes too fast to be waited for from outside, across reloads. */
export function watchPage(): void {
  const nothing: Seen = { percents: {}, cancelling: false, unavailable: false, stepsInMaintenance: [], covered: false };
  const seen = JSON.parse(sessionStorage.getItem('seen') ?? JSON.stringify(nothing)) as Seen;
  const note = <T>(list: T[], value: T) => {
    if (list.at(-1) !== value) list.push(value);
  };
  const look = () => {
    for (const bar of document.querySelectorAll<HTMLElement>(
      '[data-testid="safekeep-backups-table"] [data-testid="safekeep-run-progress"]',
    )) {
      if (bar.textContent.includes('Cancelling…')) seen.cancelling = true;
      note((seen.percents[bar.closest('tr')?.dataset['rowKey'] ?? ''] ??= []), Number(bar.dataset['percent']));
    }
    if (document.querySelector('[data-testid="safekeep-run-unavailable"]')) seen.unavailable = true;
    const bar = document.querySelector<HTMLElement>(
      '[data-testid="safekeep-run-dialog"] [data-testid="safekeep-run-progress"]',
    );
    if (bar && document.querySelector('.ant-modal .ant-result')) {
      const { left, top, width, height } = bar.getBoundingClientRect();
      if (bar.contains(document.elementFromPoint(left + width / 2, top + height / 2))) {
        note(seen.stepsInMaintenance, bar.dataset['step'] ?? '');
      } else {
        seen.covered = true;
      }
    }
    sessionStorage.setItem('seen', JSON.stringify(seen));
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
}
