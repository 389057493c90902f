import { isDeepEqual, type SwarmError } from '@skep/kernel';
import type { Network, Service, Task } from '@skep/model';
import type { WriteTx } from '@skep/store';

import { chooseSubnets, isOverlay, type AddressPicker } from './allocator/ipam.ts';
import { chooseAttachments, chooseEndpoint, membershipsOf } from './allocator/vip.ts';
import { chooseVni } from './allocator/vni.ts';

/** Gives a network its VNI and subnets, if it has none. Answers why it could not. */
export function allocateNetwork(tx: WriteTx, network: Network): SwarmError | undefined {
  if (network.pendingDelete === true || network.ipam !== undefined || !isOverlay(network.spec)) {
    return undefined;
  }
  const vni = chooseVni(tx, network.spec.driverOpts);
  if (!vni.ok) {
    return vni.error;
  }
  const ipam = chooseSubnets(tx, network);
  if (!ipam.ok) {
    return ipam.error;
  }
  tx.patch('network', network.id, { vni: vni.value, ipam: ipam.value });
  return undefined;
}

/**
 * Gives a service its ports and virtual addresses, or brings them in line with a changed spec. Answers the service as
 * it is then; on a failure it keeps what it had.
 */
export function allocateService(
  tx: WriteTx,
  service: Service,
  picker: AddressPicker,
): { readonly service: Service; readonly error?: SwarmError } {
  if (service.pendingDelete === true) {
    return { service };
  }
  const endpoint = chooseEndpoint(tx, service, picker);
  if (!endpoint.ok) {
    return { service, error: endpoint.error };
  }
  if (isDeepEqual(endpoint.value, service.endpoint)) {
    return { service };
  }
  const when = { specVersion: service.specVersion };
  return { service: tx.patch('service', service.id, { endpoint: endpoint.value }, { when }) };
}

/**
 * Gives a new task its addresses: NEW becomes PENDING. When there are none it stays NEW and says why. Answers whether
 * the task can be scheduled.
 */
export function allocateTask(tx: WriteTx, service: Service, task: Task, picker: AddressPicker): boolean {
  const memberships = membershipsOf(tx, service.spec);
  const attachments = memberships.ok ? chooseAttachments(tx, memberships.value, picker) : memberships;
  if (!attachments.ok) {
    sayWaiting(tx, task, attachments.error);
    return false;
  }
  if (attachments.value.length > 0) {
    tx.patch('task', task.id, { networks: attachments.value });
  }
  const { reason } = task.status;
  tx.setTaskStatus(task.id, {
    state: 'pending',
    atMs: tx.nowMs,
    message: 'pending task scheduling',
    ...(reason === undefined || reason.code === 'sched.network' ? {} : { reason }),
  });
  return true;
}

function sayWaiting(tx: WriteTx, task: Task, error: SwarmError): void {
  if (task.status.err === error.message) {
    return;
  }
  const network = error.details['network'];
  tx.setTaskStatus(task.id, {
    state: 'new',
    atMs: tx.nowMs,
    message: 'waiting for addresses',
    err: error.message,
    reason: {
      code: 'sched.network',
      params: { net: typeof network === 'string' ? network : '' },
    },
  });
}
