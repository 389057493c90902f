/**
 * Messages of rtnetlink(7), the kernel's own language for links, addresses and routes. What each new container needs
 * is said in it directly: a child process for the same few messages costs ten times as much.
 */

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWADDR = 20;
const RTM_NEWROUTE = 24;
const RTM_NEWNEIGH = 28;
const NLMSG_ERROR = 2;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_REPLACE = 0x100;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;
const HEADER_BYTES = 16;

const IFLA = {
  address: 1,
  name: 3,
  mtu: 4,
  master: 10,
  linkInfo: 18,
  afSpec: 26,
  group: 27,
  namespaceFd: 28,
} as const;
const IFLA_INFO = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 } as const;
const VETH_INFO_PEER = 1;
const IFLA_BRPORT_HAIRPIN = 4;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const ADDR_GEN_MODE_NONE = 1;
const IFF_UP = 1;
const IFA = { address: 1, local: 2, broadcast: 4, flags: 8 } as const;
const IFA_F_NODAD = 0x02;
const IFA_F_NOPREFIXROUTE = 0x200;
const NDA = { destination: 1, macAddress: 2 } as const;
const NUD_PERMANENT = 0x80;
const RTA = { destination: 1, device: 4, gateway: 5, preferredSource: 7 } as const;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE = { universe: 0, link: 253 } as const;
const RTN_UNICAST = 1;
const AF_INET = 2;
const AF_INET6 = 10;

/** One request without its sequence number. */
export interface NetlinkRequest {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
  /** What it is about, for the message of a refusal. */
  readonly what: string;
}

/** One end of a veth pair that is to be made. */
export interface VethEnd {
  readonly name: string;
  readonly mtu: number;
  /** The kernel chooses one when it is absent. */
  readonly macAddress?: string;
}

/** Makes a veth pair: `near` in the namespace of the socket, `far` in the one open as `farNamespaceFd`. */
export function addVeth(pair: {
  readonly near: VethEnd & { readonly group: number; readonly masterIndex?: number };
  readonly far: VethEnd;
  readonly farNamespaceFd: number;
}): NetlinkRequest {
  const { near, far, farNamespaceFd } = pair;
  const peer = Buffer.concat([linkHeader(), endAttributes(far), uint32(IFLA.namespaceFd, farNamespaceFd)]);
  const body = Buffer.concat([
    linkHeader(),
    endAttributes(near),
    uint32(IFLA.group, near.group),
    near.masterIndex === undefined ? Buffer.alloc(0) : uint32(IFLA.master, near.masterIndex),
    nested(IFLA.linkInfo, [
      text(IFLA_INFO.kind, 'veth'),
      nested(IFLA_INFO.data, [attribute(VETH_INFO_PEER, peer)]),
    ]),
  ]);
  return { type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, body, what: `make interface ${near.name}` };
}

/** Keeps the kernel from giving a link an IPv6 address of its own; before it comes up. */
export function withoutOwnAddress(name: string): NetlinkRequest {
  const mode = uint8(IFLA_INET6_ADDR_GEN_MODE, ADDR_GEN_MODE_NONE);
  const body = Buffer.concat([
    linkHeader(),
    text(IFLA.name, name),
    nested(IFLA.afSpec, [nested(AF_INET6, [mode])]),
  ]);
  return { type: RTM_NEWLINK, flags: 0, body, what: `set up interface ${name}` };
}

/** Lets a bridge send frames back to the port that they came from. */
export function withHairpin(name: string): NetlinkRequest {
  const body = Buffer.concat([
    linkHeader(),
    text(IFLA.name, name),
    nested(IFLA.linkInfo, [
      text(IFLA_INFO.slaveKind, 'bridge'),
      nested(IFLA_INFO.slaveData, [uint8(IFLA_BRPORT_HAIRPIN, 1)]),
    ]),
  ]);
  return { type: RTM_NEWLINK, flags: 0, body, what: `set up bridge port ${name}` };
}

export function bringLinkUp(name: string): NetlinkRequest {
  const body = Buffer.concat([linkHeader(IFF_UP, IFF_UP), text(IFLA.name, name)]);
  return { type: RTM_NEWLINK, flags: 0, body, what: `bring up interface ${name}` };
}

/** Removes a link, with the other end of a pair. */
export function removeLink(name: string): NetlinkRequest {
  const body = Buffer.concat([linkHeader(), text(IFLA.name, name)]);
  return { type: RTM_DELLINK, flags: 0, body, what: `remove interface ${name}` };
}

/** Gives a link an IPv4 address. With `broadcast` the kernel makes the route of the subnet too. */
export function addAddress(wanted: {
  readonly deviceIndex: number;
  readonly address: number;
  readonly prefixLength: number;
  readonly broadcast?: number;
}): NetlinkRequest {
  const { deviceIndex, address, prefixLength, broadcast } = wanted;
  const header = Buffer.alloc(8);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(prefixLength, 1);
  header.writeInt32LE(deviceIndex, 4);
  const body = Buffer.concat([
    header,
    ipv4(IFA.local, address),
    ipv4(IFA.address, address),
    broadcast === undefined ? uint32(IFA.flags, IFA_F_NOPREFIXROUTE) : ipv4(IFA.broadcast, broadcast),
  ]);
  return { type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, body, what: 'give the address' };
}

/**
 * Gives a link an IPv6 address, with the route of its subnet. It can be used at once: addresses are given by one
 * allocator, so no other machine has to be asked whether it has it.
 */
