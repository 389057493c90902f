import type { ExecClientFrame, ExecServerFrame } from '@skep/contract';

/** What a person is told of a shell. A shell that has ended, was refused or was lost stays so; start another. */
export type ShellState =
  | { readonly phase: 'connecting' }
  | { readonly phase: 'open'; readonly node: string }
  | { readonly phase: 'ended'; readonly code: number }
  | { readonly phase: 'refused'; readonly code: string; readonly message: string }
  | { readonly phase: 'lost' };

/** One WebSocket, as far as a shell needs it. */
export interface ExecSocket {
  readonly send: (data: string | Uint8Array<ArrayBuffer>) => void;
  readonly close: () => void;
}

export interface ExecSocketHandlers {
  readonly onOpen: () => void;
  readonly onText: (text: string) => void;
  readonly onBytes: (bytes: Uint8Array) => void;
  readonly onClose: () => void;
}

export interface ExecSessionOptions {
  readonly connect: (handlers: ExecSocketHandlers) => ExecSocket;
  /** Empty: the first shell that the container has. */
  readonly command: readonly string[];
  readonly size: { readonly cols: number; readonly rows: number };
  /** Shows bytes and calls back when they are on the screen, so that a flood waits for the browser. */
  readonly show: (bytes: Uint8Array, done: () => void) => void;
  readonly onState: (state: ShellState) => void;
}

/** Bytes on the screen before they are acknowledged; the manager holds output back at 512 KiB. */
const ACK_BYTES = 64 * 1024;

/** One command in a task, over the exec socket of the contract. */
export class ExecSession {
  readonly #options: ExecSessionOptions;
  readonly #socket: ExecSocket;
  readonly #encoder = new TextEncoder();
  #state: ShellState = { phase: 'connecting' };
  #size: { readonly cols: number; readonly rows: number };
  #shownBytes = 0;
  #isOpen = false;

  constructor(options: ExecSessionOptions) {
    this.#options = options;
    this.#size = options.size;
    this.#socket = options.connect({
      onOpen: () => {
        this.#isOpen = true;
        this.#tell({
          t: 'start',
          tty: true,
          ...this.#size,
          env: ['TERM=xterm-256color'],
          ...(options.command.length === 0 ? {} : { cmd: [...options.command] }),
        });
      },
      onText: (text) => {
        this.#receive(text);
      },
      onBytes: (bytes) => {
        this.#options.show(bytes, () => {
          this.#shown(bytes.byteLength);
        });
      },
      onClose: () => {
        this.#isOpen = false;
        if (this.#state.phase === 'connecting' || this.#state.phase === 'open') {
          this.#become({ phase: 'lost' });
        }
      },
    });
  }

  /** Sends what a person typed or pasted. */
  type(text: string): void {
    this.typeBytes(this.#encoder.encode(text));
  }

  typeBytes(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#isOpen) {
      this.#socket.send(bytes);
    }
  }

  resize(cols: number, rows: number): void {
    if (cols === this.#size.cols && rows === this.#size.rows) {
      return;
    }
    this.#size = { cols, rows };
    if (this.#state.phase === 'open') {
      this.#tell({ t: 'resize', cols, rows });
    }
  }

  close(): void {
    this.#isOpen = false;
    this.#socket.close();
  }

  #tell(frame: ExecClientFrame): void {
    if (this.#isOpen) {
      this.#socket.send(JSON.stringify(frame));
    }
  }

  #receive(text: string): void {
    const frame = JSON.parse(text) as ExecServerFrame;
    switch (frame.t) {
      case 'started':
        this.#become({ phase: 'open', node: frame.node });
        // The window may have changed while the command was being started.
        this.#tell({ t: 'resize', ...this.#size });
        break;
      case 'exit':
        this.#become({ phase: 'ended', code: frame.code });
        break;
      case 'err':
        this.#become({ phase: 'refused', code: frame.code, message: frame.message });
        break;
    }
  }

  #become(state: ShellState): void {
    if (this.#state.phase !== 'connecting' && this.#state.phase !== 'open') {
      return;
    }
    this.#state = state;
    this.#options.onState(state);
  }

  #shown(bytes: number): void {
    this.#shownBytes += bytes;
    if (this.#shownBytes >= ACK_BYTES) {
      this.#tell({ t: 'ack', bytes: this.#shownBytes });
      this.#shownBytes = 0;
    }
  }
}
