import { SwarmError } from '@skep/kernel';

import { choosePool } from './address-pool.ts';
import { checkPools, familyOf } from './ipam-checks.ts';
import type { PoolSpec } from './ipam-checks.ts';
import { chooseIpv6Pool } from './ipv6-pool.ts';
import type { HostNetwork } from './host-network.ts';
import { bridgeName, defaultBridgeName } from './naming.ts';
import type { Naming } from './naming.ts';
import type { AttachedContainer, LocalNetworkSpec, NetworkView } from './network-api.ts';
import type { Ipv6Pool, LocalNetwork } from './state.ts';

/** Ids of the networks every host has besides `bridge`, and their age. */
export interface PredefinedIds {
  readonly hostId: string;
  readonly noneId: string;
  readonly createdAtMs: number;
}

export interface NewNetworkInput {
  readonly spec: LocalNetworkSpec;
  readonly id: string;
  readonly naming: Naming;
  readonly isDefault: boolean;
  readonly nowMs: number;
  readonly existing: readonly LocalNetwork[];
  /** Subnets of both families that are in use by others: other networks and the host itself. */
  readonly taken: readonly string[];
  /** Why this host cannot do IPv6; undefined when it can. */
  readonly ipv6Obstacle: string | undefined;
  readonly hostSeed: string;
}

const OPTION = {
  bridgeName: 'com.docker.network.bridge.name',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  icc: 'com.docker.network.bridge.enable_icc',
  mtu: 'com.docker.network.driver.mtu',
} as const;

const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const DEVICE_PATTERN = /^[a-zA-Z][a-zA-Z0-9_.-]{0,14}$/;

/** Makes a local network from its specification. Pure. @throws SwarmError naming the wrong field and the remedy. */
export function newLocalNetwork(input: NewNetworkInput): LocalNetwork {
  const { spec, id } = input;
  checkSpec(spec);
  const pools = spec.ipam ?? [];
  checkPools(pools);
  const ipv6 = ipv6Of(input, pools);
  const options = spec.options ?? {};
  const pool = choosePool({
    networkName: spec.name,
    taken: input.taken,
    ...withoutUndefined(pools.find((one) => familyOf(one) !== 6) ?? {}),
  });
  const mtu = Number(options[OPTION.mtu] ?? Number.NaN);
  const chosenName = input.isDefault ? defaultBridgeName(input.naming) : bridgeName(input.naming, id);
  return {
    id,
    name: spec.name,
    bridgeName: options[OPTION.bridgeName] ?? chosenName,
    groupIndex: freeIndex(input.existing.map((network) => network.groupIndex)),
    ...pool,
    ...(ipv6 === undefined ? {} : { ipv6 }),
    isInternal: spec.isInternal ?? false,
    isMasqueraded: options[OPTION.masquerade] !== 'false',
    isDefault: input.isDefault,
    ...(Number.isInteger(mtu) ? { mtu } : {}),
    createdAtMs: input.nowMs,
    labels: spec.labels ?? {},
    options,
    isAttachable: spec.isAttachable ?? false,
  };
}

/** @throws SwarmError when IPv6 is wanted and cannot be had, or addresses of it are named and it is not wanted. */
function ipv6Of(input: NewNetworkInput, pools: readonly PoolSpec[]): Ipv6Pool | undefined {
  const { spec, ipv6Obstacle } = input;
  const pool = pools.find((one) => familyOf(one) === 6);
  if (spec.isIpv6 !== true) {
    if (pool !== undefined) {
      throw new SwarmError(
        'invalid_argument',
        `network ${spec.name}: ${pool.subnet ?? ''} is an IPv6 subnet; create the network with --ipv6`,
      );
    }
    return undefined;
  }
  if (ipv6Obstacle !== undefined) {
    throw new SwarmError('failed_precondition', `network ${spec.name}: ${ipv6Obstacle}`);
  }
  return chooseIpv6Pool({ networkName: spec.name, pool, taken: input.taken, hostSeed: input.hostSeed });
}

function checkSpec(spec: LocalNetworkSpec): void {
  if (!NAME_PATTERN.test(spec.name)) {
    throw new SwarmError(
      'invalid_argument',
      `network name "${spec.name}" is not valid; begin with a letter or digit and use letters, digits, _ . and -`,
    );
  }
  const refuse = (code: 'invalid_argument' | 'unimplemented', reason: string): never => {
    throw new SwarmError(code, `network ${spec.name}: ${reason}`);
  };
  if (spec.driver !== undefined && spec.driver !== 'bridge') {
    refuse('invalid_argument', `driver ${spec.driver} is not a driver for local networks; use bridge`);
  }
  const families = (spec.ipam ?? []).map((pool) => (familyOf(pool) === 6 ? 'IPv6' : 'IPv4'));
  const double = families.find((family, index) => families.indexOf(family) !== index);
  if (double !== undefined) {
    refuse('invalid_argument', `at most one ${double} subnet can be given`);
  }
  const options = spec.options ?? {};
  if (options[OPTION.icc] === 'false') {
    refuse('unimplemented', `${OPTION.icc}=false is not supported`);
  }
  const device = options[OPTION.bridgeName];
  if (device !== undefined && !DEVICE_PATTERN.test(device)) {
    refuse(
      'invalid_argument',
      `${device} is not a name for a device; use up to 15 letters, digits, _ . and -`,
    );
  }
  const mtu = options[OPTION.mtu];
  if (mtu !== undefined && !(/^\d+$/.test(mtu) && Number(mtu) >= 68 && Number(mtu) <= 65_535)) {
    refuse('invalid_argument', `mtu ${mtu} is not a number from 68 to 65535`);
  }
}

