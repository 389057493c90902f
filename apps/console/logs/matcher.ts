import type { LogLine } from './ring.ts';

/** What the reader wants to see of the lines. */
export interface LogFilter {
  readonly pattern: string;
  readonly isRegex: boolean;
  readonly isCaseSensitive: boolean;
  readonly isInverted: boolean;
  /** Levels that are hidden; lines without a level count as `I`. */
  readonly hiddenLevels: readonly string[];
  /** Indexes of tasks that are hidden. */
  readonly hiddenTasks: readonly number[];
}

export const NO_FILTER: LogFilter = {
  pattern: '',
  isRegex: false,
  isCaseSensitive: false,
  isInverted: false,
  hiddenLevels: [],
  hiddenTasks: [],
};

export type Matcher = (line: LogLine) => boolean;

const ESCAPE = String.fromCharCode(27);
const ESCAPES = new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g');

function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Makes the test of a filter. A pattern that is no regular expression is the error, in the engine's words. */
export function createMatcher(filter: LogFilter): { readonly matches: Matcher } | { readonly error: string } {
  const hiddenLevels = new Set(filter.hiddenLevels);
  const hiddenTasks = new Set(filter.hiddenTasks);
  let regex: RegExp | undefined;
  if (filter.pattern !== '') {
    try {
      regex = new RegExp(
        filter.isRegex ? filter.pattern : escapeRegex(filter.pattern),
        filter.isCaseSensitive ? '' : 'i',
      );
    } catch (error: unknown) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  }
  return {
    matches: (line) => {
      if (hiddenTasks.has(line.task) || hiddenLevels.has(line.level ?? 'I')) {
        return false;
      }
      if (regex === undefined) {
        return true;
      }
      const text = line.text.includes(ESCAPE) ? line.text.replace(ESCAPES, '') : line.text;
      return regex.test(text) !== filter.isInverted;
    },
  };
}
