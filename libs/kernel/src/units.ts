import { fail, ok, type Result } from './errors.ts';

const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  kb: 1024,
  kib: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
  gib: 1024 ** 3,
  t: 1024 ** 4,
  tb: 1024 ** 4,
  tib: 1024 ** 4,
};

/** Parses sizes as Docker writes them (`64m`, `1.5gb`, `512`): binary multiples, result in whole bytes. */
export function parseBytes(text: string): Result<number> {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const factor = match === null ? undefined : BYTE_UNITS[(match[2] ?? '').toLowerCase()];
  if (match === null || factor === undefined) {
    return fail(
      'invalid_argument',
      `"${text}" is not a size; write a number with an optional unit, like 64m or 2g`,
    );
  }
  return ok(Math.floor(Number(match[1]) * factor));
}

/** Formats bytes for people: `1.5 GiB`, `64 MiB`, `512 B`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`;
}

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Parses Go-style durations (`1m30s`, `500ms`, `10s`; also `2d`); result in milliseconds, which may be fractional. */
export function parseDurationMs(text: string): Result<number> {
  const trimmed = text.trim();
  if (trimmed === '0') {
    return ok(0);
  }
  const part = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/y;
  let total = 0;
  let position = 0;
  while (position < trimmed.length) {
    part.lastIndex = position;
    const match = part.exec(trimmed);
    if (match === null) {
      break;
    }
    total += Number(match[1]) * (DURATION_UNITS_MS[match[2] ?? ''] ?? Number.NaN);
    position = part.lastIndex;
  }
  if (trimmed === '' || position !== trimmed.length) {
    return fail(
      'invalid_argument',
      `"${text}" is not a duration; write a number with a unit, like 10s or 1m30s`,
    );
  }
  return ok(total);
}

/** Formats a duration for people in its two largest units: `1m 30s`, `10s`, `250ms`, `2d 4h`. */
export function formatDurationMs(durationMs: number): string {
  if (durationMs < 1000) {
    return `${String(Math.round(durationMs))}ms`;
  }
  const seconds = Math.floor(durationMs / 1000);
  const parts: readonly [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${String(count)}${unit}`)
    .join(' ');
}
