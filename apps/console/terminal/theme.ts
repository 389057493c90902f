import type { ITheme } from '@xterm/xterm';

const TOKENS = {
  background: '--bg',
  foreground: '--text',
  cursor: '--accent',
  cursorAccent: '--bg',
  red: '--bad',
  green: '--ok',
  yellow: '--warn',
  blue: '--go',
  cyan: '--accent',
  white: '--text',
  brightBlack: '--muted',
  brightRed: '--bad',
  brightGreen: '--ok',
  brightYellow: '--warn',
  brightBlue: '--go',
  brightCyan: '--accent',
  brightWhite: '--text',
  black: '--muted',
} as const satisfies Partial<Record<keyof ITheme, string>>;

/** The colours of the page as they are now, for the terminal. */
export function terminalTheme(): ITheme {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(
    Object.entries(TOKENS).map(([name, token]) => [name, style.getPropertyValue(token).trim()]),
  );
}
