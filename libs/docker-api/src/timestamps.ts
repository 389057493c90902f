import { fail, ok, type Result } from '@skep/kernel';

/** How Go writes a time that was never set. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

const DAY_MS = 86_400_000;

/** Year, month and day of a day counted from 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms"). */
function civilOfDay(day: number): { readonly year: number; readonly month: number; readonly date: number } {
  const shifted = day + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    date: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
  };
}

/** The reverse of {@link civilOfDay}. */
function dayOfCivil(year: number, month: number, date: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(shiftedYear / 400);
  const yearOfEra = shiftedYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + date - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/** Date and time of day in UTC without fraction and zone: `2026-01-02T03:04:05`. */
function formatSeconds(seconds: number): string {
  const day = Math.floor(seconds / 86_400);
  const rest = seconds - day * 86_400;
  const { year, month, date } = civilOfDay(day);
  const time = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map((part) => pad(part, 2));
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(date, 2)}T${time.join(':')}`;
}

/** RFC 3339 in UTC with milliseconds; `ZERO_TIME` for 0 and for an absent time. */
export function formatTimeMs(timeMs: number | undefined): string {
  if (timeMs === undefined || timeMs === 0) {
    return ZERO_TIME;
  }
  const seconds = Math.floor(timeMs / 1000);
  return `${formatSeconds(seconds)}.${pad(Math.floor(timeMs - seconds * 1000), 3)}Z`;
}

/** RFC 3339 with nanoseconds (`2026-01-02T03:04:05.000000006Z`) of a decimal count of nanoseconds since the epoch. */
export function formatTimeNs(timeNs: string): string {
  const digits = timeNs.padStart(10, '0');
  return `${formatSeconds(Number(digits.slice(0, -9)))}.${digits.slice(-9)}Z`;
}

const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?)?(Z|[+-]\d{2}:\d{2})?$/;

/**
 * Parses the times that log and event requests carry: Unix seconds with an optional fraction (`1700000000.25`) or
 * RFC 3339, also without seconds, time of day or zone (then UTC). The result is in milliseconds since the epoch and
 * may be fractional.
 */
export function parseRequestTimeMs(text: string): Result<number> {
  if (/^-?\d{1,15}(\.\d{1,9})?$/.test(text)) {
    return ok(Number(text) * 1000);
  }
  const match = RFC_3339.exec(text);
  if (match === null) {
    return fail('invalid_argument', `failed to parse value as time or duration: "${text}"`);
  }
  const part = (index: number): number => Number(match[index] ?? 0);
  const midnightMs = dayOfCivil(part(1), part(2), part(3)) * DAY_MS;
  const timeOfDayMs = (part(4) * 3600 + part(5) * 60 + part(6) + part(7)) * 1000;
  return ok(midnightMs + timeOfDayMs - zoneOffsetMs(match[8] ?? 'Z'));
}

function zoneOffsetMs(zone: string): number {
  if (zone === 'Z') {
    return 0;
  }
  const sign = zone.startsWith('-') ? -1 : 1;
  return sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6))) * 60_000;
}
