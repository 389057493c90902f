import { fail, ok, type Result } from '@skep/kernel';
import {
  isPredefinedNetwork,
  type Network,
  type NetworkAttachment,
  type Service,
  type ServiceEndpoint,
} from '@skep/model';
import type { ReadTx } from '@skep/store';

import { isOverlay, type AddressPicker } from './ipam.ts';
import { choosePorts, needsIngress } from './ports.ts';

/** The routing mesh's network; undefined when an administrator removed it. */
export function ingressNetwork(tx: ReadTx): Network | undefined {
  return tx
    .list('network')
    .find((network) => network.spec.ingress === true && network.pendingDelete !== true);
}

/** A network that the tasks of a service join, with the names they have there. */
export interface Membership {
  readonly network: Network;
  readonly aliases: readonly string[];
}

/**
 * The overlay networks that tasks of a service join: ingress first when it publishes ports on the mesh.
 * @returns `failed_precondition` when a network is gone or has no subnet yet.
 */
export function membershipsOf(tx: ReadTx, spec: Service['spec']): Result<Membership[]> {
  const memberships: Membership[] = [];
  if (needsIngress(spec)) {
    const ingress = ingressNetwork(tx);
    if (ingress === undefined) {
      return fail('failed_precondition', 'service needs ingress network, but no ingress network is present');
    }
    memberships.push({ network: ingress, aliases: [] });
  }
  for (const { target, aliases } of spec.task.networks ?? []) {
    const network = tx.get('network', target);
    if (network === undefined) {
      if (isPredefinedNetwork(target)) {
        continue;
      }
      return fail('failed_precondition', `network ${target} not found`, { details: { network: target } });
    }
    if (isOverlay(network.spec)) {
      memberships.push({ network, aliases: aliases ?? [] });
    }
  }
  const waiting = memberships.find(({ network }) => network.ipam === undefined);
  return waiting === undefined
    ? ok(memberships)
    : fail('failed_precondition', `network ${waiting.network.spec.name} has no subnet yet`, {
        details: { network: waiting.network.spec.name },
      });
}

/** What a service is reached by: ports, and a virtual address on each network unless it answers by DNS alone. */
export function chooseEndpoint(tx: ReadTx, service: Service, picker: AddressPicker): Result<ServiceEndpoint> {
  const ports = choosePorts(tx, service);
  if (!ports.ok) {
    return ports;
  }
  const mode = service.spec.endpoint?.mode ?? 'vip';
  if (mode === 'dnsrr') {
    return ok({ mode, ports: ports.value, virtualIps: [] });
  }
  const memberships = membershipsOf(tx, service.spec);
  if (!memberships.ok) {
    return memberships;
  }
  const virtualIps: ServiceEndpoint['virtualIps'] = [];
  for (const { network } of memberships.value) {
    const former = service.endpoint?.virtualIps.find(({ networkId }) => networkId === network.id);
    if (former !== undefined) {
      virtualIps.push(former);
      continue;
    }
    const address = picker.choose(tx, network);
    if (!address.ok) {
      return address;
    }
    virtualIps.push({ networkId: network.id, address: address.value });
  }
  return ok({ mode, ports: ports.value, virtualIps });
}

/** An address on each network for one task of a service. */
export function chooseAttachments(
  tx: ReadTx,
  memberships: readonly Membership[],
  picker: AddressPicker,
): Result<NetworkAttachment[]> {
  const attachments: NetworkAttachment[] = [];
  for (const { network, aliases } of memberships) {
    const address = picker.choose(tx, network);
    if (!address.ok) {
      return address;
    }
    attachments.push({
      networkId: network.id,
      addresses: [address.value],
      ...(aliases.length > 0 ? { aliases: [...aliases] } : {}),
    });
  }
  return ok(attachments);
}
