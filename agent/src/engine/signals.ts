import { fail, ok, type Result } from '@skep/kernel';

/** Linux's signal numbers on all processors that Node runs on. */
const SIGNALS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  IOT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  POLL: 29,
  PWR: 30,
  SYS: 31,
};

const REALTIME_MIN = 34;
const REALTIME_MAX = 64;

/** Parses `SIGTERM`, `term`, `15`, `RTMIN+3` or `RTMAX-1` into a signal number. */
export function parseSignal(text: string): Result<number> {
  const name = text.trim().toUpperCase().replace(/^SIG/, '');
  if (/^\d+$/.test(name)) {
    const number = Number(name);
    return number >= 1 && number <= REALTIME_MAX ? ok(number) : invalid(text);
  }
  const realtime = /^(RTMIN|RTMAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realtime !== null) {
    const base = realtime[1] === 'RTMIN' ? REALTIME_MIN : REALTIME_MAX;
    const number = base + (realtime[2] === '-' ? -1 : 1) * Number(realtime[3] ?? '0');
    return number >= REALTIME_MIN && number <= REALTIME_MAX ? ok(number) : invalid(text);
  }
  const number = Object.hasOwn(SIGNALS, name) ? SIGNALS[name] : undefined;
  return number === undefined ? invalid(text) : ok(number);
}

/** `SIGTERM` for 15; the number itself when it has no name. */
export function signalName(number: number): string {
  const entry = Object.entries(SIGNALS).find(([, value]) => value === number);
  return entry === undefined ? String(number) : `SIG${entry[0]}`;
}

function invalid(text: string): Result<never> {
  return fail('invalid_argument', `invalid signal: ${text.slice(0, 40)}`);
}
