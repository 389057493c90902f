import { deviceOf, isSameObject, keyOf } from './kernel-object.ts';
import type { KernelObject, KernelState } from './kernel-object.ts';
import { IPV6_FORWARDING } from './naming.ts';

/** One step towards the wanted state. */
export interface KernelOp {
  /** `change` brings an existing object of the same key to the wanted form. */
  readonly type: 'add' | 'change' | 'remove';
  readonly object: KernelObject;
}

/** What to do, in the order in which it is to be done. */
export interface KernelOps {
  /** Objects that come or change: first, so that nothing points to what is not there yet. */
  readonly additions: readonly KernelOp[];
  /** Objects that go: last, when nothing leads to them any more. */
  readonly removals: readonly KernelOp[];
  /** Wanted veth ends that do not exist: only making the container's interface anew brings them back. */
  readonly lostVeths: readonly string[];
}

const ORDER: Readonly<Record<KernelObject['kind'], number>> = {
  link: 0,
  sysctl: 1,
  address: 2,
  neighbour: 3,
  fdb: 4,
  route: 5,
  rule: 6,
};

/**
 * Compares wanted with found state. A device that must be made anew takes its addresses, neighbours and routes with
 * it, so these are added again; what hangs on a device that goes is not removed one by one.
 */
export function reconcile(wanted: KernelState, found: KernelState): KernelOps {
  const fates = fatesOfLinks(wanted, found);
  const { additions, lostVeths } = planAdditions(wanted, found, fates.renewed);
  for (const link of fates.renewed.values()) {
    additions.push({ type: 'remove', object: link });
  }
  const removals = [...found].flatMap(([key, object]): KernelOp[] => {
    if (wanted.has(key) || object.kind === 'sysctl') {
      return [];
    }
    const device = deviceOf(object);
    const goesWithDevice = device !== undefined && (fates.gone.has(device) || fates.renewed.has(device));
    return object.kind === 'link' || !goesWithDevice ? [{ type: 'remove', object }] : [];
  });
  return { additions: sortOps(additions, 1), removals: sortOps(removals, -1), lostVeths: lostVeths.sort() };
}

interface LinkFates {
  /** Devices that nobody wants any more. */
  readonly gone: ReadonlySet<string>;
  /** Devices that can only become what is wanted by being made anew. */
  readonly renewed: ReadonlyMap<string, KernelObject>;
}

function fatesOfLinks(wanted: KernelState, found: KernelState): LinkFates {
  const gone = new Set<string>();
  const renewed = new Map<string, KernelObject>();
  for (const [key, object] of found) {
    if (object.kind !== 'link') {
      continue;
    }
    const next = wanted.get(key);
    if (next === undefined) {
      gone.add(object.name);
    } else if (!canChange(object, next)) {
      renewed.set(object.name, object);
    }
  }
  return { gone, renewed };
}

function planAdditions(
  wanted: KernelState,
  found: KernelState,
  renewed: ReadonlyMap<string, KernelObject>,
): { readonly additions: KernelOp[]; readonly lostVeths: string[] } {
  const additions: KernelOp[] = [];
  const lostVeths: string[] = [];
  for (const [key, object] of wanted) {
    const device = deviceOf(object);
    const existing = device !== undefined && renewed.has(device) ? undefined : found.get(key);
    if (existing !== undefined) {
      if (!isSameObject(existing, object)) {
        additions.push({ type: 'change', object });
      }
    } else if (object.kind === 'link' && object.type === 'veth') {
      lostVeths.push(object.name);
    } else {
      additions.push({ type: 'add', object });
    }
  }
  return { additions, lostVeths };
}

/** The state after `ops` have been done on `found`. */
export function applyOps(found: KernelState, ops: readonly KernelOp[]): KernelState {
  const state = new Map(found);
  for (const op of ops) {
    if (op.type !== 'remove') {
      state.set(keyOf(op.object), op.object);
      continue;
    }
    state.delete(keyOf(op.object));
    if (op.object.kind === 'link') {
      for (const [key, object] of state) {
        if (deviceOf(object) === op.object.name) {
          state.delete(key);
        }
      }
    }
  }
  return state;
}

/** Whether the kernel lets a link be changed in place; the tunnel's end points and kind are fixed at its making. */
function canChange(from: KernelObject, to: KernelObject): boolean {
  if (from.kind !== 'link' || to.kind !== 'link' || from.type !== to.type) {
    return false;
  }
  return !(
    from.type === 'vxlan' &&
    to.type === 'vxlan' &&
    (from.vni !== to.vni || from.local !== to.local || from.port !== to.port)
  );
}

/**
 * The moment a host begins to forward IPv6 it forgets the routes that routers told it of, unless their devices have been
 * told before to go on listening.
 */
function isForwarding({ object }: KernelOp): boolean {
  return object.kind === 'sysctl' && object.path === IPV6_FORWARDING;
}

function sortOps(ops: readonly KernelOp[], direction: 1 | -1): KernelOp[] {
  const rank = (op: KernelOp): number =>
    op.type === 'remove' && direction === 1 ? -1 : ORDER[op.object.kind] + (isForwarding(op) ? 0.5 : 0);
  return [...ops].sort((a, b) => {
    const byKind = (rank(a) - rank(b)) * direction;
    if (byKind !== 0) {
      return byKind;
    }
    const [keyA, keyB] = [keyOf(a.object), keyOf(b.object)];
    return keyA < keyB ? -1 : keyA > keyB ? 1 : 0;
  });
}
