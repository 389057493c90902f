import { assert } from '@skep/kernel';

/** The append messages sent to one follower and not yet acknowledged, limited in count and bytes. */
export class Inflights {
  readonly #countMax: number;
  readonly #bytesMax: number;
  #items: { readonly lastIndex: number; readonly sizeBytes: number }[] = [];
  #sizeBytes = 0;

  constructor(countMax: number, bytesMax: number) {
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#items.length;
  }

  get isFull(): boolean {
    return this.#items.length >= this.#countMax || this.#sizeBytes >= this.#bytesMax;
  }

  /** Adds a message whose last entry is `lastIndex`. The one that crosses the byte limit is let through. */
  add(lastIndex: number, sizeBytes: number): void {
    assert(!this.isFull, 'an append was sent past the in-flight limit');
    this.#items.push({ lastIndex, sizeBytes });
    this.#sizeBytes += sizeBytes;
  }

  /** Forgets all messages up to and including `logIndex`. */
  release(logIndex: number): void {
    let freed = 0;
    for (const item of this.#items) {
      if (item.lastIndex > logIndex) {
        break;
      }
      freed += 1;
      this.#sizeBytes -= item.sizeBytes;
    }
    if (freed > 0) {
      this.#items = this.#items.slice(freed);
    }
  }

  clear(): void {
    this.#items = [];
    this.#sizeBytes = 0;
  }
}
