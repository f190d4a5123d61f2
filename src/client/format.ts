import dayjs from 'dayjs';
import type { Translate } from './i18n';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** 12345678 -> '12.3 MB'; units of 1000, as disks and object stores count. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** ISO time -> '21 Nov 2026, 15:45' in the browser's time zone and the user's language; for lists and sentences. */
export function formatMoment(iso: string, t: Translate): string {
  return dayjs(iso).format(t('D MMM YYYY, HH:mm'));
}

/** ISO time -> 'YYYY-MM-DD HH:mm:ss' in the browser's time zone; for details, where seconds matter. */
export function formatTime(iso: string): string {
  return dayjs(iso).format('YYYY-MM-DD HH:mm:ss');
}

export function formatNumber(value: number): string {
  return value.toLocaleString('en-US');
}

const AGE_UNITS = [
  { unit: 'month', ms: 30 * 86_400_000, from: 60 * 86_400_000 },
  { unit: 'day', ms: 86_400_000, from: 48 * 3_600_000 },
  { unit: 'hour', ms: 3_600_000, from: 90 * 60_000 },
  { unit: 'minute', ms: 60_000, from: 0 },
] as const;

/** Milliseconds in words of the language, one unit, rounded down: '3 days', '45 minutes'. */
export function formatAge(ms: number, language: string): string {
  const { unit, ms: unitMs } = AGE_UNITS.find(({ from }) => ms >= from) ?? AGE_UNITS[3];
  const count = Math.max(1, Math.floor(ms / unitMs));
  return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(count);
}

/** Milliseconds for people: '< 1 s', '42 s', '3 min 5 s', '2 h 10 min'. */
export function formatDuration(ms: number, t: Translate): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 1) return t('< 1 s');
  if (seconds < 60) return t('{{seconds}} s', { seconds });
  if (seconds < 3600)
    return t('{{minutes}} min {{seconds}} s', { minutes: Math.floor(seconds / 60), seconds: seconds % 60 });
  return t('{{hours}} h {{minutes}} min', {
    hours: Math.floor(seconds / 3600),
    minutes: Math.floor((seconds % 3600) / 60),
  });
}

/** Length of a run in milliseconds; of a running one until `now`. */
export function elapsed(startedAt: string, finishedAt: string | null, now: number): number {
  return Math.max(0, (finishedAt ? Date.parse(finishedAt) : now) - Date.parse(startedAt));
}
