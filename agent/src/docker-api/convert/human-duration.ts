const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** A duration in Docker's words: `5 minutes`, `About an hour`, `3 weeks`. */
export function humanDuration(durationMs: number): string {
  const seconds = Math.floor(durationMs / SECOND_MS);
  if (seconds < 1) {
    return 'Less than a second';
  }
  if (seconds < 60) {
    return seconds === 1 ? '1 second' : `${String(seconds)} seconds`;
  }
  const minutes = Math.floor(durationMs / MINUTE_MS);
  if (minutes < 60) {
    return minutes === 1 ? 'About a minute' : `${String(minutes)} minutes`;
  }
  const hours = Math.floor(durationMs / HOUR_MS + 0.5);
  const steps: readonly [hoursBelow: number, hoursPerUnit: number, unit: string][] = [
    [48, 1, 'hours'],
    [24 * 7 * 2, 24, 'days'],
    [24 * 30 * 2, 24 * 7, 'weeks'],
    [24 * 365 * 2, 24 * 30, 'months'],
  ];
  if (hours === 1) {
    return 'About an hour';
  }
  const step = steps.find(([hoursBelow]) => hours < hoursBelow) ?? [0, 24 * 365, 'years'];
  return `${String(Math.floor(hours / step[1]))} ${step[2]}`;
}
