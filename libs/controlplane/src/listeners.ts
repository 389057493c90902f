/** Who is to be told of something, in the order they asked. */
export class Listeners<T> {
  readonly #callbacks = new Set<(value: T) => void>();

  /** Returns the function that ends it. */
  add(callback: (value: T) => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  tell(value: T): void {
    this.#callbacks.forEach((callback) => {
      callback(value);
    });
  }
}
