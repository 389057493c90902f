/** When each service wants to be looked at again although nothing happens to it. One time per service, the earliest. */
export class WakeTimes {
  readonly #times = new Map<string, number>();

  /** Sets or (undefined) clears the time of a service. */
  set(serviceId: string, atMs: number | undefined): void {
    if (atMs === undefined) {
      this.#times.delete(serviceId);
    } else {
      this.#times.set(serviceId, atMs);
    }
  }

  /** Removes and answers the services whose time has come. */
  takeDue(nowMs: number): string[] {
    const due: string[] = [];
    for (const [serviceId, atMs] of this.#times) {
      if (atMs <= nowMs) {
        due.push(serviceId);
        this.#times.delete(serviceId);
      }
    }
    return due;
  }

  /** The earliest time of all. */
  next(): number | undefined {
    let next: number | undefined;
    for (const atMs of this.#times.values()) {
      next = next === undefined || atMs < next ? atMs : next;
    }
    return next;
  }

  clear(): void {
    this.#times.clear();
  }
}
