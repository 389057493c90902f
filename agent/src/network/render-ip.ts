import { assertNever } from '@skep/kernel';

import type { KernelObject, PolicyRule, Route, Sysctl } from './kernel-object.ts';
import type { KernelOp } from './reconcile.ts';

/** Text for `ip -4 -batch`, `ip -6 -batch`, `bridge -batch` and /proc/sys; line n of a text belongs to op n of its list. */
export interface RenderedOps {
  readonly ip: RenderedBatch;
  readonly ip6: RenderedBatch;
  readonly bridge: RenderedBatch;
  readonly sysctls: readonly Sysctl[];
}

export interface RenderedBatch {
  readonly lines: readonly string[];
  /** The op each line came from; an op may need several lines. */
  readonly ops: readonly KernelOp[];
}

/** Turns ops into commands. Every command may be given twice without harm, except where the kernel has no such form. */
export function renderOps(ops: readonly KernelOp[]): RenderedOps {
  const ip: { lines: string[]; ops: KernelOp[] } = { lines: [], ops: [] };
  const ip6: { lines: string[]; ops: KernelOp[] } = { lines: [], ops: [] };
  const bridge: { lines: string[]; ops: KernelOp[] } = { lines: [], ops: [] };
  const sysctls: Sysctl[] = [];
  for (const op of ops) {
    if (op.object.kind === 'sysctl') {
      sysctls.push(op.object);
      continue;
    }
    const batch = op.object.kind === 'fdb' ? bridge : isIpv6(op) ? ip6 : ip;
    for (const line of linesOf(op)) {
      batch.lines.push(line);
      batch.ops.push(op);
    }
  }
  return { ip, ip6, bridge, sysctls };
}

function isIpv6({ object }: KernelOp): boolean {
  return object.kind === 'address' && object.address.includes(':');
}

function linesOf(op: KernelOp): string[] {
  const { object } = op;
  const isRemoval = op.type === 'remove';
  switch (object.kind) {
    case 'link':
      return linkLines(op, object);
    case 'address':
      return [
        isRemoval
          ? `address del ${object.address} dev ${object.device}`
          : // Nobody else is asked whether the address is free: it can be used at once.
            `address replace ${object.address} dev ${object.device}${isIpv6(op) ? ' nodad' : ''}`,
      ];
    case 'neighbour':
      return [
        isRemoval
          ? `neighbour del ${object.address} dev ${object.device}`
          : `neighbour replace ${object.address} lladdr ${object.macAddress} dev ${object.device} nud permanent`,
      ];
    case 'fdb':
      return [
        isRemoval
          ? `fdb del ${object.macAddress} dev ${object.device} self`
          : `fdb replace ${object.macAddress} dev ${object.device} dst ${object.destination} self permanent`,
      ];
    case 'route':
      return [routeLine(object, isRemoval)];
    case 'rule':
      return op.type === 'change'
        ? [`rule del priority ${String(object.priority)}`, ruleLine(object)]
        : [isRemoval ? `rule del priority ${String(object.priority)}` : ruleLine(object)];
    case 'sysctl':
      return [];
  }
}

function linkLines(op: KernelOp, object: Extract<KernelObject, { kind: 'link' }>): string[] {
  if (op.type === 'remove') {
    return [`link del dev ${object.name}`];
  }
  const group = `group ${String(object.group)}`;
  // No IPv6 address of its own, and so none of the chatter that comes with one; before the device comes up.
  const up = [`link set dev ${object.name} addrgenmode none`, `link set dev ${object.name} up`];
  switch (object.type) {
    case 'vxlan': {
      const settings = `mtu ${String(object.mtu)} address ${object.macAddress} ${group}`;
      const tunnel = `id ${String(object.vni)} local ${object.local} dstport ${String(object.port)} nolearning`;
      return op.type === 'add'
        ? [`link add ${object.name} ${settings} type vxlan ${tunnel}`, ...up]
        : [`link set dev ${object.name} ${settings}`, ...up];
    }
    case 'bridge': {
      const settings = `mtu ${String(object.mtu)} address ${object.macAddress} ${group}`;
      return op.type === 'add'
        ? [`link add ${object.name} ${settings} type bridge`, ...up]
        : [`link set dev ${object.name} ${settings}`, ...up];
    }
    case 'veth':
      return object.master === undefined
        ? [`link set dev ${object.name} ${group}`, ...up]
        : [
            `link set dev ${object.name} ${group} master ${object.master}`,
            `link set dev ${object.name} type bridge_slave hairpin on`,
            ...up,
          ];
    default:
      return assertNever(object, 'link type');
  }
}

function routeLine(route: Route, isRemoval: boolean): string {
  const table = `table ${String(route.table)}`;
  const target = route.type === 'unreachable' ? `unreachable ${route.destination}` : route.destination;
  if (isRemoval) {
    return `route del ${target} ${table}`;
  }
  const via = route.via === undefined ? '' : ` via ${route.via}`;
  const device = route.device === undefined ? '' : ` dev ${route.device}`;
  return `route replace ${target}${via}${device}${route.via === undefined ? '' : ' onlink'} ${table}`;
}

function ruleLine(rule: PolicyRule): string {
  const mark =
    rule.mark === undefined
      ? ''
      : ` fwmark 0x${rule.mark.value.toString(16)}/0x${rule.mark.mask.toString(16)}`;
  const action =
    rule.action.type === 'lookup'
      ? `lookup ${String(rule.action.table)}`
      : `goto ${String(rule.action.priority)}`;
  return `rule add priority ${String(rule.priority)}${mark} ${action}`;
}
