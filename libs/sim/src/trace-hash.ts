const PRIME = 0x01000193;

/** A digest of everything that happened in a run, in order: two runs of one seed have the same one. */
export class TraceHash {
  #low = 0x811c9dc5;
  #high = 0x1234567;

  /** Notes what happened: numbers and short texts. */
  note(...facts: readonly (number | string)[]): void {
    for (const fact of facts) {
      if (typeof fact === 'number') {
        this.#mix(fact & 0xffff);
        this.#mix(Math.floor(fact / 0x10000) & 0x7fffffff);
      } else {
        for (let i = 0; i < fact.length; i += 1) {
          this.#mix(fact.charCodeAt(i));
        }
      }
    }
  }

  #mix(value: number): void {
    this.#low = Math.imul(this.#low ^ value, PRIME) >>> 0;
    this.#high = Math.imul(this.#high ^ this.#low, PRIME) >>> 0;
  }

  get value(): string {
    return this.#high.toString(16).padStart(8, '0') + this.#low.toString(16).padStart(8, '0');
  }
}
