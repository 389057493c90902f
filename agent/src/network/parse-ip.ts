import { z } from 'zod';

import { SwarmError } from '@skep/kernel';

import type { KernelObject, VethLink, VxlanLink } from './kernel-object.ts';
import type { Naming } from './naming.ts';
import { BRIDGE_GROUP_MASK, BRIDGE_LINK_LOCAL, NODE_INDEX_MAX, bridgeGroup } from './naming.ts';

/** The listings an observation consists of, as `ip -j` and `bridge -j` print them: one JSON array each. */
export interface IpListings {
  /** `ip -d -j address show` */
  readonly addresses: string;
  /** `ip -d -j route show table all` */
  readonly routes: string;
  /** `ip -d -j rule show` */
  readonly rules: string;
  /** `ip -j neigh show nud permanent` */
  readonly neighbours: string;
  /** `bridge -j fdb show` */
  readonly fdb: string;
}

const LinkEntry = z.looseObject({
  ifname: z.string().default(''),
  address: z.string().optional(),
  mtu: z.int().default(0),
  group: z.string().default('default'),
  flags: z.array(z.string()).default([]),
  master: z.string().optional(),
  linkinfo: z
    .looseObject({
      info_kind: z.string().optional(),
      info_slave_data: z.looseObject({ hairpin: z.boolean().optional() }).optional(),
      info_data: z
        .looseObject({ id: z.int().optional(), local: z.string().optional(), port: z.int().optional() })
        .optional(),
    })
    .optional(),
  addr_info: z
    .array(z.looseObject({ family: z.string().optional(), local: z.string(), prefixlen: z.int() }).partial())
    .default([]),
});
type LinkEntry = z.infer<typeof LinkEntry>;

const RouteEntry = z.looseObject({
  type: z.string().default('unicast'),
  dst: z.string(),
  gateway: z.string().optional(),
  dev: z.string().optional(),
  table: z.string().default('main'),
});

const RuleEntry = z.looseObject({
  priority: z.int(),
  fwmark: z.string().optional(),
  fwmask: z.string().optional(),
  table: z.string().optional(),
  goto: z.int().optional(),
});

const NeighbourEntry = z.looseObject({ dst: z.string(), dev: z.string(), lladdr: z.string().optional() });
const FdbListing = z.looseObject({
  mac: z.string(),
  ifname: z.string().optional(),
  dst: z.string().optional(),
  flags: z.array(z.string()).default([]),
});

/** Turns listings into the objects that are ours by name, group, table or priority. Pure. */
export function parseListings(naming: Naming, listings: IpListings): KernelObject[] {
  const links = parseArray(LinkEntry, listings.addresses, 'ip address').filter((link) =>
    isOurLink(naming, link),
  );
  const devices = new Set(links.map((link) => link.ifname));
  return [
    ...links.flatMap((link) => linkObjects(link)),
    ...parseArray(RouteEntry, listings.routes, 'ip route').flatMap((route) => routeObject(naming, route)),
    ...parseArray(RuleEntry, listings.rules, 'ip rule').flatMap((rule) => ruleObject(naming, rule)),
    ...parseArray(NeighbourEntry, listings.neighbours, 'ip neigh').flatMap((entry): KernelObject[] =>
      devices.has(entry.dev) && !entry.dst.includes(':') && entry.lladdr !== undefined
        ? [{ kind: 'neighbour', device: entry.dev, address: entry.dst, macAddress: entry.lladdr }]
        : [],
    ),
    ...parseArray(FdbListing, listings.fdb, 'bridge fdb').flatMap((entry): KernelObject[] =>
      entry.ifname !== undefined && devices.has(entry.ifname) && entry.dst !== undefined
        ? [{ kind: 'fdb', device: entry.ifname, macAddress: entry.mac, destination: entry.dst }]
        : [],
    ),
  ];
}

/** Subnets of both families the host is in by itself: what the address pools of local networks must avoid. */
export function parseForeignSubnets(naming: Naming, addresses: string): string[] {
  return parseArray(LinkEntry, addresses, 'ip address')
    .filter((link) => !isOurLink(naming, link))
    .flatMap((link) => link.addr_info.filter(({ local = '' }) => local !== '::1' && !isLinkLocal(local)))
    .flatMap((info) =>
      info.local === undefined || info.prefixlen === undefined
        ? []
        : [`${info.local}/${String(info.prefixlen)}`],
    );
}

/** MTU of the device that has `address`. */
export function parseUnderlayMtu(addresses: string, address: string): number | undefined {
  return parseArray(LinkEntry, addresses, 'ip address').find((link) =>
    link.addr_info.some((info) => info.local === address),
  )?.mtu;
}

/** Names of all devices but ours and the loopback. */
export function parseForeignDevices(naming: Naming, addresses: string): string[] {
  return parseArray(LinkEntry, addresses, 'ip address')
    .filter((link) => !isOurLink(naming, link) && !link.flags.includes('LOOPBACK') && link.ifname !== '')
    .map((link) => link.ifname);
}

