type CloseCallback = (code: number, reason: string) => void;

/** Tells all who asked, once, that a connection is gone; also those who ask after. */
export class CloseSignal {
  #fired: { readonly code: number; readonly reason: string } | undefined;
  #callbacks: CloseCallback[] = [];

  get isFired(): boolean {
    return this.#fired !== undefined;
  }

  add(callback: CloseCallback): void {
    if (this.#fired === undefined) {
      this.#callbacks.push(callback);
    } else {
      callback(this.#fired.code, this.#fired.reason);
    }
  }

  fire(code: number, reason: string): void {
    if (this.#fired !== undefined) {
      return;
    }
    this.#fired = { code, reason };
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    for (const callback of callbacks) {
      callback(code, reason);
    }
  }
}