export function addIpv6Address(wanted: {
  readonly deviceIndex: number;
  readonly address: bigint;
  readonly prefixLength: number;
}): NetlinkRequest {
  const header = Buffer.alloc(8);
  header.writeUInt8(AF_INET6, 0);
  header.writeUInt8(wanted.prefixLength, 1);
  header.writeUInt8(IFA_F_NODAD, 2);
  header.writeInt32LE(wanted.deviceIndex, 4);
  const body = Buffer.concat([header, ipv6(IFA.local, wanted.address), ipv6(IFA.address, wanted.address)]);
  return { type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, body, what: 'give the IPv6 address' };
}

/** The default route of IPv6, by way of the main table. */
export function addIpv6DefaultRoute(wanted: {
  readonly deviceIndex: number;
  readonly gateway: bigint;
}): NetlinkRequest {
  const header = Buffer.alloc(12);
  header.set([AF_INET6, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE.universe, RTN_UNICAST]);
  const body = Buffer.concat([
    header,
    ipv6(RTA.gateway, wanted.gateway),
    uint32(RTA.device, wanted.deviceIndex),
  ]);
  return { type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_REPLACE, body, what: 'set the IPv6 route' };
}

/** A permanent neighbour: nobody is ever asked for its hardware address. */
export function addNeighbour(wanted: {
  readonly deviceIndex: number;
  readonly address: number;
  readonly macAddress: string;
}): NetlinkRequest {
  const header = Buffer.alloc(12);
  header.writeUInt8(AF_INET, 0);
  header.writeInt32LE(wanted.deviceIndex, 4);
  header.writeUInt16LE(NUD_PERMANENT, 8);
  const body = Buffer.concat([
    header,
    ipv4(NDA.destination, wanted.address),
    attribute(NDA.macAddress, macBytes(wanted.macAddress)),
  ]);
  return { type: RTM_NEWNEIGH, flags: NLM_F_CREATE | NLM_F_REPLACE, body, what: 'set the gateway' };
}

/** A route of the main table; without a gateway the destination is on the link itself. */
export function addRoute(wanted: {
  readonly deviceIndex: number;
  /** 0 with prefix length 0 is the default route. */
  readonly destination: number;
  readonly prefixLength: number;
  readonly gateway?: number;
  readonly source?: number;
}): NetlinkRequest {
  const { deviceIndex, destination, prefixLength, gateway, source } = wanted;
  const header = Buffer.alloc(12);
  const scope = gateway === undefined ? RT_SCOPE.link : RT_SCOPE.universe;
  header.set([AF_INET, prefixLength, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST]);
  const body = Buffer.concat([
    header,
    ...(prefixLength === 0 ? [] : [ipv4(RTA.destination, destination)]),
    ...(gateway === undefined ? [] : [ipv4(RTA.gateway, gateway)]),
    ...(source === undefined ? [] : [ipv4(RTA.preferredSource, source)]),
    uint32(RTA.device, deviceIndex),
  ]);
  return { type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_REPLACE, body, what: 'set a route' };
}

/** The bytes of a batch; request n has sequence number `firstSequence` + n, and each is answered. */
export function encodeBatch(requests: readonly NetlinkRequest[], firstSequence: number): Buffer {
  return Buffer.concat(
    requests.map(({ type, flags, body }, index) => {
      const header = Buffer.alloc(HEADER_BYTES);
      header.writeUInt32LE(HEADER_BYTES + body.length, 0);
      header.writeUInt16LE(type, 4);
      header.writeUInt16LE(flags | NLM_F_REQUEST | NLM_F_ACK, 6);
      header.writeUInt32LE(firstSequence + index, 8);
      return Buffer.concat([header, body]);
    }),
  );
}

/** The kernel's answer to one request: its sequence number, and an errno that is 0 for success. */
export interface NetlinkAnswer {
  readonly sequence: number;
  readonly errno: number;
}

/** Reads the answers of one datagram; what is no answer to a request is left out. */
export function decodeAnswers(datagram: Buffer): NetlinkAnswer[] {
  const answers: NetlinkAnswer[] = [];
  for (let offset = 0; offset + HEADER_BYTES + 4 <= datagram.length;) {
    const length = datagram.readUInt32LE(offset);
    if (datagram.readUInt16LE(offset + 4) === NLMSG_ERROR) {
      const errno = Math.abs(datagram.readInt32LE(offset + HEADER_BYTES));
      answers.push({ sequence: datagram.readUInt32LE(offset + 8), errno });
    }
    offset += Math.max(HEADER_BYTES, aligned(length));
  }
  return answers;
}

function linkHeader(flags = 0, change = 0): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(change, 12);
  return header;
}

function endAttributes({ name, mtu, macAddress }: VethEnd): Buffer {
  return Buffer.concat([
    text(IFLA.name, name),
    uint32(IFLA.mtu, mtu),
    ...(macAddress === undefined ? [] : [attribute(IFLA.address, macBytes(macAddress))]),
  ]);
}

function attribute(type: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(aligned(4 + value.length));
  bytes.writeUInt16LE(4 + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  value.copy(bytes, 4);
  return bytes;
}

function nested(type: number, attributes: readonly Buffer[]): Buffer {
  return attribute(type, Buffer.concat(attributes));
}

function text(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`));
}

function uint8(type: number, value: number): Buffer {
  return attribute(type, Buffer.of(value));
}

function uint32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return attribute(type, bytes);
}

function ipv4(type: number, address: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(address);
  return attribute(type, bytes);
}

function ipv6(type: number, address: bigint): Buffer {
  return attribute(type, Buffer.from(address.toString(16).padStart(32, '0'), 'hex'));
}

function macBytes(address: string): Buffer {
  return Buffer.from(address.replaceAll(':', ''), 'hex');
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
