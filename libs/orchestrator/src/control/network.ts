import { SwarmError } from '@skep/kernel';
import type { Network, NetworkSpec, Service } from '@skep/model';
import { servicesThatNeed, type WriteTx } from '@skep/store';

import { assertValidIpam, chooseSubnets, isOverlay } from '../allocator/ipam.ts';
import { needsIngress } from '../allocator/ports.ts';
import { chooseVni } from '../allocator/vni.ts';
import { invalidField, type ControlEnv } from './env.ts';
import { resolveNetwork } from './resolve.ts';

/**
 * Creates a network of the cluster. VNI and subnet are given by the allocator right after.
 * @throws SwarmError `invalid_argument` (driver, IPAM), `name_conflict`, `failed_precondition` when a subnet overlaps
 *   another one, `unimplemented` for IPv6.
 */
export function createNetwork(tx: WriteTx, spec: NetworkSpec, env: ControlEnv): Network {
  if (!isOverlay(spec)) {
    throw invalidField(
      'driver',
      `invalid driver specified: ${String(spec.driver)}; cluster networks are overlay`,
    );
  }
  if (spec.ingress === true && spec.attachable === true) {
    throw invalidField('attachable', 'ingress network cannot be attachable');
  }
  if (spec.ingress === true && spec.internal === true) {
    throw invalidField('internal', 'ingress network cannot be internal');
  }
  assertValidIpam(spec);
  const id = env.newId();
  for (const chosen of [chooseSubnets(tx, { id, spec }), chooseVni(tx, spec.driverOpts)]) {
    if (!chosen.ok) {
      throw chosen.error;
    }
  }
  return tx.create('network', { id, spec });
}

/**
 * Removes a network that no service uses. Its name is free at once; its subnet and VNI when the last task that still
 * holds an address on it has ended.
 * @throws SwarmError `failed_precondition` "network x is in use by service y".
 */
export function removeNetwork(tx: WriteTx, ref: string): Network {
  const network = resolveNetwork(tx, ref);
  if (network.spec.ingress === true) {
    const user = tx.list('service').find((service) => isLive(service) && needsIngress(service.spec));
    if (user !== undefined) {
      throw new SwarmError(
        'failed_precondition',
        `ingress network cannot be removed because service ${user.id} depends on it`,
        { details: { serviceId: user.id, serviceName: user.spec.name } },
      );
    }
  }
  const user = servicesThatNeed(tx, 'network', network.id)[0];
  if (user !== undefined) {
    throw new SwarmError('failed_precondition', `network ${network.id} is in use by service ${user.id}`, {
      details: { serviceId: user.id, serviceName: user.spec.name },
    });
  }
  if (tx.countAddresses(network.id) === 0) {
    tx.remove('network', network.id, { version: network.version });
  } else {
    tx.update('network', { ...network, pendingDelete: true });
  }
  return network;
}

const isLive = (service: Service): boolean => service.pendingDelete !== true;
