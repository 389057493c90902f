/**
 * What the networks of a host consist of in the kernel, as data: the plan wants a set of these, the observation finds
 * a set of these, and the difference is what has to be done.
 */
export type KernelObject =
  VxlanLink | BridgeLink | VethLink | DeviceAddress | Neighbour | FdbEntry | Route | PolicyRule | Sysctl;

export interface VxlanLink {
  readonly kind: 'link';
  readonly type: 'vxlan';
  readonly name: string;
  readonly vni: number;
  /** Underlay address of this host. */
  readonly local: string;
  readonly port: number;
  readonly macAddress: string;
  readonly mtu: number;
  readonly group: number;
  readonly isUp: boolean;
}

export interface BridgeLink {
  readonly kind: 'link';
  readonly type: 'bridge';
  readonly name: string;
  readonly macAddress: string;
  readonly mtu: number;
  readonly group: number;
  readonly isUp: boolean;
}

/** Host's end of a container's veth. It is made together with the container's end, never by a reconciliation. */
export interface VethLink {
  readonly kind: 'link';
  readonly type: 'veth';
  readonly name: string;
  readonly group: number;
  readonly isUp: boolean;
  /** Bridge it is a port of; absent for routed ones. */
  readonly master?: string;
  /**
   * Whether the bridge sends a frame back where it came from: with br_netfilter loaded, a container that reaches
   * itself by a published port is bridged, not routed. True for all ports of ours.
   */
  readonly isHairpin?: boolean;
}

export interface DeviceAddress {
  readonly kind: 'address';
  readonly device: string;
  /** With prefix length. */
  readonly address: string;
}

/** A permanent neighbour. */
export interface Neighbour {
  readonly kind: 'neighbour';
  readonly device: string;
  readonly address: string;
  readonly macAddress: string;
}

/** Where VXLAN frames for a hardware address go. */
export interface FdbEntry {
  readonly kind: 'fdb';
  readonly device: string;
  readonly macAddress: string;
  readonly destination: string;
}

export interface Route {
  readonly kind: 'route';
  readonly table: number;
  /** With prefix length; `0.0.0.0/0` is the default route. */
  readonly destination: string;
  readonly type: 'unicast' | 'unreachable';
  readonly device?: string;
  /** Next hop, reached on the link whatever its address. */
  readonly via?: string;
}

export interface PolicyRule {
  readonly kind: 'rule';
  readonly priority: number;
  readonly mark?: { readonly value: number; readonly mask: number };
  readonly action:
    | { readonly type: 'lookup'; readonly table: number }
    | { readonly type: 'goto'; readonly priority: number };
}

/** A kernel parameter below /proc/sys/net. Set when it differs; never set back, since others may rely on it. */
export interface Sysctl {
  readonly kind: 'sysctl';
  /** Below /proc/sys/net, with slashes: `ipv4/ip_forward`. */
  readonly path: string;
  readonly value: string;
  /** Device the parameter belongs to; it goes with it. */
  readonly device?: string;
}

export type KernelState = ReadonlyMap<string, KernelObject>;

/** Identity of an object: two with the same key cannot exist side by side. */
export function keyOf(object: KernelObject): string {
  switch (object.kind) {
    case 'link':
      return `link ${object.name}`;
    case 'address':
      return `address ${object.device} ${object.address}`;
    case 'neighbour':
      return `neighbour ${object.device} ${object.address}`;
    case 'fdb':
      return `fdb ${object.device} ${object.macAddress}`;
    case 'route':
      return `route ${String(object.table)} ${object.destination}`;
    case 'rule':
      return `rule ${String(object.priority)}`;
    case 'sysctl':
      return `sysctl ${object.path}`;
  }
}

/** The device whose end ends the object too. */
export function deviceOf(object: KernelObject): string | undefined {
  switch (object.kind) {
    case 'link':
      return object.name;
    case 'rule':
      return undefined;
    case 'address':
    case 'neighbour':
    case 'fdb':
    case 'route':
    case 'sysctl':
      return object.device;
  }
}

/** Whether two objects of the same key are the same in every field. */
export function isSameObject(a: KernelObject, b: KernelObject): boolean {
  return a === b || isSameRecord(a, b);
}

function isSameRecord(a: object, b: object): boolean {
  const entries = Object.entries(a);
  if (entries.length !== Object.keys(b).length) {
    return false;
  }
  const other = b as Readonly<Record<string, unknown>>;
  return entries.every(([field, value]: [string, unknown]) => {
    const match = other[field];
    return isObject(value) && isObject(match) ? isSameRecord(value, match) : value === match;
  });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Puts objects into a state, refusing none: a later one with the same key replaces an earlier one. */
export function toKernelState(objects: Iterable<KernelObject>): KernelState {
  const state = new Map<string, KernelObject>();
  for (const object of objects) {
    state.set(keyOf(object), object);
  }
  return state;
}
