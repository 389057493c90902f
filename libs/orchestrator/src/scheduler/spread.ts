import { LABEL_PREFIXES } from '../node-fitness.ts';
import type { NodeInfo } from './node-info.ts';

interface Candidate {
  readonly info: NodeInfo;
  /** Failed often of late: only when there is nothing else. */
  readonly isSuspect: boolean;
  /** Tasks of the service on the node, kept up while this tree gives tasks to it. */
  serviceCount: number;
}

interface Branch {
  /** Tasks of the service on all nodes below. */
  taskCount: number;
  readonly children: Branch[];
  /** Nodes of a leaf, as a binary heap with the best first. */
  readonly heap: Candidate[];
}

/**
 * Orders candidate nodes for one service: evenly over the values of the preferences (outermost first), then away from
 * nodes where it failed often, then to the node with the fewest tasks of the service, then with the fewest tasks at
 * all, then by id. Taking a node costs the logarithm of their number.
 */
export class SpreadTree {
  readonly #serviceId: string;
  readonly #root: Branch;
  readonly #nowMs: number;

  constructor(
    candidates: readonly NodeInfo[],
    options: { readonly serviceId: string; readonly spread: readonly string[]; readonly nowMs: number },
  ) {
    this.#serviceId = options.serviceId;
    this.#nowMs = options.nowMs;
    this.#root = this.#grow(candidates, options.spread);
  }

  /**
   * Gives a task to the best node: `assign` is called with it, books the task there, and says whether the node can take
   * another one. Answers the node; undefined when none is left.
   */
  take(assign: (info: NodeInfo) => boolean): NodeInfo | undefined {
    const path = this.#bestPath();
    const leaf = path?.at(-1);
    const best = leaf?.heap[0];
    if (path === undefined || leaf === undefined || best === undefined) {
      return undefined;
    }
    const hasRoom = assign(best.info);
    best.serviceCount = best.info.countOf(this.#serviceId);
    if (hasRoom) {
      this.#siftDown(leaf.heap, 0);
    } else {
      this.#dropFirst(leaf.heap);
    }
    for (const branch of path) {
      branch.taskCount += 1;
    }
    return best.info;
  }

  #grow(infos: readonly NodeInfo[], spread: readonly string[]): Branch {
    const taskCount = infos.reduce((sum, info) => sum + info.countOf(this.#serviceId), 0);
    const [preference, ...rest] = spread;
    if (preference === undefined) {
      return { taskCount, children: [], heap: this.#heapify(infos) };
    }
    const valueOf = attributeReader(preference);
    const groups = new Map<string, NodeInfo[]>();
    for (const info of infos) {
      const value = valueOf(info);
      const group = groups.get(value);
      if (group === undefined) {
        groups.set(value, [info]);
      } else {
        group.push(info);
      }
    }
    const values = [...groups.keys()].sort();
    return {
      taskCount,
      children: values.map((value) => this.#grow(groups.get(value) ?? [], rest)),
      heap: [],
    };
  }

  /** From the root to the leaf to take from: at each level the branch with the fewest tasks that has a node left. */
  #bestPath(): Branch[] | undefined {
    const path = [this.#root];
    let branch = this.#root;
    while (branch.children.length > 0) {
      let best: Branch | undefined;
      for (const child of branch.children) {
        if (hasNode(child) && (best === undefined || child.taskCount < best.taskCount)) {
          best = child;
        }
      }
      if (best === undefined) {
        return undefined;
      }
      path.push(best);
      branch = best;
    }
    return path;
  }

  #heapify(infos: readonly NodeInfo[]): Candidate[] {
    const heap = infos.map((info) => ({
      info,
      isSuspect: info.hasFailedOften(this.#serviceId, this.#nowMs),
      serviceCount: info.countOf(this.#serviceId),
    }));
    for (let i = (heap.length >>> 1) - 1; i >= 0; i -= 1) {
      this.#siftDown(heap, i);
    }
    return heap;
  }

  #dropFirst(heap: Candidate[]): void {
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) {
      heap[0] = last;
      this.#siftDown(heap, 0);
    }
  }

  #siftDown(heap: Candidate[], start: number): void {
    let parent = start;
    for (;;) {
      let best = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < heap.length && this.#isBetter(heap[child], heap[best])) {
          best = child;
        }
      }
      if (best === parent) {
        return;
      }
      [heap[parent], heap[best]] = [heap[best] as Candidate, heap[parent] as Candidate];
      parent = best;
    }
  }

  #isBetter(a: Candidate | undefined, b: Candidate | undefined): boolean {
    if (a === undefined || b === undefined) {
      return a !== undefined;
    }
    const order =
      Number(a.isSuspect) - Number(b.isSuspect) ||
      a.serviceCount - b.serviceCount ||
      a.info.taskCount - b.info.taskCount;
    return order === 0 ? a.info.id < b.info.id : order < 0;
  }
}

function hasNode(branch: Branch): boolean {
  return branch.heap.length > 0 || branch.children.some(hasNode);
}

/** Reads `node.labels.x` or `engine.labels.x`; nodes without the label form a group of their own. */
function attributeReader(preference: string): (info: NodeInfo) => string {
  const lower = preference.toLowerCase();
  for (const [prefix, field] of LABEL_PREFIXES) {
    if (lower.startsWith(prefix)) {
      const label = preference.slice(prefix.length);
      return (info) => info.subject[field][label] ?? '';
    }
  }
  return () => '';
}
