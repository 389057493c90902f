/** Bytes handed to the application and not yet applied, at which the hand-out stops. */
const WINDOW_BYTES = 32 * 1024 * 1024;

/** Keeps account of what the application still has to apply. */
export class Deliveries {
  #items: { readonly logIndex: number; readonly sizeBytes: number }[] = [];
  #sizeBytes = 0;
  #applied = 0;

  get applied(): number {
    return this.#applied;
  }

  get isFull(): boolean {
    return this.#sizeBytes > WINDOW_BYTES;
  }

  add(logIndex: number, sizeBytes: number): void {
    this.#items.push({ logIndex, sizeBytes });
    this.#sizeBytes += sizeBytes;
  }

  onApplied(logIndex: number): void {
    this.#applied = Math.max(this.#applied, logIndex);
    const kept = this.#items.findIndex((item) => item.logIndex > logIndex);
    const done = this.#items.splice(0, kept < 0 ? this.#items.length : kept);
    this.#sizeBytes -= done.reduce((sum, item) => sum + item.sizeBytes, 0);
  }
}
