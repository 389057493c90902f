/** One operation of a client on one register, from its call to its answer. */
export interface Operation<I, O> {
  readonly client: number;
  readonly input: I;
  readonly output: O;
  /** Times of one clock. An operation whose outcome is unknown returns at `Infinity`: it may take effect at any time. */
  readonly callMs: number;
  readonly returnMs: number;
}

/** What a register may do, as a deterministic machine. */
export interface Model<S, I, O> {
  readonly initial: S;
  /** The state after an operation; undefined when it could not have had this output in this state. */
  step(state: S, input: I, output: O): S | undefined;
  /** Equal states have equal keys. */
  keyOf(state: S): string;
}

export type CheckResult<I, O> =
  | { readonly isLinearizable: true }
  | {
      readonly isLinearizable: false;
      /** The longest order that fits, and the first operation that could not be put behind it. */
      readonly longest: readonly Operation<I, O>[];
      readonly stuckAt: Operation<I, O>;
    };

interface Entry<I, O> {
  readonly operation: Operation<I, O>;
  readonly id: number;
  /** The entry of the answer, for calls. */
  match: Entry<I, O> | undefined;
  previous: Entry<I, O> | undefined;
  next: Entry<I, O> | undefined;
}

/**
 * Whether a history of one register is linearizable: whether the operations can be put in one order that fits the model
 * and keeps the order of those that did not overlap. Wing and Gong's search (1993) with Lowe's memory of configurations
 * that were seen (2017), without recursion.
 */
export function check<S, I, O>(
  model: Model<S, I, O>,
  operations: readonly Operation<I, O>[],
): CheckResult<I, O> {
  const history = operations.toSorted((a, b) => a.callMs - b.callMs);
  const head = linkedEvents(history);
  const done: { readonly entry: Entry<I, O>; readonly before: S; readonly top: number }[] = [];
  const linearized = new Uint8Array(Math.ceil(history.length / 8));
  // The highest id in the order so far.
  let top = -1;
  const seen = new Set<string>();
  let state = model.initial;
  let longest: readonly Operation<I, O>[] = [];
  let stuckAt: Operation<I, O> | undefined;
  let entry = head.next;
  while (head.next !== undefined) {
    if (entry?.match !== undefined) {
      const next = model.step(state, entry.operation.input, entry.operation.output);
      if (next !== undefined) {
        flip(linearized, entry.id);
        const lowest = firstCallBut(head, entry);
        const highest = Math.max(top, entry.id);
        const configuration = `${configurationKey(linearized, lowest, highest)}|${model.keyOf(next)}`;
        if (!seen.has(configuration)) {
          seen.add(configuration);
          done.push({ entry, before: state, top });
          state = next;
          top = highest;
          lift(entry);
          entry = head.next;
          continue;
        }
        flip(linearized, entry.id);
      }
      entry = entry.next;
      continue;
    }
    // An answer of an operation that is not in the order yet (or the end): go back one step.
    if (done.length >= longest.length && entry !== undefined) {
      longest = done.map((item) => item.entry.operation);
      stuckAt = entry.operation;
    }
    const last = done.pop();
    if (last === undefined) {
      return { isLinearizable: false, longest, stuckAt: stuckAt ?? (history[0] as Operation<I, O>) };
    }
    state = last.before;
    top = last.top;
    flip(linearized, last.entry.id);
    unlift(last.entry);
    entry = last.entry.next;
  }
  return { isLinearizable: true };
}

/** The id of the earliest call that is left when `entry` is taken too: all below it are in the order. */
function firstCallBut<I, O>(head: Entry<I, O>, entry: Entry<I, O>): number {
  for (let item = head.next; item !== undefined; item = item.next) {
    if (item.match !== undefined && item !== entry) {
      return item.id;
    }
  }
  return Infinity;
}

/** Which operations are in the order, without the many that surely are or are not: a long history has many of these keys. */
function configurationKey(linearized: Uint8Array, lowest: number, highest: number): string {
  return lowest > highest
    ? String(highest)
    : `${String(lowest)}:${Buffer.from(linearized.subarray(lowest >>> 3, (highest >>> 3) + 1)).toString('latin1')}`;
}

function flip(bits: Uint8Array, id: number): void {
  bits[id >>> 3] = (bits[id >>> 3] ?? 0) ^ (1 << (id & 7));
}

/** Calls and answers in the order of time, as a list that entries can be taken out of and put back into. */
function linkedEvents<I, O>(history: readonly Operation<I, O>[]): Entry<I, O> {
  const events = history.flatMap((operation, id) => {
    const blank = { operation, id, previous: undefined, next: undefined };
    const answer: Entry<I, O> = { ...blank, match: undefined };
    const call: Entry<I, O> = { ...blank, match: answer };
    return [
      { atMs: operation.callMs, order: 0, entry: call },
      { atMs: operation.returnMs, order: 1, entry: answer },
    ];
  });
  // At equal times a call comes first: the two may have overlapped.
  events.sort((a, b) => (a.atMs === b.atMs ? a.order - b.order : a.atMs < b.atMs ? -1 : 1));
  const head = { previous: undefined, next: undefined } as unknown as Entry<I, O>;
  let last = head;
  for (const { entry } of events) {
    last.next = entry;
    entry.previous = last;
    last = entry;
  }
  return head;
}

/** Takes a call and its answer out. */
function lift<I, O>(call: Entry<I, O>): void {
  for (const entry of [call, call.match]) {
    if (entry?.previous !== undefined) {
      entry.previous.next = entry.next;
    }
    if (entry?.next !== undefined) {
      entry.next.previous = entry.previous;
    }
  }
}

/** Puts them back where they were: the answer first, for it was taken out last. */
function unlift<I, O>(call: Entry<I, O>): void {
  for (const entry of [call.match, call]) {
    if (entry?.previous !== undefined) {
      entry.previous.next = entry;
    }
    if (entry?.next !== undefined) {
      entry.next.previous = entry;
    }
  }
}

/** Registers do not touch each other: a history is linearizable when each register's part of it is. */
export function byKey<T extends { readonly key: string }>(
  operations: readonly T[],
): ReadonlyMap<string, T[]> {
  const parts = new Map<string, T[]>();
  for (const operation of operations) {
    const part = parts.get(operation.key) ?? [];
    part.push(operation);
    parts.set(operation.key, part);
  }
  return parts;
}