/** All networks of the host as Docker lists them, by name. */
export function listViews(host: HostNetwork, predefined: PredefinedIds): NetworkView[] {
  const views = [
    ...[...host.localNetworks.values()].map((network) => localView(host, network)),
    emptyView('host', predefined.hostId, predefined.createdAtMs),
    emptyView('null', predefined.noneId, predefined.createdAtMs),
    ...(host.cluster?.networks ?? []).map((network): NetworkView => ({
      id: network.id,
      name: network.name,
      createdAtMs: 0,
      scope: 'swarm',
      driver: 'overlay',
      isInternal: network.isInternal,
      isAttachable: network.isAttachable,
      isIngress: network.isIngress,
      isIpv6: false,
      ipam: network.subnets,
      options: {
        'com.docker.network.driver.overlay.vxlanid_list': String(network.vni),
        ...network.driverOpts,
      },
      labels: {},
      containers: attachedContainers(host, network.id),
      peers: (host.cluster?.peers ?? []).map((peer) => ({ name: peer.hostname, address: peer.addr })),
    })),
  ];
  return views.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/**
 * Finds one by name, id, or unambiguous prefix of an id (at least one digit).
 * @throws SwarmError `not_found`, or `invalid_argument` when a prefix fits several.
 */
export function findByReference<T extends { readonly id: string; readonly name: string }>(
  items: readonly T[],
  reference: string,
): T {
  const exact = items.find((item) => item.id === reference) ?? items.find((item) => item.name === reference);
  if (exact !== undefined) {
    return exact;
  }
  const matches = reference === '' ? [] : items.filter((item) => item.id.startsWith(reference));
  const [only] = matches;
  if (only === undefined) {
    throw new SwarmError('not_found', `network ${reference} not found`);
  }
  if (matches.length > 1) {
    throw new SwarmError(
      'invalid_argument',
      `network ${reference} is ambiguous (${String(matches.length)} matches found on ID prefix)`,
    );
  }
  return only;
}

function localView(host: HostNetwork, network: LocalNetwork): NetworkView {
  const { subnet, gateway, range, auxiliary, ipv6 } = network;
  return {
    id: network.id,
    name: network.name,
    createdAtMs: network.createdAtMs,
    scope: 'local',
    driver: 'bridge',
    isInternal: network.isInternal,
    isAttachable: network.isAttachable,
    isIngress: false,
    isIpv6: ipv6 !== undefined,
    ipam: [
      {
        subnet,
        gateway,
        ...(range === undefined ? {} : { range }),
        ...(auxiliary === undefined ? {} : { auxiliary }),
      },
      ...(ipv6 === undefined ? [] : [ipv6]),
    ],
    options: network.options,
    labels: network.labels,
    containers: attachedContainers(host, network.id),
    peers: [],
  };
}

function emptyView(driver: 'host' | 'null', id: string, createdAtMs: number): NetworkView {
  return {
    id,
    name: driver === 'null' ? 'none' : driver,
    createdAtMs,
    scope: 'local',
    driver,
    isInternal: false,
    isAttachable: false,
    isIngress: false,
    isIpv6: false,
    ipam: [],
    options: {},
    labels: {},
    containers: [],
    peers: [],
  };
}

function attachedContainers(host: HostNetwork, networkId: string): AttachedContainer[] {
  return [...host.containers.values()].flatMap((container) =>
    container.attachments
      .filter((attachment) => attachment.networkId === networkId)
      .map((attachment) => ({
        containerId: container.containerId,
        name: container.name,
        endpointId: attachment.endpointId,
        macAddress: attachment.macAddress,
        ipv4Address: `${attachment.address}/${String(attachment.prefixLength)}`,
        ...(attachment.ipv6 === undefined
          ? {}
          : { ipv6Address: `${attachment.ipv6.address}/${String(attachment.ipv6.prefixLength)}` }),
      })),
  );
}

function freeIndex(used: readonly number[]): number {
  const taken = new Set(used);
  let index = 0;
  while (taken.has(index)) {
    index += 1;
  }
  return index;
}

function withoutUndefined<T extends object>(pool: T): T {
  return Object.fromEntries(Object.entries(pool).filter(([, value]) => value !== undefined)) as T;
}
