/** Frames on their way to a handler that may not be there yet, or may have paused. */
export class FrameInbox {
  #frames: Uint8Array[] = [];
  #handler: ((frame: Uint8Array) => void) | undefined;
  #isPaused = false;
  #isDelivering = false;
  readonly #onConsumed: (bytes: number) => void;

  /** `onConsumed` hears the size of each frame that the handler has taken. */
  constructor(onConsumed: (bytes: number) => void) {
    this.#onConsumed = onConsumed;
  }

  get isPaused(): boolean {
    return this.#isPaused || this.#handler === undefined;
  }

  setHandler(handler: (frame: Uint8Array) => void): void {
    this.#handler = handler;
    this.#deliver();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliver();
  }

  add(frame: Uint8Array): void {
    this.#frames.push(frame);
    this.#deliver();
  }

  #deliver(): void {
    // A handler that resumes from inside itself must not start a second loop.
    if (this.#isDelivering) {
      return;
    }
    this.#isDelivering = true;
    try {
      while (!this.#isPaused && this.#handler !== undefined) {
        const frame = this.#frames.shift();
        if (frame === undefined) {
          break;
        }
        this.#handler(frame);
        this.#onConsumed(frame.length);
      }
    } finally {
      this.#isDelivering = false;
    }
  }
}
