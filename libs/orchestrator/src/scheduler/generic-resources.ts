import type { GenericResource } from '@skep/model';

/** Generic resources of a node that are not given to tasks: counts, and names of single pieces. */
export class GenericPool {
  readonly #counts = new Map<string, number>();
  readonly #names = new Map<string, Set<string>>();

  constructor(resources: readonly GenericResource[] | undefined) {
    resources?.forEach((resource) => this.release([resource]));
  }

  /** How many pieces of a kind are free. */
  free(kind: string): number {
    return (this.#counts.get(kind) ?? 0) + (this.#names.get(kind)?.size ?? 0);
  }

  canServe(wanted: readonly GenericResource[] | undefined): boolean {
    return (wanted ?? []).every(({ kind, value }) => typeof value !== 'number' || this.free(kind) >= value);
  }

  /** Takes what is wanted: named pieces by name, in order of name, else a count. */
  take(wanted: readonly GenericResource[] | undefined): GenericResource[] {
    const taken: GenericResource[] = [];
    for (const { kind, value } of wanted ?? []) {
      if (typeof value !== 'number' || value === 0) {
        continue;
      }
      const names = [...(this.#names.get(kind) ?? [])].sort().slice(0, value);
      if (names.length === value) {
        taken.push(...names.map((name) => ({ kind, value: name })));
      } else {
        taken.push({ kind, value });
      }
    }
    this.hold(taken);
    return taken;
  }

  /** Counts resources as given. */
  hold(given: readonly GenericResource[] | undefined): void {
    for (const { kind, value } of given ?? []) {
      if (typeof value === 'number') {
        this.#counts.set(kind, (this.#counts.get(kind) ?? 0) - value);
      } else {
        this.#names.get(kind)?.delete(value);
      }
    }
  }

  release(given: readonly GenericResource[] | undefined): void {
    for (const { kind, value } of given ?? []) {
      if (typeof value === 'number') {
        this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + value);
      } else {
        const names = this.#names.get(kind) ?? new Set();
        this.#names.set(kind, names.add(value));
      }
    }
  }
}
