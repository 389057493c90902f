import { SwarmError } from '@skep/kernel';

/** Docker's default: control-P, control-Q. */
const DEFAULT_KEYS = 'ctrl-p,ctrl-q';

/**
 * Parses `ctrl-p,ctrl-q` or `a,b` into the bytes a terminal sends for them.
 * @throws SwarmError `invalid_argument` for anything else.
 */
export function parseDetachKeys(text: string | undefined): Uint8Array {
  const keys = (text ?? DEFAULT_KEYS).split(',');
  return Uint8Array.from(keys, (key) => {
    if (key.length === 1) {
      return key.charCodeAt(0);
    }
    const letter = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
    if (letter === undefined) {
      throw new SwarmError('invalid_argument', `Invalid detach keys (${text ?? ''}) provided`);
    }
    return letter.toUpperCase().charCodeAt(0) - 64;
  });
}

/** Looks for the detach sequence in what a person types, also when it comes in pieces. */
export class DetachKeyFilter {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** What goes on to the process, and whether the sequence is complete. Keys of a broken-off sequence go on too. */
  push(chunk: Uint8Array): { readonly pass: Uint8Array; readonly isDetached: boolean } {
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched += 1;
        if (this.#matched === this.#keys.length) {
          return { pass: Uint8Array.from(pass), isDetached: true };
        }
        continue;
      }
      pass.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) {
        pass.push(byte);
      }
    }
    return { pass: Uint8Array.from(pass), isDetached: false };
  }
}
