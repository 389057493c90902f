import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';

import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
const unlockpt = libc.func('int unlockpt(int fd)');
const ptsname = libc.func('const char *ptsname(int fd)');
const ioctl = libc.func('int ioctl(int fd, unsigned long request, const void *argument)');

const TIOCSWINSZ = 0x5414;
/** Enough to look back on, whatever a program prints. */
const TEXT_MAX = 1_000_000;

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** A terminal of our own with one program on it: what a person sees, types and does to its window. */
export class Terminal {
  readonly #master: number;
  readonly #reader: ReadStream;
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  #text = '';

  /** Starts a program with the terminal as its input, output and controlling terminal. */
  constructor(argv: readonly string[], size: TerminalSize, env: NodeJS.ProcessEnv) {
    this.#master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
    if ((unlockpt(this.#master) as number) !== 0) {
      throw new Error('no terminal is to be had');
    }
    this.resize(size);
    const slave = openSync(ptsname(this.#master) as string, constants.O_RDWR | constants.O_NOCTTY);
    this.#child = spawn('setsid', ['--ctty', '--wait', ...argv], { stdio: [slave, slave, slave], env });
    closeSync(slave);
    this.#exit = new Promise((resolve) => this.#child.once('close', resolve));
    this.#reader = new ReadStream(this.#master);
    this.#reader.setEncoding('utf8').on('data', (text: string) => {
      this.#text = (this.#text + text).slice(-TEXT_MAX);
    });
    // The kernel's word for a terminal that nobody has open any more.
    this.#reader.on('error', () => undefined);
  }

  /** All that was shown so far. */
  get text(): string {
    return this.#text;
  }

  /** Forgets what was shown so far. */
  clear(): void {
    this.#text = '';
  }

  type(text: string): void {
    writeSync(this.#master, text);
  }

  /** Changes the window; the programs on it are told by SIGWINCH. */
  resize({ rows, columns }: TerminalSize): void {
    const size = new Uint16Array([rows, columns, 0, 0]);
    if ((ioctl(this.#master, TIOCSWINSZ, size) as number) !== 0) {
      throw new Error('the terminal cannot be resized');
    }
  }

  /** Waits for the end of the program; its exit code. */
  exit(): Promise<number | null> {
    return this.#exit;
  }

  /** Closes the window: what is still on it gets SIGHUP, and SIGKILL if it stays. */
  async close(): Promise<void> {
    this.#reader.destroy();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
    }
    await this.#exit;
  }
}