/** `link-netnsid` veths and others of ours begin with the prefix and a letter for their kind; bridges may be named by users. */
function isOurLink(naming: Naming, link: LinkEntry): boolean {
  const kind = link.linkinfo?.info_kind;
  const { devicePrefix } = naming;
  switch (kind) {
    case 'vxlan':
      return new RegExp(`^${devicePrefix}x[0-9a-f]{1,6}$`).test(link.ifname);
    case 'veth':
      return new RegExp(`^${devicePrefix}[vp][0-9a-f]{12}$`).test(link.ifname);
    case 'bridge':
      return inMask(groupOf(link), BRIDGE_GROUP_MASK) === bridgeGroup(naming, 0) && groupOf(link) !== 0;
    case undefined:
    default:
      return false;
  }
}

function linkObjects(link: LinkEntry): KernelObject[] {
  const base = { name: link.ifname, group: groupOf(link), isUp: link.flags.includes('UP') } as const;
  const macAddress = link.address ?? '';
  const addresses = [...ipv4Of(link), ...ipv6Of(link)].flatMap((info): KernelObject[] =>
    info.local === undefined || info.prefixlen === undefined
      ? []
      : [{ kind: 'address', device: link.ifname, address: `${info.local}/${String(info.prefixlen)}` }],
  );
  switch (link.linkinfo?.info_kind) {
    case 'vxlan':
      return [
        { kind: 'link', type: 'vxlan', ...base, ...tunnelOf(link), macAddress, mtu: link.mtu },
        ...addresses,
      ];
    case 'bridge':
      return [{ kind: 'link', type: 'bridge', ...base, macAddress, mtu: link.mtu }, ...addresses];
    case 'veth':
      return [{ kind: 'link', type: 'veth', ...base, ...portOf(link) }, ...addresses];
    case undefined:
    default:
      return [];
  }
}

function tunnelOf(link: LinkEntry): Pick<VxlanLink, 'vni' | 'local' | 'port'> {
  const data = link.linkinfo?.info_data;
  return { vni: data?.id ?? 0, local: data?.local ?? '', port: data?.port ?? 0 };
}

function portOf(link: LinkEntry): Pick<VethLink, 'master' | 'isHairpin'> {
  return link.master === undefined
    ? {}
    : { master: link.master, isHairpin: link.linkinfo?.info_slave_data?.hairpin ?? false };
}

/** IPv6 addresses of a bridge; link-local ones are the kernel's own affair, but for the one we give. */
function ipv6Of(link: LinkEntry): LinkEntry['addr_info'] {
  return link.linkinfo?.info_kind === 'bridge'
    ? link.addr_info.filter(
        ({ family, local = '', prefixlen = 0 }) =>
          family === 'inet6' &&
          (!isLinkLocal(local) || `${local}/${String(prefixlen)}` === BRIDGE_LINK_LOCAL),
      )
    : [];
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/.test(address);
}

function ipv4Of(link: LinkEntry): LinkEntry['addr_info'] {
  return link.addr_info.filter((info) => info.family === 'inet');
}

function routeObject(naming: Naming, route: z.infer<typeof RouteEntry>): KernelObject[] {
  const table = Number(route.table);
  if (route.dst.includes(':')) {
    return [];
  }
  if (!(table >= naming.routeTable && table <= naming.routeTable + NODE_INDEX_MAX)) {
    return [];
  }
  const destination =
    route.dst === 'default' ? '0.0.0.0/0' : route.dst.includes('/') ? route.dst : `${route.dst}/32`;
  return [
    {
      kind: 'route',
      table,
      destination,
      type: route.type === 'unreachable' ? 'unreachable' : 'unicast',
      ...(route.dev === undefined || route.type === 'unreachable' ? {} : { device: route.dev }),
      ...(route.gateway === undefined ? {} : { via: route.gateway }),
    },
  ];
}

function ruleObject(naming: Naming, rule: z.infer<typeof RuleEntry>): KernelObject[] {
  if (!(rule.priority >= naming.routeTable && rule.priority <= naming.routeTable + NODE_INDEX_MAX + 1)) {
    return [];
  }
  const action =
    rule.goto === undefined
      ? ({ type: 'lookup', table: Number(rule.table ?? 0) } as const)
      : ({ type: 'goto', priority: rule.goto } as const);
  return [
    {
      kind: 'rule',
      priority: rule.priority,
      ...(rule.fwmark === undefined
        ? {}
        : { mark: { value: Number(rule.fwmark), mask: Number(rule.fwmask ?? 0xffffffff) } }),
      action,
    },
  ];
}

function groupOf(link: LinkEntry): number {
  return link.group === 'default' ? 0 : Number(link.group);
}

/** `value & mask` without JavaScript's signed 32-bit results. */
function inMask(value: number, mask: number): number {
  return (value & mask) >>> 0;
}

function parseArray<S extends z.ZodType>(schema: S, text: string, what: string): z.infer<S>[] {
  let json: unknown;
  try {
    json = text.trim() === '' ? [] : JSON.parse(text);
  } catch (error) {
    throw new SwarmError('internal', `${what} printed no JSON`, { cause: error });
  }
  // iproute2 prints an empty object for a listing without entries of the wanted kind.
  const entries = (Array.isArray(json) ? json : []).filter(
    (entry: unknown) => typeof entry === 'object' && entry !== null && Object.keys(entry).length > 0,
  );
  const parsed = z.array(schema).safeParse(entries);
  if (!parsed.success) {
    throw new SwarmError('internal', `${what} printed an unknown form: ${parsed.error.message}`);
  }
  return parsed.data;
}
